"""Rules across cases, and on a data set as a whole."""
