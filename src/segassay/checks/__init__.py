"""Rules that need no model: geometry, values, shape and cohort of the labels."""
