"""Check of the label file's place: does it lie on the image's grid?"""

from itertools import permutations

import numpy as np

from segassay.checks.base import FileView, found
from segassay.geometry.grid import Grid, corner_distance_mm
from segassay.records.findings import Finding
from segassay.types import Severity

_ROUNDING = 0.1
"""Header rounding moves corners by less than this share of the smallest spacing."""

_NOTICEABLE = 0.5
"""Beyond half a voxel image and mask do not line up, see `geometry.grid.require_same_grid`."""

_DIRECTIONS = ("L/R", "P/A", "I/S")
"""What the axes of a RAS+ grid run along."""


def grid_mismatch(view: FileView) -> list[Finding]:
    """Compare the corners of label and image in millimetres.

    A whole axis stored the other way round, or two axes exchanged, is named where that explains
    the difference.
    """
    label, image = view.label_grid, view.image_grid
    if label.shape != image.shape:
        message = f"{view.file_name}: shape {label.shape}, the image has {image.shape}"
        step = "resample the label onto the image, or look for the image it was drawn on"
        exchanged = _exchanged(label, image)
        if exchanged:
            message = f"{message}: {exchanged}"
            step = "reorder the label's axes and copy the image's header onto it"
        return [found("grid_mismatch", view, Severity.ERROR, message, step)]
    distance = corner_distance_mm(label, image)
    least = min(image.spacing_mm)
    if distance < 1e-3 * least:
        return []
    severity = Severity.INFO
    if not distance < _ROUNDING * least:  # also NaN, from an affine that holds NaN
        severity = Severity.WARNING if distance <= _NOTICEABLE * least else Severity.ERROR
    message = f"{view.file_name}: corners lie {distance:.3g} mm from the image's"
    step = (
        "`segassay fix DATA --dry-run` copies the image's header where the voxels surely line up; "
        "else look whether they do, or resample the label"
    )
    reversed_axes = _reversed(label, image)
    if reversed_axes:
        message = f"{message}: {reversed_axes} stored the other way round"
    return [found("grid_mismatch", view, severity, message, step, distance_mm=distance)]


def _exchanged(label: Grid, image: Grid) -> str:
    """Say which exchange of axes would give the image's shape; empty if none does."""
    for order in permutations(range(3)):
        if tuple(label.shape[axis] for axis in order) == image.shape:
            return f"axes exchanged, the image's are the label's {', '.join(map(str, order))}"
    return ""


def _reversed(label: Grid, image: Grid) -> str:
    """Name the axes along which the label lies one whole image away, as a wrong sign leaves it."""
    try:
        moved = np.linalg.solve(image.affine, label.affine)
    except np.linalg.LinAlgError:
        return ""
    last = np.array(image.shape) - 1
    if not np.allclose(moved[:3, :3], np.eye(3), atol=0.01):
        return ""
    shift = np.abs(moved[:3, 3])
    whole = (last > 0) & (np.abs(shift - last) <= 1)
    if not (whole | (shift < _NOTICEABLE)).all() or not whole.any():
        return ""
    return " and ".join(name for name, is_whole in zip(_DIRECTIONS, whole, strict=True) if is_whole)
