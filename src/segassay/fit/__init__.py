"""`segassay fit`, `calibrate` and `learn`: a judge becomes good on one's own data."""
