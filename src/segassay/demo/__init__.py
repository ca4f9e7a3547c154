"""`segassay demo`: an audit of phantoms whose errors are known."""
