"""Demons: bends one image onto another, coarse to fine.

Thirion 1998 with the symmetric forces of Vercauteren 2009 and additive steps: the field may fold,
which a look at the quality of a mask bears.
"""

from collections.abc import Sequence

import numpy as np
import scipy.ndimage as ndi

from segassay.geometry.affine_fit import Floats, gradient, grid_points, reduced, warped
from segassay.geometry.resample import resized


def demons(
    fixed: Floats, moving: Floats, *, levels: Sequence[int], steps: int, smooth: float
) -> Floats:
    """Find how far every voxel of `fixed` lies from its counterpart in `moving`.

    Args:
        fixed: An image of 2 or 3 axes, of about unit variance.
        moving: The same shape and scale, already laid over `fixed` roughly.
        levels: Factors by which both are reduced, coarse first.
        steps: Steps per level.
        smooth: Standard deviation in voxels of the Gaussian that keeps the field smooth.

    Returns:
        Displacement in voxels `(d, *fixed.shape)`: voxel x is found at x + displacement(x).
    """
    field = np.zeros((fixed.ndim, *fixed.shape), dtype=np.float32)
    for level in levels:
        small_fixed, small_moving = reduced(fixed, level), reduced(moving, level)
        field = resized_field(field, small_fixed.shape)
        field = _bent(small_fixed, small_moving, field, steps=steps, smooth=smooth)
    return resized_field(field, fixed.shape)


def resized_field(field: Floats, shape: Sequence[int]) -> Floats:
    """Bring a field of displacements `(d, ...)` to another size, its lengths with it."""
    pairs = zip(field, shape, field.shape[1:], strict=True)
    return np.stack([resized(part, shape) * np.float32(new / old) for part, new, old in pairs])


def _bent(fixed: Floats, moving: Floats, field: Floats, *, steps: int, smooth: float) -> Floats:
    points, own = grid_points(fixed.shape).astype(np.float32), gradient(fixed)
    for _ in range(steps):
        moved, inside = warped(moving, points + field)
        slopes = 0.5 * (own + gradient(moved))
        difference = np.where(inside, fixed - moved, np.float32(0))
        strength = np.einsum("a...,a...->...", slopes, slopes) + difference**2
        field = field + slopes * (difference / np.maximum(strength, 1e-6))
        field = ndi.gaussian_filter(field, (0, *[smooth] * fixed.ndim))
    return field
