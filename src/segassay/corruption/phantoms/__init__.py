"""Images without a patient: a simple phantom, and random shapes."""
