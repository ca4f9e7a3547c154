"""How well two masks agree: Dice and normalised surface Dice."""

from collections.abc import Sequence
from itertools import product
from math import nan, prod

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.metrics.surfels import Floats, surfel_areas

BoolArray = NDArray[np.bool_]

_MOST_SHIFTS = 1000
"""Voxels in a box of the tolerance up to which it is laid round every surface element."""

NSD_MM = 2.0
"""Tolerance of every surface Dice that is reported, measured or expected."""


def dice(a: BoolArray, b: BoolArray) -> float:
    """Return the Dice coefficient of two masks of one shape (Dice 1945); NaN when both are empty.

    In [0, 1]: 1 where they are the same, 0 where they share no voxel or one of them is empty.

    >>> dice(np.array([True, True, False]), np.array([False, True, True]))
    0.5
    """
    size = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / size if size else nan


def surface_dice(
    a: BoolArray, b: BoolArray, spacing_mm: Sequence[float], *, tolerance_mm: float
) -> float:
    """Normalised surface Dice (Nikolov 2018): share of both surfaces within the tolerance.

    Surfaces weigh by their area, in a plane outlines by their length: see `metrics.surfels`. What
    lies beyond the array counts as outside, so a mask has a surface where the array ends.

    Args:
        a: Mask of one to three axes.
        b: Mask of the same shape.
        spacing_mm: Size of a voxel along each axis.
        tolerance_mm: Distance up to which surfaces agree.

    Returns:
        A number in [0, 1]; NaN when both masks are empty, 0 when one is.
    """
    agreeing, total = surface_areas(a, b, spacing_mm, tolerance_mm=tolerance_mm)
    return agreeing / total if total else nan


def surface_areas(
    a: BoolArray, b: BoolArray, spacing_mm: Sequence[float], *, tolerance_mm: float
) -> tuple[float, float]:
    """Return the area of both surfaces that agrees, and that of both, in mm²; in a plane lengths.

    Arguments as in `surface_dice`, which is their ratio. (0, 0) when both masks are empty.
    """
    either = a | b
    if not either.any():
        return 0.0, 0.0
    window = _window(either)
    surfaces = [_surface(mask[window], spacing_mm) for mask in (a, b)]
    total = float(sum(surface.sum() for surface in surfaces))
    if not all(surface.any() for surface in surfaces):
        return 0.0, total
    near = [within_reach(surface != 0, spacing_mm, tolerance_mm) for surface in reversed(surfaces)]
    # Not `surface[close].sum()`: numbers added in another order, so that 1 would be nearly 1.
    agreeing = sum((surface * close).sum() for surface, close in zip(surfaces, near, strict=True))
    return float(agreeing), total


def volume_surface_dice(
    a: BoolArray, b: BoolArray, spacing_mm: Sequence[float], *, tolerance_mm: float
) -> float:
    """Return `surface_dice` of two volumes; along an axis of one voxel there is no surface.

    Without this every voxel of a picture, a volume of one slice, would lie on the surface.
    """
    flat = tuple(axis for axis, size in enumerate(a.shape) if size == 1)
    kept = [mm for axis, mm in enumerate(spacing_mm) if axis not in flat]
    if not kept:
        return dice(a, b)
    return surface_dice(a.squeeze(flat), b.squeeze(flat), kept, tolerance_mm=tolerance_mm)


def _surface(mask: BoolArray, spacing_mm: Sequence[float]) -> Floats:
    """Return areas of surface elements, which lie between voxels: one more along each axis."""
    padded = np.pad(mask, 1).view(np.uint8)
    shape = [size + 1 for size in mask.shape]
    neighbourhood = np.zeros(shape, dtype=np.uint8)
    for bit, corner in enumerate(product((0, 1), repeat=mask.ndim)):
        part = tuple(slice(at, at + size) for at, size in zip(corner, shape, strict=True))
        neighbourhood |= padded[part] << bit
    return surfel_areas(tuple(float(mm) for mm in spacing_mm))[neighbourhood]


def within_reach(surface: BoolArray, spacing_mm: Sequence[float], tolerance_mm: float) -> BoolArray:
    """Mark what lies within the tolerance of a surface.

    A few voxels reach as far as that in most images: shifted copies are ten times faster than
    distances, which are the same and are taken where voxels are fine.
    """
    reach = [
        int(min(tolerance_mm / mm, n)) for mm, n in zip(spacing_mm, surface.shape, strict=True)
    ]
    if prod(2 * n + 1 for n in reach) > _MOST_SHIFTS:
        found = ndi.distance_transform_edt(~surface, sampling=spacing_mm)
        return np.asarray(found <= tolerance_mm)
    near = surface.copy()
    for shift in product(*(range(-n, n + 1) for n in reach)):
        way = [at * mm for at, mm in zip(shift, spacing_mm, strict=True)]
        if any(shift) and np.sqrt(np.square(way).sum()) <= tolerance_mm:
            there = tuple(slice(max(at, 0), min(at, 0) or None) for at in shift)
            here = tuple(slice(max(-at, 0), min(-at, 0) or None) for at in shift)
            near[there] |= surface[here]
    return near


def _window(mask: BoolArray) -> tuple[slice, ...]:
    found = ndi.find_objects(mask.astype(np.uint8))[0]
    return tuple(found)
