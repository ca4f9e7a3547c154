"""The frozen test: which masks of which held-out subjects, made again bit for bit."""
