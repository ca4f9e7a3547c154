from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_views import FILE, GRID
from segassay.checks.file_rules.storage import grid_mismatch
from segassay.geometry.grid import Grid
from segassay.types import Severity


def test_a_file_on_its_images_grid_draws_nothing() -> None:
    assert grid_mismatch(FILE) == []


@pytest.mark.parametrize(
    ("moved", "severity"), [(0.0005, None), (0.05, "info"), (0.3, "warning"), (0.9, "error")]
)
def test_a_shifted_label_is_as_bad_as_its_corners_are_far(moved: float, severity: str) -> None:
    affine = GRID.affine.copy()
    affine[0, 3] += moved  # the smallest spacing is 1 mm
    findings = grid_mismatch(replace(FILE, label_grid=Grid(GRID.shape, affine)))
    assert [f.severity.value for f in findings] == ([severity] if severity else [])
    assert all(f.evidence["distance_mm"] == pytest.approx(moved) for f in findings)


def test_a_wrong_spacing_shows_at_the_far_corner() -> None:
    affine = np.diag([1.0, 1.0, 3.2, 1.0])
    (finding,) = grid_mismatch(replace(FILE, label_grid=Grid(GRID.shape, affine)))
    assert finding.evidence["distance_mm"] == pytest.approx(13 * 0.2)
    assert finding.severity is Severity.ERROR


def test_another_shape() -> None:
    (finding,) = grid_mismatch(replace(FILE, label_grid=Grid((10, 12, 13), GRID.affine)))
    assert finding.severity is Severity.ERROR
    assert "(10, 12, 13), the image has (10, 12, 14)" in finding.message
    assert "exchanged" not in finding.message


def test_exchanged_axes_are_named() -> None:
    (finding,) = grid_mismatch(replace(FILE, label_grid=Grid((14, 10, 12), GRID.affine)))
    assert "the image's are the label's 1, 2, 0" in finding.message
    assert "reorder" in finding.suggestion


@given(st.sets(st.sampled_from([0, 1, 2]), min_size=1), st.sampled_from([-1.0, 1.0]))
def test_axes_stored_the_other_way_round_are_named(axes: set[int], sign: float) -> None:
    """A header with the wrong sign, same origin: the canonical grid lies one image away."""
    affine = GRID.affine.copy()
    for axis in axes:
        affine[axis, 3] += sign * (GRID.shape[axis] - 1) * GRID.spacing_mm[axis]
    (finding,) = grid_mismatch(replace(FILE, label_grid=Grid(GRID.shape, affine)))
    words = " and ".join(("L/R", "P/A", "I/S")[axis] for axis in sorted(axes))
    assert finding.message.endswith(f": {words} stored the other way round")


def test_an_affine_with_nan_is_an_error() -> None:
    affine = GRID.affine.copy()
    affine[0, 0] = np.nan
    (finding,) = grid_mismatch(replace(FILE, label_grid=Grid(GRID.shape, affine)))
    assert finding.severity is Severity.ERROR
