"""`segassay models`: judges listed, verified, passed on, and imported from elsewhere."""
