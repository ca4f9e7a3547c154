"""Masks cut to their box: whole or in parts they are what they were made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segassay.images.mask import Mask, filled_box
from segassay.images.slicing import as_planes


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.tuples(*[st.integers(1, 6)] * 3))
    share = draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
    mask = np.random.default_rng(draw(st.integers(0, 99))).random(shape) < share
    mask = np.asfortranarray(mask) if draw(st.booleans()) else mask
    return mask[::-1] if draw(st.booleans()) else mask


@given(masks())
@settings(max_examples=60, deadline=None)
def test_a_mask_says_what_the_whole_array_says(whole: np.ndarray) -> None:
    mask = Mask.of(whole)
    np.testing.assert_array_equal(np.asarray(mask), whole)
    assert (mask.n_voxels, bool(mask), len(mask)) == (
        int(whole.sum()),
        bool(whole.any()),
        len(whole),
    )
    assert Mask.of(mask) is mask
    for axis in range(3):
        planes, turned = as_planes(whole, axis), mask.as_planes(axis)
        np.testing.assert_array_equal(np.asarray(turned), planes)
        np.testing.assert_array_equal(turned.areas, planes.sum(axis=(1, 2)))
        for index, plane in enumerate(planes):
            np.testing.assert_array_equal(turned.plane(index), plane)
        edge = np.ones(planes.shape[1:], dtype=np.bool_)
        edge[1:-1, 1:-1] = False
        first, last = planes[0].sum(), planes[-1].sum()
        assert turned.at_border() == (planes[:, edge].sum(), first + last)


@given(masks(), masks(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_parts_of_masks(whole: np.ndarray, other: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = tuple(slice(*sorted(rng.integers(0, n + 1, 2).tolist())) for n in whole.shape)
    np.testing.assert_array_equal(Mask.of(whole).part(window), whole[window])
    known = rng.random(whole.shape) < 0.5
    np.testing.assert_array_equal(np.asarray(Mask.of(whole).known(known)), whole & known)
    assert Mask.of(whole).known(None).n_voxels == whole.sum()
    second = np.resize(other, whole.shape)
    one, two = Mask.of(whole).beside(Mask.of(second))
    assert (one & two).sum() == (whole & second).sum()
    assert (one.sum(), two.sum()) == (whole.sum(), second.sum())
    boxed = Mask.within(
        (9, 9, 9),
        (slice(1, 1 + whole.shape[0]), slice(2, 2 + whole.shape[1]), slice(3, 3 + whole.shape[2])),
        whole,
    )
    assert boxed.n_voxels == whole.sum()
    assert boxed.inside.shape == Mask.of(whole).inside.shape


@pytest.mark.parametrize("value", [1, 255, -3])
def test_the_box_holds_every_value_but_0(value: int) -> None:
    array = np.zeros((4, 5, 6), dtype=np.int32)
    assert filled_box(array) == (slice(0, 0),) * 3
    array[1, 2:4, 5] = value
    assert filled_box(array) == (slice(1, 2), slice(2, 4), slice(5, 6))
    assert filled_box(array[:, ::-1]) == (slice(1, 2), slice(1, 3), slice(5, 6))
