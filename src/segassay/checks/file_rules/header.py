"""Checks of a label file's header: two coordinate systems, axis order, type and scale."""

from typing import Any

import numpy as np

from segassay.checks.base import FileView, found
from segassay.datasets.read_case import FRACTION
from segassay.geometry.grid import Grid, corner_distance_mm
from segassay.images.formats.nifti import usable_affine
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.records.findings import Finding
from segassay.types import Severity

_ROUNDING = 0.1
"""Two forms of one header differ by less than this share of the smallest spacing: quaternions are
stored with 32 bits."""

_FIX = "`segassay fix DATA --dry-run` shows the repair"


def header_forms(view: FileView) -> list[Finding]:
    """Compare the label header's sform with its qform: programs differ in which one they follow.

    A form that no body can have, such as one with a distance of 0 between slices, is told by name.
    Silent where only one of them is set, as nothing can disagree then.
    """
    if view.header is not None and (unusable := _unusable_forms(view.header)):
        forms = " and ".join(unusable)
        message = (
            f"{view.file_name}: its {forms} cannot be used: an axis has no length or no number"
        )
        step = "write the image's geometry into the label's header; programs that read it fail"
        evidence: dict[str, Any] = {"unusable": unusable}
        return [found("header_forms", view, Severity.WARNING, message, step, **evidence)]
    distance = forms_distance_mm(view.header)
    if view.header is None or distance < _ROUNDING * min(_grid(view.header).spacing_mm):
        return []
    message = (
        f"{view.file_name}: sform and qform place the corners {distance:.3g} mm apart; programs "
        "that follow the qform (ITK) and those that follow the sform see two labels"
    )
    step = f"make both the one that fits the image; where it fits already, {_FIX}"
    evidence = {"distance_mm": distance}
    return [found("header_forms", view, Severity.WARNING, message, step, **evidence)]


def axis_order(view: FileView) -> list[Finding]:
    """Find labels whose stored axes run another way than the image's, in the same place.

    Programs that put arrays on each other without reading headers get a mirrored label.
    """
    label, image = view.header, view.image_header
    if label is None or image is None or label.axes == image.axes:
        return []
    if not label.axes or not image.axes:
        return []  # an affine that points nowhere has no order
    message = f"{view.file_name}: axes stored as {label.axes}, the image's as {image.axes}"
    step = f"store both in one order; {_FIX}"
    evidence = {"axes": label.axes, "image_axes": image.axes}
    return [found("axis_order", view, Severity.WARNING, message, step, **evidence)]


def float_storage(view: FileView) -> list[Finding]:
    """Find whole numbers stored as floats: larger files, and `astype` makes a 4 of 4.9999."""
    header = view.header
    if header is None or not header.dtype.startswith("float") or view.max_fraction > FRACTION:
        return []
    message = f"{view.file_name}: whole numbers stored as {header.dtype}"
    step = f"store labels as whole numbers; {_FIX}"
    return [found("float_storage", view, Severity.INFO, message, step, dtype=header.dtype)]


def scaled_values(view: FileView) -> list[Finding]:
    """Find labels stored with a scale factor, which programs apply, ignore or apply twice."""
    header = view.header
    if header is None or (header.slope == 1 and header.intercept == 0):
        return []
    message = (
        f"{view.file_name}: stored values are scaled by {header.slope:g} and moved by "
        f"{header.intercept:g} to give the label's"
    )
    step = f"store the label's own values with slope 1 and intercept 0; {_FIX}"
    evidence = {"slope": header.slope, "intercept": header.intercept}
    return [found("scaled_values", view, Severity.WARNING, message, step, **evidence)]


def forms_distance_mm(header: HeaderFacts | None) -> float:
    """Return how far sform and qform place a corner apart; 0 unless both are stated."""
    if header is None or header.sform is None or header.qform is None:
        return 0.0
    grid = _grid(header)
    return corner_distance_mm(Grid(grid.shape, header.sform), Grid(grid.shape, header.qform))


def _unusable_forms(header: HeaderFacts) -> list[str]:
    forms = {"sform": header.sform, "qform": header.qform}
    return [name for name, form in forms.items() if form is not None and not usable_affine(form)]


def _grid(header: HeaderFacts) -> Grid:
    i, j, k = (*header.shape, 1, 1, 1)[:3]
    return Grid((i, j, k), np.asarray(header.affine, dtype=np.float64))
