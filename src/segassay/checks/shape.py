"""Checks of one mask: nothing in it, everything in it, loose pieces, holes, gaps, the border."""

import numpy as np

from segassay.checks.base import LabelView, found
from segassay.geometry.components import components, enclosed_in_slices, enclosed_in_volume
from segassay.records.findings import Finding
from segassay.types import Severity

_ALL, _NEARLY_ALL = 1.0, 0.9
_STRAY_WARNING = 0.02
_MANY_PIECES = 10
_HOLE_LEAST = 0.005
"""Enclosed background below this share of the mask is a speck."""

_HOLLOW = ("myocardium", "skull", "vertebrae", "label_", "bladder_wall")
"""Parts of names of structures that enclose something by nature, or may do so."""

_IN_PIECES = (
    "portal_vein_and_splenic_vein",
    "small_bowel",
    "colon",
    "costal_cartilages",
    "intervertebral_discs",
    "lung",
    "vertebrae",
    "ribs",
    "vessel",
    "lesion",
    "tumor",
    "label_",
)
"""Beginnings or parts of names of structures that come in pieces or thin branches by nature."""


def empty_mask(view: LabelView) -> list[Finding]:
    """Say that a mask is empty; whether it should be is the judge's question."""
    if view.n_voxels:
        return []
    message = "the mask is empty"
    step = "if the structure is in the image, it was missed; the judge's presence tells"
    return [found("empty_mask", view, Severity.INFO, message, step)]


def all_foreground(view: LabelView) -> list[Finding]:
    """Find masks that cover (nearly) the whole image."""
    share = view.n_voxels / max(view.planes.size, 1)
    if share < _NEARLY_ALL:
        return []
    severity = Severity.ERROR if share >= _ALL else Severity.WARNING
    step = "look at the label: foreground and background may be exchanged"
    message = f"the mask covers {share:.0%} of the image"
    return [found("all_foreground", view, severity, message, step, share=share)]


def islands(view: LabelView) -> list[Finding]:
    """Find pieces that float beside the largest one."""
    if not view.n_voxels:
        return []
    parts = components(view.cropped)
    if len(parts.sizes) < 2:
        return []
    stray = sum(parts.sizes[1:])
    natural = any(word in view.structure for word in _IN_PIECES)
    odd = parts.stray_share < 0.3 and (
        parts.stray_share > _STRAY_WARNING or len(parts.sizes) > _MANY_PIECES
    )
    severity = Severity.WARNING if odd and not natural else Severity.INFO
    message = (
        f"{len(parts.sizes)} separate pieces; {stray * view.voxel_size:.3g} {view.unit} "
        f"({parts.stray_share:.1%}) lie outside the largest"
    )
    step = "remove pieces that are not the structure; keep the ones that are"
    return [
        found("islands", view, severity, message, step, n=len(parts.sizes), share=parts.stray_share)
    ]


def holes(view: LabelView) -> list[Finding]:
    """Find enclosed background: on all sides of a volume, or in a slice (anatomy often is).

    The renal sinus and vessels in the liver look like holes in a slice but open to the outside.
    """
    if not view.n_voxels:
        return []
    mask = view.cropped
    in_slices = enclosed_in_slices(mask)
    if not in_slices.any():
        return []
    worst = int(np.flatnonzero(view.areas)[0] + in_slices.argmax())
    total = enclosed_in_volume(mask)
    share = total / view.n_voxels
    natural = any(word in view.structure for word in _HOLLOW)
    severity = Severity.WARNING if share >= _HOLE_LEAST and not natural else Severity.INFO
    message = (
        f"{total} background voxels enclosed on all sides ({share:.1%} of the mask), "
        f"{int(in_slices.sum())} within slices, most in slice {worst}"
    )
    step = f"look at slice {worst}; fill the holes unless they are anatomy"
    return [found("holes", view, severity, message, step, share=share, slice=worst)]


def slice_gaps(view: LabelView) -> list[Finding]:
    """Find empty slices between filled ones."""
    filled = np.flatnonzero(view.areas)
    if filled.size < 2:
        return []
    empty = np.setdiff1d(np.arange(filled[0], filled[-1] + 1), filled)
    if not empty.size:
        return []
    share = empty.size / (filled[-1] - filled[0] + 1)
    natural = any(word in view.structure for word in _IN_PIECES)
    severity = Severity.INFO if natural or share > 0.4 else Severity.WARNING
    shown = ", ".join(map(str, empty[:6])) + (", …" if empty.size > 6 else "")
    message = f"{empty.size} empty slices between filled ones: {shown}"
    step = f"draw the structure in slice {int(empty[0])}, or remove what lies beyond the gap"
    return [found("slice_gaps", view, severity, message, step, slices=empty[:50].tolist())]


def border_contact(view: LabelView) -> list[Finding]:
    """Find masks that run into the border of their slices, where structures are cut off."""
    planes = view.planes
    edges = (planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1])
    touching = sum(int(edge.sum()) for edge in edges)
    if not touching:
        return []
    message = f"{touching} mask voxels lie on the border of the image"
    step = "the structure may go on outside the image: do not use its volume"
    return [found("border_contact", view, Severity.INFO, message, step, voxels=touching)]
