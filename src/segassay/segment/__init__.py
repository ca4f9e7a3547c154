"""`segassay train seg` and `segassay predict`: segmenters that trust labels by degrees."""
