"""Checks of the label file: does it lie on the image's grid, does it hold what it may hold."""

from segassay.checks.base import FileView, found
from segassay.geometry.grid import corner_distance_mm
from segassay.records.findings import Finding
from segassay.types import Severity

_ROUNDING = 0.1
"""Header rounding moves corners by less than this share of the smallest spacing."""

_NOTICEABLE = 0.5
"""From half a voxel on, image and mask no longer line up."""

_FRACTION = 1e-3


def grid_mismatch(view: FileView) -> list[Finding]:
    """Compare the corners of label and image in millimetres."""
    label, image = view.label_grid, view.image_grid
    if label.shape != image.shape:
        message = f"{view.file_name}: shape {label.shape}, the image has {image.shape}"
        step = "resample the label onto the image, or look for the image it was drawn on"
        return [found("grid_mismatch", view, Severity.ERROR, message, step)]
    distance = corner_distance_mm(label, image)
    least = min(image.spacing_mm)
    if distance < 1e-3 * least:
        return []
    severity = Severity.INFO
    if distance >= _ROUNDING * least:
        severity = Severity.WARNING if distance < _NOTICEABLE * least else Severity.ERROR
    message = f"{view.file_name}: corners lie {distance:.3g} mm from the image's"
    step = "copy the image's header onto the label if the voxels line up, else resample the label"
    return [found("grid_mismatch", view, severity, message, step, distance_mm=distance)]


def label_values(view: FileView) -> list[Finding]:
    """Look for fractional values and for values that the data set does not name."""
    findings = []
    if view.max_fraction > _FRACTION:
        message = f"{view.file_name}: voxels lie up to {view.max_fraction:.3g} from a whole number"
        step = "resample labels with nearest neighbour; the values were rounded here"
        findings.append(
            found("label_values", view, Severity.ERROR, message, step, fraction=view.max_fraction)
        )
    unknown = sorted(set(view.counts) - view.declared - {0}) if view.declared else []
    negative = [value for value in view.counts if value < 0]
    odd = sorted({*unknown, *negative})
    if odd:
        n = sum(view.counts[value] for value in odd)
        message = f"{view.file_name}: {n} voxels hold undeclared values {_few(odd)}"
        step = "name these values in the data set's description, or set them to 0"
        findings.append(found("label_values", view, Severity.ERROR, message, step, values=odd[:20]))
    return findings


def _few(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:5]))
    return shown if len(values) <= 5 else f"{shown}, … ({len(values)} values)"
