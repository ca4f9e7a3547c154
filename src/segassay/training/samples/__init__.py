"""Training samples: how they are drawn, varied and batched."""
