"""The waist of the house: score rows, findings and run records. No model, no voxel."""
