"""A run: its folder, journal and configuration, and how one case's failure stays its own."""
