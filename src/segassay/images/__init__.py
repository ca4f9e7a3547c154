"""Image and label files as volumes in one orientation, slices of them, and the way back."""
