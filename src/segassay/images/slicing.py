"""Which slices of a volume to look at, and how a slice is turned for display.

A volume is judged through a handful of slices, inside the mask and beyond both of its ends; each
sampled slice stands for the slices around it. Index maths only: nothing is read or resampled.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.grid import Grid

_ANISOTROPY = 1.2
"""A spacing this much above the other two makes its axis the through-plane axis."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many slices of a label are examined, and where.

    Attributes:
        inside: Most slices taken between the mask's first and last one.
        beyond: Ends of the shells beyond either end of the mask, in shares of its extent, rising.
            One slice is taken from each shell. Far ones are what half-missing structures need:
            on tuning subjects with faults through the slices, judge-v0's Pearson rose from .84 to
            .95 (hippocampus) and from .75 to .82 (BTCV) when it looked up to one extent away
            instead of 15 %.
    """

    inside: int = 10
    beyond: tuple[float, ...] = (0.15, 0.5, 1.2)


@dataclass(frozen=True, slots=True)
class SliceSample:
    """One slice to look at and the number of slices it stands for."""

    index: int
    weight: float
    beyond: bool


def slicing_axis(grid: Grid) -> int:
    """Return the array axis that slices are counted along.

    The axis of length one for a 2D image; else the one with clearly the largest spacing, since
    its planes are the ones the structure was drawn in; else 2, axial slices.
    """
    if 1 in grid.shape:
        return max(axis for axis in range(3) if grid.shape[axis] == 1)
    order = np.argsort(grid.spacing_mm)
    if grid.spacing_mm[order[2]] > _ANISOTROPY * grid.spacing_mm[order[1]]:
        return int(order[2])
    return 2


def plane_order(axis: int) -> tuple[int, int, int]:
    """Return the axes of a RAS+ array in the order (slice, row, column) of `as_planes`."""
    first, second = (n for n in range(3) if n != axis)
    return axis, second, first


def as_planes(array: NDArray[Any], axis: int) -> NDArray[Any]:
    """View a RAS+ array `(i, j, k)` as slices `(slice, row, column)` in display orientation.

    Rows run from front to back (or top to bottom), columns from the patient's right to left, as
    radiologists are used to. For an image read from PNG or JPEG this is its own orientation.
    """
    moved = np.moveaxis(array, axis, 0)
    return moved[:, ::-1, ::-1].transpose(0, 2, 1)


def from_planes(planes: NDArray[Any], axis: int) -> NDArray[Any]:
    """View slices in display orientation as a RAS+ array: the way back of `as_planes`."""
    return np.moveaxis(planes.transpose(0, 2, 1)[:, ::-1, ::-1], 0, axis)


def pixel_mm(grid: Grid, axis: int) -> tuple[float, float]:
    """Return the size of a display pixel as (row, column) in millimetres."""
    across, down = (s for n, s in enumerate(grid.spacing_mm) if n != axis)
    return down, across


def choose_slices(areas: NDArray[np.integer[Any]], sampling: Sampling) -> list[SliceSample]:
    """Choose slices inside a mask and beyond its ends.

    Args:
        areas: Mask pixels of every slice, shape `(slices,)`. Empty slices between filled ones
            count as inside: that is where a missing slice shows.
        sampling: How many, and how far. The range inside is cut into equal parts, the middle
            slice of each stands for its part; so does the middle slice of each shell beyond.

    Returns:
        Samples in rising order. Empty when no slice holds any mask.
    """
    filled = np.flatnonzero(areas)
    if filled.size == 0:
        return []
    first, last = int(filled[0]), int(filled[-1])
    extent = last - first + 1
    below, above, near = [], [], 0
    for end in sampling.beyond:
        far = max(near + 1, round(end * extent))
        below += _spread(range(max(0, first - far), max(0, first - near)), 1, beyond=True)
        top = len(areas)
        above += _spread(range(min(last + 1 + near, top), min(last + 1 + far, top)), 1, beyond=True)
        near = far
    inside = _spread(range(first, last + 1), sampling.inside, beyond=False)
    if not any(areas[s.index] for s in inside):
        inside = _on_filled(filled, first, last, sampling.inside)
    return [*reversed(below), *inside, *above]


def _on_filled(filled: NDArray[np.intp], first: int, last: int, n: int) -> list[SliceSample]:
    """Cut a range into parts as ever, but take a filled slice from each part that has any.

    For masks with so few slices, far apart, that the middles of the parts miss them all.
    """
    parts = [part for part in np.array_split(np.arange(first, last + 1), n) if part.size]
    held = [(part, np.intersect1d(part, filled)) for part in parts]
    chosen = [own if own.size else part for part, own in held]
    return [
        SliceSample(int(some[len(some) // 2]), float(len(part)), beyond=False)
        for some, (part, _) in zip(chosen, held, strict=True)
    ]


def spread_slices(n_slices: int, n: int) -> list[SliceSample]:
    """Choose `n` slices evenly over a whole stack, for a mask that is empty everywhere."""
    return _spread(range(n_slices), n, beyond=False)


def _spread(span: range, n: int, *, beyond: bool) -> list[SliceSample]:
    parts = [part for part in np.array_split(np.array(span, dtype=int), max(n, 1)) if part.size]
    if n == 0:
        return []
    return [SliceSample(int(p[len(p) // 2]), float(len(p)), beyond) for p in parts]
