"""`segassay train`: one module for its verbs, one for `train ssl`, and options that both take."""
