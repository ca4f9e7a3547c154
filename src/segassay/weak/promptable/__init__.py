"""Segmenters that draw what a prompt points at, all behind one protocol."""
