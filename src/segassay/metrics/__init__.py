"""Numbers that compare masks with masks, and scores with the truth."""
