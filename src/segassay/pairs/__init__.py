"""`segassay pairs`: masks with simulated errors beside their reference."""
