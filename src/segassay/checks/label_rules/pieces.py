"""Checks of what a mask is made of: loose pieces, holes, gaps between slices."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segassay.checks.base import LabelView, found
from segassay.geometry.components import (
    Components,
    components,
    enclosed_in_slices,
    enclosed_in_volume,
    nearly_touches_largest,
)
from segassay.records.findings import Finding
from segassay.types import Severity

_LOOSE_LEAST, _LOOSE_MOST = 0.02, 0.3
"""Loose pieces below the first share are specks; above the second, a pair or a set is likely."""

_MANY_PIECES = 10
_EXAMINED_PIECES = 50
_REACH = (1, 2, 2)
"""A piece this near the largest, in (slices, rows, columns), was drawn as one with it."""

_TALL = 8
"""A part over this many slices that ends abruptly was cut; a shorter one may just be flat."""

_HOLE_LEAST = 0.005
"""Enclosed background below this share of the mask is a speck."""

_ALIKE = 1.2
"""Spacings within this factor are isotropic: gaps are then looked for along all three axes."""

_THIN_GAP = 2
_ABRUPT = 0.25
"""A forgotten plane: at most two in a row, between cuts of a quarter of the largest cut. A part
whose last cut is that large was cut off there, one that tapers ended by itself."""

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
    "_cortex",
    "lateral_ventricle",
    "cerebrospinal_fluid",
    "label_",
)
"""Beginnings or parts of names of structures that come in pieces or thin branches by nature."""

_ONE_SIDE = ("_left", "_right")
"""Endings of names of one of a pair: a second large piece is then the other one, and a fault."""


@dataclass(frozen=True, slots=True)
class _Loose:
    """The parts that float: how many, how much of the mask, and the largest one's slices."""

    n: int
    voxels: int
    first: int
    last: int

    @property
    def where(self) -> str:
        """The slices of the largest one, in words."""
        alone = self.first == self.last
        return f"slice {self.first}" if alone else f"slices {self.first} to {self.last}"


def islands(view: LabelView) -> list[Finding]:
    """Find pieces that float beside the largest one.

    Two kinds of pieces do not float: those next to the largest (a slice thicker than the structure
    is wide breaks it there), and those that end in the same slice as the largest, as both legs of
    the aortic arch do where the scan cuts it.
    """
    if not view.n_voxels:
        return []
    parts = components(view.cropped, view.cropped_known)
    loose = _loose(parts, view.first_slice)
    if loose is None:
        return []
    share = loose.voxels / view.n_voxels
    natural = any(word in view.structure for word in _IN_PIECES)
    pair = share >= _LOOSE_MOST and not view.structure.endswith(_ONE_SIDE)
    odd = not (natural or view.is_cut) and (
        loose.n > _MANY_PIECES or (share > _LOOSE_LEAST and not pair)
    )
    message = (
        f"{len(parts.sizes)} separate pieces; {loose.voxels * view.voxel_size:.3g} {view.unit} "
        f"({share:.1%}) float apart from the main one"
        + ("" if view.is_flat else f", mostly in {loose.where}")
    )
    step = f"{view.look_at(loose.first)}; remove pieces that are not the structure"
    severity = Severity.WARNING if odd else Severity.INFO
    return [found("islands", view, severity, message, step, n=loose.n, share=share)]


def holes(view: LabelView) -> list[Finding]:
    """Find enclosed background: on all sides of a volume, or in a slice (anatomy often is).

    The renal sinus and vessels in the liver look like holes in a slice but open to the outside.
    """
    if not view.n_voxels:
        return []
    mask, known = view.cropped, view.cropped_known
    in_slices = enclosed_in_slices(mask, known)
    if not in_slices.any():
        return []
    worst = view.first_slice + int(in_slices.argmax())
    total = enclosed_in_volume(mask, known)
    share = total / view.n_voxels
    natural = any(word in view.structure for word in _HOLLOW)
    if not total and (natural or in_slices.sum() < _HOLE_LEAST * view.n_voxels):
        return []
    odd = share >= _HOLE_LEAST and not (natural or view.is_cut)
    severity = Severity.WARNING if odd else Severity.INFO
    message = (
        f"{total} background {view.voxels} enclosed on all sides ({share:.1%} of the mask)"
        + ("" if view.is_flat else f", {int(in_slices.sum())} within slices, most in slice {worst}")
    )
    step = f"{view.look_at(worst)}; fill the holes unless they are anatomy"
    return [found("holes", view, severity, message, step, share=share, slice=worst)]


