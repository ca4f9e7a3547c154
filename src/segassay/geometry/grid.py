"""A voxel grid: its shape and where its voxels lie in the world."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from segassay.errors import GeometryError


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Shape `(i, j, k)` and the 4x4 affine that takes voxel indices to millimetres (RAS+)."""

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along each array axis."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def corners_mm(self) -> NDArray[np.float64]:
        """World coordinates of the eight corner voxel centres, shape `(8, 3)`."""
        last = np.array(self.shape) - 1
        corners = np.array(list(product((0, 1), repeat=3))) * last
        return np.asarray(corners @ self.affine[:3, :3].T + self.affine[:3, 3], dtype=np.float64)


def corner_distance_mm(a: Grid, b: Grid) -> float:
    """Return the largest distance in mm between matching corner voxels of two grids.

    This is the number that decides whether two affines "differ": rounding in a header moves a
    corner by micrometres, a real error by voxels. Infinite when the shapes differ, since then no
    corner matches; NaN when an affine holds NaN.
    """
    if a.shape != b.shape:
        return float("inf")
    return float(np.linalg.norm(a.corners_mm - b.corners_mm, axis=1).max())


def require_same_grid(got: Grid, expected: Grid, name: str) -> None:
    """Refuse the file `name` if it does not lie on the grid of its image, within half a voxel.

    Raises:
        GeometryError: Shape or position differ.
    """
    if got.shape != expected.shape:
        raise GeometryError(
            f"{name}: shape {got.shape}; the image has {expected.shape}; resample it onto the "
            "image, or pair it with its own"
        )
    # Not the affines' numbers: a small difference of directions moves the far end by centimetres.
    if not corner_distance_mm(got, expected) <= 0.5 * min(expected.spacing_mm):
        raise GeometryError(
            f"{name}: lies on another grid than the image, though the shapes agree; "
            "compare the headers, or copy the image's onto the mask if the voxels line up"
        )
