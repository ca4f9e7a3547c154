"""Model folders of segassay; `segassay.load_judge` finds them here."""
