import numpy as np
import pytest

from segassay.errors import GeometryError
from segassay.geometry.grid import Grid, corner_distance_mm, require_same_grid


def test_sizes_by_hand() -> None:
    grid = Grid((2, 3, 4), np.diag([2.0, 3.0, 5.0, 1.0]))
    assert grid.spacing_mm == (2.0, 3.0, 5.0)
    assert grid.voxel_ml == pytest.approx(0.03)
    assert grid.corners_mm.max(axis=0).tolist() == [2.0, 6.0, 15.0]


def test_corner_distance() -> None:
    a = Grid((2, 3, 4), np.eye(4))
    moved = np.eye(4)
    moved[:3, 3] = (3, 0, 4)
    assert corner_distance_mm(a, Grid((2, 3, 4), moved)) == pytest.approx(5.0)
    assert corner_distance_mm(a, Grid((2, 3, 5), np.eye(4))) == float("inf")


def test_grids_that_part_far_from_their_origin_are_not_the_same() -> None:
    """Same shape and origin, but another spacing, or turned: corners lie centimetres apart."""
    grid = Grid((100, 100, 40), np.diag([1.0, 1.0, 2.0, 1.0]))
    turned = np.eye(4)
    turned[:2, :2] = [[0.996, -0.087], [0.087, 0.996]]
    rounded = grid.affine + 1e-4
    require_same_grid(Grid(grid.shape, rounded), grid, "mask.nii.gz")
    for other in (np.diag([1.3, 1.3, 2.3, 1.0]), turned @ grid.affine, grid.affine * np.nan):
        with pytest.raises(GeometryError, match=r"mask\.nii\.gz: lies on another grid"):
            require_same_grid(Grid(grid.shape, other), grid, "mask.nii.gz")
