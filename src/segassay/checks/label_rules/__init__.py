"""Rules on one label, and on the labels of one case."""
