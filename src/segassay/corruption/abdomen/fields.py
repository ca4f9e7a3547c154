"""Smooth random fields: cubic B-splines through random values on a coarse lattice."""

from functools import cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Shape = tuple[int, ...]

_SPREAD_OF_AN_AXIS = (151 / 315) ** 0.5
"""Standard deviation that splines through unit noise keep, per axis: the integral of B squared."""


def random_field(
    rng: np.random.Generator, shape: Shape, spacing_mm: tuple[float, ...], lattice_mm: float
) -> Array:
    """Draw a smooth field of mean 0 and spread about 1.

    Args:
        rng: Source of the lattice's values.
        shape: Voxels along every axis.
        spacing_mm: Size of a voxel.
        lattice_mm: Distance of the lattice's values; bumps are about twice as wide.
    """
    matrices = [_splines(n, s / lattice_mm) for n, s in zip(shape, spacing_mm, strict=True)]
    field = rng.standard_normal([m.shape[1] for m in matrices], dtype=np.float32)
    for matrix in matrices:  # one axis after the other; each step brings the next axis to the front
        field = np.tensordot(field, matrix, axes=(0, 1))
    return np.asarray(field / np.float32(_SPREAD_OF_AN_AXIS ** len(shape)))


@cache
def _splines(n: int, step: float) -> Array:
    """Return the matrix `(n, lattice)` of cubic B-splines at `n` places, `step` knots apart."""
    knots = ceil((n - 1) * step) + 4
    away = np.abs(np.arange(n)[:, None] * step + 1 - np.arange(knots))
    near = 2 / 3 - away**2 + away**3 / 2
    far = np.maximum(2 - away, 0) ** 3 / 6
    return np.asarray(np.where(away < 1, near, far), dtype=np.float32)
