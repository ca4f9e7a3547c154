"""Measurements behind the published figures; run as `python -m benchmarks.FOLDER.SCRIPT`."""
