"""Data sets as they lie on disk: layouts found and read, cases, splits, pairs."""
