"""What the commands do, from end to end; each pipeline reads like its command's help text."""
