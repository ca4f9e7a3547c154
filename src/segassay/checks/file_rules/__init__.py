"""Rules on files, headers and images."""
