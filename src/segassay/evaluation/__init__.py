"""`segassay evaluate`: how far to trust a judge on labels whose truth is known."""
