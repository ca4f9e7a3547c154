"""Checks of the image alone: its header, the scale of CT values, slices without content."""

import numpy as np

from segassay.checks.base import ImageView, found
from segassay.checks.file_rules.header import forms_distance_mm
from segassay.images.formats.registry import format_named
from segassay.records.findings import Finding
from segassay.types import Modality, Severity

_ROUNDING = 0.1
_SKEW = 1e-3
"""Cosine between two axes from which a grid is sheared; 32-bit headers stay far below, a gantry
tilted by one degree gives 0.017."""

_ITK_SKEW = 9.5e-5
"""The same from which ITK, and all that is built on it, refuses a NIfTI file without a qform
(measured: 0.00009 is read, 0.0001 is not, for voxels of 3 x 3 x 5 mm). With one it follows that."""

_AIR_HU = (-1100.0, -850.0)
_WRAPPED = 30000.0
"""No scanner gives such values: 65536 - 1024 is air that was stored without a sign."""

_ONE_BYTE, _UNIT = 255.0, 1.5
_WATER_RAW = 900.0
"""Water is 1000 or 1024 where the rescale intercept was forgotten; an 8-bit export ends at 255."""


_FEW_LEVELS = 32
"""Images of eight bits that were left as they were have a hundred and more."""

_SAMPLE = 200_000
"""Voxels that are looked at before all are."""


def image_header(view: ImageView) -> list[Finding]:
    """Find images that programs will place differently: forms that disagree, sheared grids.

    Analyze files state no orientation: what is left in them depends on who reads them.
    """
    findings = []
    stored_as = format_named(view.file_name)
    if stored_as is not None and stored_as.often_unoriented and not view.anatomical:
        message = f"{view.file_name}: states no orientation, left and right are not known"
        step = "convert the original to NIfTI; rules about sides stay silent here"
        findings.append(_warning("image_header", view, message, step, orientation=False))
    distance = forms_distance_mm(view.header)
    if distance >= _ROUNDING * min(view.grid.spacing_mm):
        message = (
            f"{view.file_name}: sform and qform place the image's corners {distance:.3g} mm apart"
        )
        step = "find out which one is true and store it as both; labels follow the one or the other"
        findings.append(_warning("image_header", view, message, step, distance_mm=distance))
    axes = view.grid.affine[:3, :3] / np.asarray(view.grid.spacing_mm)
    skew = float(np.abs(axes.T @ axes - np.eye(3)).max())
    is_refused = view.header is not None and view.header.qform is None
    if skew > (_ITK_SKEW if is_refused else _SKEW):
        degrees = float(np.degrees(np.arcsin(min(skew, 1.0))))
        message = f"{view.file_name}: axes are {degrees:.2g} degrees off the right angle"
        step = "programs built on ITK (SimpleITK, nnU-Net, Slicer) do not follow such axes"
        if is_refused:
            message += ", and no qform is set: SimpleITK, nnU-Net, Slicer and ITK-SNAP refuse it"
            step = (
                "store the nearest straight axes as a qform, or resample a copy onto straight axes"
            )
        evidence = {"degrees": degrees, "itk_refuses": is_refused}
        findings.append(_warning("image_header", view, message, step, **evidence))
    return findings


def ct_values(view: ImageView) -> list[Finding]:
    """Find CT images whose values are no Hounsfield units, and say what they look like.

    Looked at is what is declared as CT. Air is -1000 and water 0 by definition of the unit.
    """
    if view.modality is not Modality.CT:
        return []
    least, most = view.least, view.most
    severity, what, step = Severity.WARNING, "", ""
    if least >= 0 and most >= _WRAPPED:
        severity, what = Severity.ERROR, "negative values were stored without a sign"
        step = "read the stored numbers as signed 16-bit and write the image again"
    elif least >= 0 and most <= _UNIT:
        what = "scaled to 0 and 1"
        step = "train and judge without HU windows, or go back to the original CT"
    elif least >= 0 and most <= _ONE_BYTE:
        severity, what = Severity.INFO, "an 8-bit export"
        step = "rules in Hounsfield units stay silent; go back to the original CT if HU matter"
    elif least >= 0 and most >= _WATER_RAW:
        what = "the rescale intercept (often -1024) was not applied"
        step = "apply slope and intercept of the DICOM series once"
    elif least < 2 * _AIR_HU[0] + 200 and not _has_air(view):
        what = "no air at -1000: the rescale was applied twice, or with a wrong intercept"
        step = "apply slope and intercept of the DICOM series once"
    if not what:
        return []
    message = f"{view.file_name}: CT values from {least:g} to {most:g} are no HU: {what}"
    evidence = {"least": least, "most": most}
    return [found("ct_values", view, severity, message, step, **evidence)]


def blank_slices(view: ImageView) -> list[Finding]:
    """Find slices of one value, and images of one value."""
    if view.lowest is None:
        message = f"{view.file_name}: holds nothing but {view.least:g}: there is no image"
        step = "look for the original image"
        return [found("blank_slices", view, Severity.ERROR, message, step, value=view.least)]
    differs = np.array([plane.min() < plane.max() for plane in view.planes])
    filled, blank = np.flatnonzero(differs), np.flatnonzero(~differs)
    if not blank.size:
        return []
    inner = blank[(blank > filled[0]) & (blank < filled[-1])]
    severity = Severity.WARNING if inner.size else Severity.INFO
    where = f", {inner.size} of them between others" if inner.size else " at the ends"
    message = f"{view.file_name}: {blank.size} of {len(differs)} slices are blank{where}"
    first = int(inner[0] if inner.size else blank[0])
    step = f"look at slice {first}; leave blank slices out of training"
    evidence = {"slices": blank[:50].tolist(), "between": int(inner.size)}
    return [found("blank_slices", view, severity, message, step, **evidence)]


def few_levels(view: ImageView) -> list[Finding]:
    """Find images whose grey values were crushed to a handful."""
    if view.lowest is None:
        return []
    size = view.planes.size
    some = np.unravel_index(np.arange(0, size, max(1, size // _SAMPLE)), view.planes.shape)
    if np.unique(view.planes[some]).size >= _FEW_LEVELS:
        return []
    levels = len(set[float]().union(*(np.unique(plane).tolist() for plane in view.planes)))
    if levels >= _FEW_LEVELS:
        return []
    message = f"{view.file_name}: only {levels} grey levels: the image was crushed on its way"
    step = "look for the original image; edges between tissues of like brightness are lost in it"
    return [_warning("few_levels", view, message, step, levels=levels)]


def _has_air(view: ImageView) -> bool:
    low, high = _AIR_HU
    return any(bool(((plane > low) & (plane < high)).any()) for plane in view.planes)


def _warning(check: str, view: ImageView, message: str, step: str, **evidence: float) -> Finding:
    return found(check, view, Severity.WARNING, message, step, **evidence)
