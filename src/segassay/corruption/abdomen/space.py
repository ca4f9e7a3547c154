"""Where every voxel of a subject's scan lies in the common anatomy."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.abdomen.fields import Array, random_field

SHAPE = (140, 112, 32)
SPACING_MM = (2.5, 2.5, 6.0)
"""Voxels of a scan `(i, j, k)`, RAS+, and their size."""

FINE_SHAPE = (*SHAPE[:2], 2 * SHAPE[2] + 1)
"""Voxels of the fine grid: a plane through the middle of every slice and one at either face."""

_FINE_SPACING_MM = (*SPACING_MM[:2], SPACING_MM[2] / 2)

_BENDS = ((80.0, 4.5), (30.0, 1.3))
"""Random displacement: distance of its lattice's values and its standard deviation, in mm."""

_SLAB = 20

Block = tuple[slice, slice, slice]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The fine grid of a subject in coordinates of the anatomy.

    Attributes:
        at: Coordinates in the anatomy, mm, `(3, i, j, fine k)`.
        height: Height in the scanner, to the front, mm, of every `j`: fluid lies below gas.
        lowest: For every axis the lowest coordinate in each of its planes, mm.
        highest: The highest.
    """

    at: Array
    height: Array
    lowest: tuple[Array, ...]
    highest: tuple[Array, ...]

    def block(self, low: NDArray[np.floating], high: NDArray[np.floating]) -> Block:
        """Return the part of the fine grid, in whole slices, that holds a box of the anatomy.

        `low` and `high` are the box's corners, mm. Empty slices where it lies outside the scan.
        """
        ranges = []
        for axis in range(3):
            meets = (self.highest[axis] >= low[axis]) & (self.lowest[axis] <= high[axis])
            planes = np.flatnonzero(meets)
            ranges.append((int(planes[0]), int(planes[-1]) + 1) if planes.size else (0, 0))
        start, stop = ranges[2]
        start = max(start - 1, 0) // 2 * 2
        stop = min(stop // 2 * 2 + 1, FINE_SHAPE[2]) if stop > start else start
        return slice(*ranges[0]), slice(*ranges[1]), slice(start, stop)

    def coordinates(self, block: Block) -> Array:
        """Return the coordinates `(3, ...)` of a part of the fine grid, mm."""
        return self.at[(slice(None), *block)]

    def slabs(self) -> Iterator[Block]:
        """Return the whole fine grid in parts that are small enough for fast memory."""
        n, rows, planes = FINE_SHAPE
        for start in range(0, n, _SLAB):
            yield slice(start, min(start + _SLAB, n)), slice(0, rows), slice(0, planes)


def random_space(rng: np.random.Generator) -> Space:
    """Draw a subject's build and posture: size along the axes, small turns, smooth bends."""
    size = rng.normal(1.0, 0.035) * rng.normal(1.0, (0.03, 0.035, 0.03))
    turns = np.radians(rng.normal(0, (1.5, 1.5, 2.0)))
    shift = rng.normal(0, (3.0, 2.0, 6.0))
    matrix = np.diag(1 / size) @ turned(turns)
    grid = [
        ((np.arange(n) - (n - 1) / 2) * s).astype(np.float32).reshape(shape)
        for n, s, shape in zip(FINE_SHAPE, _FINE_SPACING_MM, _ONE_AXIS, strict=True)
    ]
    at = np.empty((3, *FINE_SHAPE), dtype=np.float32)
    for axis in range(3):
        row = matrix[axis].astype(np.float32)
        at[axis] = (
            row[0] * grid[0] + row[1] * grid[1] + (row[2] * grid[2] + np.float32(shift[axis]))
        )
        for lattice_mm, spread_mm in _BENDS:
            bend = random_field(rng, FINE_SHAPE, _FINE_SPACING_MM, lattice_mm)
            at[axis] += np.float32(spread_mm) * bend
    others = ((1, 2), (0, 2), (0, 1))
    lowest = tuple(at[n].min(axis=rest) for n, rest in enumerate(others))
    highest = tuple(at[n].max(axis=rest) for n, rest in enumerate(others))
    return Space(at, grid[1], lowest, highest)


def through_slices(fine: Array) -> Array:
    """Return what slices show of the fine grid: the mean over their thickness, by trapezia."""
    middle, faces = fine[:, :, 1::2], fine[:, :, ::2]
    return np.asarray(middle / 2 + (faces[:, :, :-1] + faces[:, :, 1:]) / 4)


def fine_field(rng: np.random.Generator, lattice_mm: float) -> Array:
    """Draw a smooth random field on the fine grid; see `random_field`."""
    return random_field(rng, FINE_SHAPE, _FINE_SPACING_MM, lattice_mm)


def turned(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rotation `(3, 3)` about x, then y, then z, by angles in radians."""
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[one, one] = step[two, two] = np.cos(angle)
        step[two, one] = np.sin(angle)
        step[one, two] = -step[two, one]
        rotation = step @ rotation
    return rotation


_ONE_AXIS = ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
