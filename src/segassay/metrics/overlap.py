"""How well two masks agree: Dice and normalised surface Dice."""

from collections.abc import Sequence
from math import nan

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]

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

    The surface of a mask are its voxels with a neighbour (by a face) outside; beyond the array
    counts as outside. Every surface voxel weighs the same, so a strongly anisotropic grid
    weighs its through-plane faces less than a mesh would.

    Args:
        a: Mask of any dimension.
        b: Mask of the same shape.
        spacing_mm: Size of a voxel along each axis.
        tolerance_mm: Distance up to which surfaces agree.

    Returns:
        A number in [0, 1]; NaN when both masks are empty, 0 when one is.
    """
    agreeing, total = surface_counts(a, b, spacing_mm, tolerance_mm=tolerance_mm)
    return agreeing / total if total else nan


def surface_counts(
    a: BoolArray, b: BoolArray, spacing_mm: Sequence[float], *, tolerance_mm: float
) -> tuple[int, int]:
    """Return the surface voxels of two masks that agree, and all of them.

    Arguments as in `surface_dice`, which is their ratio. (0, 0) when both masks are empty.
    """
    either = a | b
    if not either.any():
        return 0, 0
    window = _window(either)
    edge_a, edge_b = _surface(a[window]), _surface(b[window])
    total = int(np.count_nonzero(edge_a)) + int(np.count_nonzero(edge_b))
    if not edge_a.any() or not edge_b.any():
        return 0, total
    near_b = ndi.distance_transform_edt(~edge_b, sampling=spacing_mm) <= tolerance_mm
    near_a = ndi.distance_transform_edt(~edge_a, sampling=spacing_mm) <= tolerance_mm
    agreeing = np.count_nonzero(edge_a & near_b) + np.count_nonzero(edge_b & near_a)
    return int(agreeing), total


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


def _surface(mask: BoolArray) -> BoolArray:
    return np.asarray(mask & ~ndi.binary_erosion(mask))


def _window(mask: BoolArray) -> tuple[slice, ...]:
    found = ndi.find_objects(mask.astype(np.uint8))[0]
    return tuple(found)
