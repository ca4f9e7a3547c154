import numpy as np
import pytest

from segassay.geometry.grid import Grid, corner_distance_mm


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
