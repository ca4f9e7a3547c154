"""Check of an image's further channels: can each be read, and does it lie on the first one's?"""

from segassay.checks.base import ImageView, found
from segassay.geometry.grid import Grid, corner_distance_mm
from segassay.records.findings import Finding
from segassay.types import Severity

_ROUNDING, _NOTICEABLE = 0.1, 0.5
"""Shares of the smallest spacing, as for labels: what a header rounds, and half a voxel."""


def channels(view: ImageView) -> list[Finding]:
    """Find channels that cannot be read, or that lie on another grid than the first.

    Programs stack channels by voxels: one of another shape is refused, one that lies elsewhere is
    mixed with the wrong place.
    """
    findings = []
    for number, (name, grid) in enumerate(view.channels.items(), start=1):
        if isinstance(grid, str):
            step = "copy the file again, or leave the case out"
            evidence = {"channel": number, "readable": False}
            findings.append(found("channels", view, Severity.ERROR, grid, step, **evidence))
        else:
            findings += _misplaced(view, number, name, grid)
    return findings


def _misplaced(view: ImageView, number: int, name: str, grid: Grid) -> list[Finding]:
    step = f"resample the channel onto {view.file_name}, or look for the one that belongs to it"
    evidence = {"channel": number, "readable": True}
    if grid.shape != view.grid.shape:
        message = f"{name}: channel {number} has shape {grid.shape}, the first {view.grid.shape}"
        return [found("channels", view, Severity.ERROR, message, step, **evidence)]
    distance, least = corner_distance_mm(grid, view.grid), min(view.grid.spacing_mm)
    if distance < _ROUNDING * least:
        return []
    severity = Severity.WARNING if distance < _NOTICEABLE * least else Severity.ERROR
    message = f"{name}: corners of channel {number} lie {distance:.3g} mm from the first one's"
    return [found("channels", view, severity, message, step, distance_mm=distance, **evidence)]
