"""The report of a run: one offline page, and an issue list in markdown."""
