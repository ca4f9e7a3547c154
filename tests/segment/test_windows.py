"""A network led over an image answers for every voxel, wherever its windows lie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segassay.segment.preprocess import with_neighbours
from segassay.segment.windows import Floats, fitted, probabilities

SIZES = st.integers(1, 40)


def first_channel(patches: Floats) -> Floats:
    return patches[:, :1]


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES, st.integers(1, 3))
def test_a_network_that_repeats_its_input_gives_the_image_back(
    rows: int, columns: int, slices: int
) -> None:
    image = np.random.default_rng(rows * columns).random((1, slices, rows, columns), np.float32)
    for patch in ((16, 16), (8, 32)):
        found = probabilities(image, first_channel, patch)
        np.testing.assert_allclose(found, image, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 20), SIZES)
def test_so_it_is_in_blocks(slices: int, rows: int) -> None:
    image = np.random.default_rng(rows).random((2, slices, rows, 19), np.float32)
    found = probabilities(image, first_channel, (8, 16, 16))
    np.testing.assert_allclose(found, image[:1], atol=1e-5)


@given(arrays(np.float32, (1, 5, 3), elements=st.floats(-9, 9, width=32)), st.integers(1, 9))
def test_padding_repeats_the_rim_and_says_where_the_image_lies(image: Floats, side: int) -> None:
    padded, inner = fitted(image, (side, side))
    assert all(n >= side for n in padded.shape[1:])
    np.testing.assert_array_equal(padded[(slice(None), *inner)], image)
    assert padded.min() == image.min()
    assert padded.max() == image.max()


@pytest.mark.parametrize(("index", "expected"), [(0, [0, 0, 1]), (2, [1, 2, 3]), (4, [3, 4, 4])])
def test_slices_are_seen_between_their_neighbours(index: int, expected: list[int]) -> None:
    image = np.arange(5, dtype=np.float32).reshape(1, 5, 1, 1)
    assert with_neighbours(image, index, 1).ravel().tolist() == expected
