"""Weak labels: prompts, promptable segmenters, the gate, and what models learn from them."""
