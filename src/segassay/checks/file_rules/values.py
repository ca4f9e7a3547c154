"""Checks of the values in a label file: which ones come, how they are coded, where they lie."""

import numpy as np
from numpy.typing import NDArray

from segassay.checks.base import FileView, found
from segassay.datasets.read_case import FRACTION
from segassay.records.findings import Finding
from segassay.types import Severity

_IN_BETWEEN = 0.45
"""Share of the steps of more than 1, along an axis, that go over a value in between. Experts reach
.29 (thin walls of the heart), maps enlarged as images .54 and more."""

_LEAST_STEPS = 200

_LINES = 32
"""Planes of lines that are looked at in one go."""


def label_values(view: FileView) -> list[Finding]:
    """Look for fractional values, values that nobody named, and files without any structure.

    Whole numbers stored as floats are fine. A mask of one structure may hold one value only: more
    of them are another structure, or the grey rim that JPEG or smoothing left.
    """
    findings = []
    if view.max_fraction > FRACTION:
        off = f"{view.max_fraction:.3g} from a whole number"
        message = f"{view.file_name}: {view.voxels} lie up to {off}"
        step = "resample labels with nearest neighbour; the values were rounded here"
        findings.append(
            found("label_values", view, Severity.ERROR, message, step, fraction=view.max_fraction)
        )
    unknown = sorted(set(view.counts) - view.declared - {0}) if view.declared else []
    negative = [value for value in view.values if value < 0]
    odd = sorted({*unknown, *negative})
    if odd:
        n = sum(view.counts[value] for value in odd)
        message = f"{view.file_name}: {n} {view.voxels} hold undeclared values {_few(odd)}"
        step = "name these values in the data set's description, or set them to 0"
        findings.append(found("label_values", view, Severity.ERROR, message, step, values=odd[:20]))
    several = view.values if view.structure is not None else []
    if len(several) > 1 and not odd:
        message = f"{view.file_name}: holds values {_few(several)}; all count as {view.structure}"
        step = "keep one value per mask file, or declare the values in labels.json"
        findings.append(
            found("label_values", view, Severity.WARNING, message, step, values=several[:20])
        )
    if view.structure is None and set(view.counts) <= {0}:  # ignored voxels may hold any
        message = f"{view.file_name}: holds background only, not one structure"
        step = "look whether the right file was saved; remove it if the case is not labelled"
        findings.append(found("label_values", view, Severity.WARNING, message, step))
    return findings


def mask_coding(view: FileView) -> list[Finding]:
    """Find masks that say 255 (or another single number) where 1 is meant.

    A picture of one structure is silent: 0 and 255 is how masks are looked at. A NIfTI mask of one
    structure is info; a label map whose only declared value is 1 cannot be read like this.
    """
    filled = view.values
    if len(filled) != 1 or filled[0] == 1:
        return []
    declared = view.declared - view.ignore == frozenset({1})
    if not declared and (view.structure is None or view.header is None):
        return []
    severity = Severity.WARNING if declared else Severity.INFO
    message = f"{view.file_name}: the mask is coded 0 and {filled[0]}, 0 and 1 are expected"
    step = "store 1 for the structure; `segassay fix DATA --dry-run` shows the repair"
    return [found("mask_coding", view, severity, message, step, value=filled[0])]


def interpolated_values(view: FileView) -> list[Finding]:
    """Find label maps that were resampled as if they were images, then rounded.

    Between a structure with value 6 and background such a map has a rim of 1 to 5, other
    structures' values. Counted are, along each axis, steps of more than 1 from one voxel to the
    next, and those that take two voxels, over a value in between.
    """
    if view.array is None or len(view.counts) < 3 or view.structure is not None:
        return []
    array = view.array()
    share, axis, steps = max(_in_between(array, view.ignore, axis) for axis in range(3))
    if share < _IN_BETWEEN:
        return []
    message = (
        f"{view.file_name}: {share:.0%} of {steps} steps between values along axis {axis} go over "
        f"a {view.voxels[:-1]} of a value in between: the label was resampled as an image"
    )
    step = "make the label again from the original with nearest neighbour; rims hold wrong values"
    evidence = {"share": share, "steps": steps, "axis": axis}
    return [found("interpolated_values", view, Severity.ERROR, message, step, **evidence)]


def _in_between(
    array: NDArray[np.integer], ignore: frozenset[int], axis: int
) -> tuple[float, int, int]:
    """Return the share of large steps that go over a third value, the axis, and the steps."""
    over = large = 0
    lines = np.moveaxis(array, axis, 0)
    for start in range(0, lines.shape[2], _LINES):  # some at a time: maps may be large
        here = lines[:, :, start : start + _LINES]
        known = ~np.isin(here, sorted(ignore)) if ignore else np.ones((1, 1, 1), dtype=np.bool_)
        both = known[:-1] & known[1:] if ignore else known
        rises, falls = (here[:-1] < here[1:]) & both, (here[:-1] > here[1:]) & both
        over += int(np.count_nonzero(rises[:-1] & rises[1:]))
        over += int(np.count_nonzero(falls[:-1] & falls[1:]))
        changed = np.nonzero(rises | falls)
        lower, upper = here[:-1][changed].astype(np.int64), here[1:][changed].astype(np.int64)
        large += int(np.count_nonzero(np.abs(upper - lower) > 1))
    steps = over + large
    return (over / steps if steps >= _LEAST_STEPS else 0.0), axis, steps


def _few(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:5]))
    return shown if len(values) <= 5 else f"{shown}, … ({len(values)} values)"
