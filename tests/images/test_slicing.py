import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.geometry.grid import Grid
from segassay.images.slicing import (
    Sampling,
    as_planes,
    choose_slices,
    from_planes,
    pixel_mm,
    slicing_axis,
    spread_slices,
)


def grid(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
    return Grid(shape, np.diag([*spacing, 1.0]))


@pytest.mark.parametrize(
    ("shape", "spacing", "axis"),
    [
        ((10, 10, 10), (1.0, 1.0, 3.0), 2),
        ((10, 10, 10), (1.0, 4.0, 1.0), 1),
        ((10, 10, 10), (1.0, 1.0, 1.0), 2),
        ((1, 10, 10), (1.0, 1.0, 1.0), 0),
        ((10, 10, 1), (1.0, 1.0, 1.0), 2),
    ],
)
def test_slicing_axis(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], axis: int
) -> None:
    assert slicing_axis(grid(shape, spacing)) == axis


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_and_back(axis: int) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    planes = as_planes(array, axis)
    assert len(planes) == array.shape[axis]
    np.testing.assert_array_equal(from_planes(planes, axis), array)


def test_axial_plane_shows_front_on_top_and_right_on_the_left() -> None:
    array = np.zeros((4, 5, 2))
    array[3, 4, 1] = 1  # farthest right, farthest front
    assert as_planes(array, 2)[1][0, 0] == 1


def test_pixel_size_is_row_then_column() -> None:
    assert pixel_mm(grid((4, 4, 4), (1.0, 2.0, 5.0)), 2) == (2.0, 1.0)


_SHELLS = st.sampled_from([(), (0.15,), (0.15, 0.6), (0.05, 0.1, 2.0)])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 12), _SHELLS)
def test_inside_weights_cover_every_slice_once(
    areas: list[int], inside: int, beyond: tuple[float, ...]
) -> None:
    samples = choose_slices(np.array(areas), Sampling(inside, beyond))
    filled = np.flatnonzero(areas)
    if not filled.size:
        assert samples == []
        return
    within = [s for s in samples if not s.beyond]
    assert sum(s.weight for s in within) == filled[-1] - filled[0] + 1
    assert len(within) <= inside
    assert all(filled[0] <= s.index <= filled[-1] for s in within)
    assert all(not filled[0] <= s.index <= filled[-1] for s in samples if s.beyond)
    assert [s.index for s in samples] == sorted({s.index for s in samples})


def test_shells_beyond_an_end_stand_for_the_slices_they_hold() -> None:
    areas = np.zeros(100, dtype=int)
    areas[40:60] = 1
    beyond = [s for s in choose_slices(areas, Sampling(10, (0.15, 0.6))) if s.beyond]
    assert [(s.index, s.weight) for s in beyond] == [(32, 9), (38, 3), (61, 3), (67, 9)]


@pytest.mark.parametrize("inside", [1, 2, 10])
def test_a_mask_in_few_slices_far_apart_is_not_missed(inside: int) -> None:
    areas = np.zeros(101, dtype=int)
    areas[[0, 100]] = 7
    samples = choose_slices(areas, Sampling(inside, ()))
    assert any(areas[s.index] for s in samples)
    assert sum(s.weight for s in samples) == 101


def test_shells_end_with_the_image() -> None:
    areas = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1])
    beyond = [s for s in choose_slices(areas, Sampling(10, (0.15, 0.6))) if s.beyond]
    assert sum(s.weight for s in beyond) == 2
    assert {s.index for s in beyond} <= {0, 1}


def test_spread_slices_covers_the_stack() -> None:
    samples = spread_slices(23, 10)
    assert sum(s.weight for s in samples) == 23
    assert len(samples) == 10
