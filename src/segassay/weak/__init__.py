"""Labels for images that have none: a coarse model's guess, prompts from it, and a gate."""
