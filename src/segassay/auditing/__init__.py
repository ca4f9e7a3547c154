"""`segassay audit` and `check`: every label checked, scored and ranked."""
