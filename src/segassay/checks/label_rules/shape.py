"""Checks of a mask as a whole: nothing in it, everything in it, the border of the image."""

import math

import numpy as np

from segassay.checks.base import LabelView, found
from segassay.records.findings import Finding
from segassay.types import Severity

_ALL, _NEARLY_ALL = 1.0, 0.95
_SPECK = 4
"""Voxels up to which no outline can be told from noise: 2 x 2 in one slice."""


def empty_mask(view: LabelView) -> list[Finding]:
    """Say that a mask is empty; whether it should be is the judge's question.

    Silent where nobody labelled any voxel: nothing is known to be empty.
    """
    if view.n_voxels or view.may_go_on:
        return []
    message = "the mask is empty"
    step = "if the structure is in the image, it was missed; the judge's presence tells"
    return [found("empty_mask", view, Severity.INFO, message, step)]


def tiny_mask(view: LabelView) -> list[Finding]:
    """Find masks of a few voxels, as a slip of the mouse or a resampled speck leaves them."""
    if not 0 < view.n_voxels <= _SPECK:
        return []
    voxels = view.voxels[:-1] if view.n_voxels == 1 else view.voxels
    message = f"the mask is {view.n_voxels} {voxels}{view.in_slice(view.first_slice)}"
    step = f"{view.look_at(view.first_slice)}: remove the speck, or draw the structure"
    return [found("tiny_mask", view, Severity.WARNING, message, step, voxels=view.n_voxels)]


def all_foreground(view: LabelView) -> list[Finding]:
    """Find masks that cover (nearly) the whole image."""
    n_known = (
        math.prod(view.planes.shape) if view.known is None else int(np.count_nonzero(view.known))
    )
    share = view.n_voxels / max(n_known, 1)
    if share < _NEARLY_ALL:
        return []
    severity = Severity.ERROR if share >= _ALL else Severity.WARNING
    step = "look at the label: foreground and background may be exchanged"
    message = f"the mask covers {share:.1%} of the image"
    return [found("all_foreground", view, severity, message, step, share=share)]


def border_contact(view: LabelView) -> list[Finding]:
    """Find masks that run into the border of the image, where structures are cut off.

    The sides of the slices and the first and last slice are told apart: a scan that ends within an
    organ is everyday, a structure that leaves the field of view sideways is not.
    """
    sides, ends = view.at_sides, view.at_ends
    if not sides and not ends:
        return []
    where = [f"{sides} mask {view.voxels} lie on the sides of the image"] if sides else []
    where += [f"{ends} in the first or last slice" if sides else _only_ends(ends)] if ends else []
    step = "the structure may go on outside the image: do not use its volume"
    message = ", ".join(where)
    return [found("border_contact", view, Severity.INFO, message, step, voxels=sides, at_ends=ends)]


def _only_ends(ends: int) -> str:
    return f"{ends} mask voxels lie in the first or last slice"
