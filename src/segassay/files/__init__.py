"""Bytes and text on disk: archives, limits, whole writes, tables; no voxel."""
