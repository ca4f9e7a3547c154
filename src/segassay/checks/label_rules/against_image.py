"""Checks of one label against its image's values: void under it, tissue it cannot be, limits."""

import numpy as np

from segassay.checks.base import Bound, ImageView, LabelView, found
from segassay.geometry.components import joined_to_border
from segassay.records.findings import Finding
from segassay.types import Severity

_VOID_LEAST, _VOID_MUCH = 0.01, 0.05
"""Share of a mask in the void: below the first, the rim of a mask; from the second on a warning."""

_TISSUE_HU = (
    (("lung",), -1000.0, -250.0),
    (("trachea",), -1100.0, -400.0),
    (("brain",), -50.0, 150.0),
    (("liver", "spleen", "pancreas", "adrenal_gland", "urinary_bladder"), -100.0, 400.0),
    (("autochthon", "iliopsoas", "gluteus", "spinal_cord"), -100.0, 300.0),
    (("kidney", "heart", "aorta", "inferior_vena_cava", "pulmonary_artery"), -100.0, 1000.0),
    (("vertebrae", "rib", "femur", "hip", "sacrum", "humerus", "scapula", "skull"), 0.0, 2000.0),
)
"""Mean HU of beginnings of names. Air is -1000 and water 0 by definition, fat about -100, tissue 0
to 100, bone above; contrast medium adds hundreds. The limits are wide: they tell air from tissue
and tissue from bone, not one organ from another."""


def void_label(view: LabelView) -> list[Finding]:
    """Find masks that lie in the void around the image's content.

    The void are voxels of the image's smallest value that hang together with the border of their
    slice: what rotation or registration filled in, and air in images cut to a window.
    """
    image = view.image
    if image is None or image.lowest is None or view.box is None:
        return []
    suspect = np.asarray(view.cropped & image.lowest[view.box])
    if np.count_nonzero(suspect) < _VOID_LEAST * view.n_voxels:
        return []
    in_void = _void_counts(view, image)
    total = int(in_void.sum())
    share = total / view.n_voxels
    if share < _VOID_LEAST:
        return []
    worst = view.first_slice + int(in_void.argmax())
    severity = Severity.WARNING if share >= _VOID_MUCH else Severity.INFO
    message = (
        f"{total} mask {view.voxels} ({share:.1%}) lie where the image is empty (value "
        f"{image.least:g}, joined to its border)"
        + ("" if view.is_flat else f", most in slice {worst}")
    )
    step = f"{view.look_at(worst)}; remove the label there, or look for the image it was drawn on"
    return [found("void_label", view, severity, message, step, share=share, slice=worst)]


def tissue_hu(view: LabelView) -> list[Finding]:
    """Compare the mean HU inside a mask with what the structure is made of; CT in HU only."""
    limits = _limits_hu(view.structure)
    if view.image is None or not view.image.hounsfield or limits is None or view.box is None:
        return []
    mean = _mean_value(view, view.image)
    if limits[0] <= mean <= limits[1]:
        return []
    message = (
        f"mean of {mean:.0f} HU inside the mask, {view.structure} has "
        f"{limits[0]:.0f} to {limits[1]:.0f}"
    )
    step = "look at the label: wrong place, wrong name, or an image that is no CT in HU"
    evidence = {"mean_hu": mean, "lower": limits[0], "upper": limits[1]}
    return [found("tissue_hu", view, Severity.WARNING, message, step, **evidence)]


def user_bounds(view: LabelView) -> list[Finding]:
    """Compare a label with the limits that the user's own table gives for its structure.

    Silent for empty masks and where a quantity is not known: millilitres without a spacing.
    """
    findings = []
    for bound in view.bounds:
        value = _quantity(view, bound)
        if bound.structure != view.structure or value is None:
            continue
        counted = bound.quantity != "mean_value"
        if bound.allows(value, may_be_more=counted and view.may_go_on):
            continue
        ends = ((bound.lower, "at least"), (bound.upper, "at most"))
        limits = " and ".join(f"{words} {end:g}" for end, words in ends if end is not None)
        message = f"{bound.quantity} is {value:.4g}, the table of bounds allows {limits}"
        step = "look at the label; if it is right, widen the table's bounds"
        evidence = {"value": value, "lower": bound.lower, "upper": bound.upper}
        findings.append(found("user_bounds", view, Severity.WARNING, message, step, **evidence))
    return findings


def _void_counts(view: LabelView, image: ImageView) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    counts = np.zeros(len(view.cropped), dtype=np.int64)
    if image.lowest is None or view.box is None:
        return counts
    slices, *box = view.box
    for index, number in enumerate(range(slices.start, slices.stop)):
        lowest = image.lowest[number]
        here = view.cropped[index] & lowest[tuple(box)]
        if here.any():
            counts[index] = np.count_nonzero(here & joined_to_border(lowest)[tuple(box)])
    return counts


def _limits_hu(structure: str) -> tuple[float, float] | None:
    for names, lower, upper in _TISSUE_HU:
        if any(structure == name or structure.startswith(f"{name}_") for name in names):
            return lower, upper
    return None


def _quantity(view: LabelView, bound: Bound) -> float | None:
    if not view.n_voxels:
        return None
    if bound.quantity == "volume_ml":
        return view.n_voxels * view.voxel_size if view.spacing_known else None
    if bound.quantity == "voxels":
        return float(view.n_voxels)
    return None if view.image is None else _mean_value(view, view.image)


def _mean_value(view: LabelView, image: ImageView) -> float:
    if view.box is None:
        return float("nan")
    return float(image.planes[view.box][view.cropped].mean(dtype=np.float64))
