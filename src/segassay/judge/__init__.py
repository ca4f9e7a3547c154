"""The judge: from image, mask and name to a score."""
