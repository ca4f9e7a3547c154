"""Quality Sentinel trained on data of our own, for comparison."""
