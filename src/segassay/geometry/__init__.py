"""Grids in millimetres, connected components: voxel geometry without any file format."""
