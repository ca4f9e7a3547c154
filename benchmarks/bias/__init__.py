"""How large a difference between groups is found, and how often one is that is not there."""
