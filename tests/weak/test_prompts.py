"""Prompts lie where their components lie, whatever the coarse map looks like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segassay.weak.prompts import (
    LEAST_SHARE,
    BoolArray,
    Floats,
    coarse_mask,
    components,
    convex_ratio,
    deepest,
    jittered,
    prompts,
)

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))
MAPS = arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32))


def disc(shape: tuple[int, int], row: int, column: int, radius: float) -> BoolArray:
    rows, columns = np.indices(shape)
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


@settings(max_examples=60)
@given(MAPS)
def test_prompts_belong_to_their_components(p: Floats) -> None:
    found = prompts(p)
    assert bool(found) == bool(coarse_mask(p).any())
    for one in found:
        rows, columns = np.nonzero(one.component)
        top, left, bottom, right = one.box
        assert 0 <= top <= rows.min()
        assert rows.max() <= bottom < p.shape[0]
        assert 0 <= left <= columns.min()
        assert columns.max() <= right < p.shape[1]
        assert one.component[one.inside]
        assert all(p[point] <= 0.05 and not one.component[point] for point in one.outside)
        assert len(set(one.outside)) == len(one.outside)
        assert 0 < one.convex_ratio <= 1


@settings(max_examples=60)
@given(arrays(np.bool_, SHAPES))
def test_components_are_parts_of_the_mask_that_do_not_meet(mask: BoolArray) -> None:
    found = components(mask)
    sizes = [int(one.sum()) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size >= LEAST_SHARE * sizes[0] for size in sizes)
    total = np.sum([np.zeros(mask.shape, dtype=int), *found], axis=0)
    assert total.max(initial=0) <= 1
    assert not (total.astype(np.bool_) & ~mask).any()
    assert bool(found) == bool(mask.any())


@settings(max_examples=40)
@given(MAPS, st.integers(0, 99))
def test_jitter_keeps_boxes_in_the_image(p: Floats, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for one in prompts(p):
        top, left, bottom, right = jittered(one, rng, 0.5).box
        assert 0 <= top <= bottom < p.shape[0]
        assert 0 <= left <= right < p.shape[1]


def test_two_kidneys_are_two_boxes_and_a_speck_is_none() -> None:
    kidneys = disc((64, 96), 30, 20, 9) | disc((64, 96), 32, 70, 8)
    p = (kidneys | disc((64, 96), 5, 48, 1)).astype(np.float32)
    left, right = prompts(p, padding=0)
    assert left.box == (21, 11, 39, 29)
    assert right.box == (24, 62, 40, 78)
    assert left.inside == (30, 20)


def test_every_threshold_can_fire() -> None:
    for level, expected in ((0.6, 0.5), (0.4, 0.3), (0.2, 0.15), (0.06, 0.05)):
        p = np.full((4, 4), 0.01, dtype=np.float32)
        p[1, 1], p[2, 2] = level, expected - 0.02
        assert np.argwhere(coarse_mask(p)).tolist() == [[1, 1]]
    assert not coarse_mask(np.full((4, 4), 0.01, dtype=np.float32)).any()


def test_rings_keep_the_coarse_mask_and_discs_do_not() -> None:
    ring = disc((64, 64), 32, 32, 28) & ~disc((64, 64), 32, 32, 24)
    (of_ring,), (of_disc,) = (
        prompts(mask.astype(np.float32)) for mask in (ring, disc((64, 64), 32, 32, 20))
    )
    assert of_ring.keeps_coarse_mask
    assert not of_disc.keeps_coarse_mask
    assert of_ring.component[of_ring.inside]


@pytest.mark.parametrize("shape", [(3, 7), (1, 1), (1, 5)])
def test_rectangles_are_convex(shape: tuple[int, int]) -> None:
    mask = np.zeros((12, 12), dtype=np.bool_)
    mask[2 : 2 + shape[0], 3 : 3 + shape[1]] = True
    assert convex_ratio(mask) == pytest.approx(1)


def test_the_deepest_pixel_is_far_from_the_images_edge_too() -> None:
    mask = np.ones((9, 21), dtype=np.bool_)
    row, column = deepest(mask)
    assert row == 4
    assert 4 <= column <= 16
