"""Labels for images that have none: what they are worth for training."""
