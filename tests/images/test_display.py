"""Cuts across a volume: through the mask, the right way up, the slice where it is said to lie."""

import numpy as np
import pytest

from segassay.geometry.grid import Grid
from segassay.images.display import plane_name, shown, side_cuts
from segassay.images.mask import Mask
from segassay.images.volume import Volume

SPACINGS = {0: (5.0, 1.0, 2.0), 1: (1.0, 5.0, 2.0), 2: (1.0, 2.0, 5.0)}
SHAPE = (20, 30, 40)


def volume(along: int, array: np.ndarray, *, anatomical: bool = True) -> Volume:
    """A volume whose slices count along an axis, by its spacing."""
    affine = np.diag([*SPACINGS[along], 1.0])
    return Volume(array, Grid(array.shape, affine), anatomical, spacing_known=True)


def block() -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[3:9, 5:20, 22:36] = True
    return mask


@pytest.mark.parametrize("along", [0, 1, 2])
def test_the_slice_lies_where_the_line_is_drawn(along: int) -> None:
    image = np.zeros(SHAPE, dtype=np.float32)
    image[(slice(None),) * along + (6,)] = 100.0
    for cut in side_cuts(volume(along, image), Mask.of(block()), 6):
        is_row, at = cut.crossing
        lit = np.flatnonzero((cut.image > 0.5).all(axis=1 if is_row else 0))
        assert lit.tolist() == [at]


@pytest.mark.parametrize("along", [0, 1, 2])
def test_cuts_go_through_the_mask_in_square_millimetres(along: int) -> None:
    mask = block()
    across = [axis for axis in range(3) if axis != along]
    for axis, cut in zip(
        across, side_cuts(volume(along, mask * 1.0), Mask.of(mask), 6), strict=True
    ):
        assert (cut.mask == (cut.image > 0.5)).all()
        size = {n: mask.any(axis=tuple(a for a in range(3) if a != n)).sum() for n in range(3)}
        width, height = (n for n in range(3) if n != axis)
        assert cut.mask.any(axis=0).sum() == size[width]
        assert cut.mask.any(axis=1).sum() == size[height]
        assert cut.pixel_mm == (SPACINGS[along][height], SPACINGS[along][width])


def test_head_is_up_and_the_front_is_left() -> None:
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[10, 28, 38] = True  # in front, at the top
    sagittal, coronal = side_cuts(volume(2, mask * 1.0), Mask.of(mask), 38)
    assert (sagittal.plane, coronal.plane) == ("sagittal", "coronal")
    assert np.argwhere(sagittal.mask).tolist() == [[1, 1]]
    assert np.argwhere(coronal.mask).tolist() == [[1, 9]]


def test_pictures_and_thin_stacks_have_no_sides() -> None:
    for shape in [(20, 30, 1), (20, 30, 3)]:
        image = volume(2, np.zeros(shape, dtype=np.float32))
        assert side_cuts(image, Mask.empty(shape), 0) == ()


def test_an_empty_mask_is_cut_through_the_middle() -> None:
    empty = np.zeros(SHAPE, dtype=np.bool_)
    first, second = side_cuts(volume(2, empty * 1.0), Mask.of(empty), 0)
    assert (first.index, second.index) == (10, 15)


def test_planes_are_named_only_where_the_header_can_be_believed() -> None:
    array = np.zeros(SHAPE, dtype=np.float32)
    assert plane_name(volume(2, array), 0) == "sagittal"
    assert plane_name(volume(2, array, anatomical=False), 0) == "first axis"
    assert plane_name(volume(2, array[:, :, :1]), 2) == ""


def test_values_are_shown_within_limits() -> None:
    image = np.full(SHAPE, -1000.0, dtype=np.float32)
    image[:, :, 10:] = 50.0
    image[:, :, 30:] = 3000.0
    (cut, _) = side_cuts(volume(2, image), Mask.of(block()), 25, (-200, 300))
    levels = np.unique(np.round(cut.image, 2)).tolist()
    assert levels == [0.0, 0.5, 1.0]


def test_a_slice_without_contrast_is_black() -> None:
    assert (shown(np.full((4, 5), 7.0)) == 0).all()