def slice_gaps(view: LabelView) -> list[Finding]:
    """Find empty slices between filled ones; in isotropic volumes also empty rows and columns.

    Along rows and columns only a thin gap between two full cuts counts: pieces that lie side by
    side leave wide gaps, and a structure that branches tapers off before them. A slice with unknown
    voxels within the mask's bounding box is no gap, nor is a row or column that is mostly unknown.
    """
    if view.box is None:
        return []
    filled = np.flatnonzero(view.areas)
    empty = np.setdiff1d(np.arange(filled[0], filled[-1] + 1), filled)
    empty = np.setdiff1d(empty, _unknown(view, 0, least=0.0))
    findings = [_gap_between_slices(view, empty, int(filled[-1] - filled[0] + 1))]
    least, most = np.sort([*view.pixel_mm, view.thickness_mm])[[0, 2]]
    if view.spacing_known and len(view.planes) > 1 and most <= _ALIKE * least:
        findings += [_torn(view, axis) for axis in (1, 2)]
    return [finding for finding in findings if finding is not None]


def _gap_between_slices(view: LabelView, empty: NDArray[np.int64], extent: int) -> Finding | None:
    if not empty.size:
        return None
    natural = any(word in view.structure for word in _IN_PIECES)
    quiet = natural or empty.size > 0.4 * extent
    message = f"{empty.size} empty slices between filled ones: {_few(empty)}"
    step = f"draw the structure in slice {int(empty[0])}, or remove what lies beyond the gap"
    severity = Severity.INFO if quiet else Severity.WARNING
    return found("slice_gaps", view, severity, message, step, slices=empty[:50].tolist())


def _torn(view: LabelView, axis: int) -> Finding | None:
    mask = view.cropped
    areas = np.count_nonzero(mask, axis=tuple(n for n in range(3) if n != axis))
    filled = np.flatnonzero(areas)
    full = areas >= _ABRUPT * areas.max()
    torn = [
        np.arange(before + 1, after)
        for before, after in pairwise(filled)
        if 1 < after - before <= _THIN_GAP + 1 and full[before] and full[after]
    ]
    if not torn or view.box is None:
        return None
    empty = np.concatenate(torn) + view.box[axis].start
    empty = np.setdiff1d(empty, _unknown(view, axis, least=0.5))
    if not empty.size:
        return None
    kind = "rows" if axis == 1 else "columns"
    message = f"{empty.size} {kind} are empty in all slices, between full ones: {_few(empty)}"
    step = f"draw the structure in {kind[:-1]} {int(empty[0])} of the slices that lack it"
    evidence = {kind: empty[:50].tolist()}
    return found("slice_gaps", view, Severity.WARNING, message, step, **evidence)


def _unknown(view: LabelView, axis: int, *, least: float) -> NDArray[np.int64]:
    """Return the planes of which more than a share of the mask's bounding box is unknown."""
    known = view.cropped_known
    if known is None or view.box is None:
        return np.zeros(0, dtype=np.int64)
    unknown = 1 - known.mean(axis=tuple(n for n in range(3) if n != axis))
    return np.asarray(np.flatnonzero(unknown > least) + view.box[axis].start, dtype=np.int64)


def _loose(parts: Components, first_slice: int) -> _Loose | None:
    cuts = _cut_ends(parts)
    floating = [n for n in range(1, len(parts.sizes)) if _floats(parts, n, cuts)]
    if not floating:
        return None
    span = parts.boxes[floating[0]][0]
    return _Loose(
        n=len(floating),
        voxels=sum(parts.sizes[n] for n in floating),
        first=first_slice + span.start,
        last=first_slice + span.stop - 1,
    )


def _cut_ends(parts: Components) -> frozenset[int]:
    """Return the slices, first and last of the mask, in which its largest part ends abruptly."""
    depth = parts.numbers.shape[0]
    span = parts.boxes[0][0]
    if span.stop - span.start < _TALL or len(parts.sizes) < 2:
        return frozenset()
    areas = np.count_nonzero(parts.numbers == parts.order[0], axis=(1, 2))
    least = _ABRUPT * areas.max()
    return frozenset(n for n in (0, depth - 1) if areas[n] >= least)


def _floats(parts: Components, index: int, cuts: frozenset[int]) -> bool:
    span = parts.boxes[index][0]
    if span.start in cuts or span.stop - 1 in cuts:
        return False
    if index > _EXAMINED_PIECES:
        return True
    return not nearly_touches_largest(parts, index, reach=_REACH)


def _few(numbers: NDArray[np.int64]) -> str:
    shown = ", ".join(map(str, numbers[:6].tolist()))
    return shown + (", …" if numbers.size > 6 else "")
