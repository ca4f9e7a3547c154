"""`segassay train seg` and `segassay predict`: segmentation networks that trust labels by degrees."""
