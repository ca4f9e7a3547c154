import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segassay.geometry.components import (
    bounding_box,
    components,
    enclosed_in_slices,
    enclosed_in_volume,
    nearly_touches_largest,
)

MASKS = arrays(np.bool_, (5, 6, 7))


@given(MASKS, st.permutations([0, 1, 2]), st.permutations([1, -1, 1]))
def test_parts_do_not_depend_on_the_order_of_axes(
    mask: np.ndarray, axes: list[int], steps: list[int]
) -> None:
    plain = components(mask)
    turned = components(mask.transpose(axes)[:: steps[0], :: steps[1], :: steps[2]])
    assert turned.sizes == plain.sizes
    assert sum(plain.sizes) == int(mask.sum())
    assert list(plain.sizes) == sorted(plain.sizes, reverse=True)


@given(MASKS)
def test_every_box_holds_its_part_and_nothing_is_left_over(mask: np.ndarray) -> None:
    parts = components(mask)
    rebuilt = np.zeros_like(mask)
    for size, box, number in zip(parts.sizes, parts.boxes, parts.order, strict=True):
        own = parts.numbers == number
        assert int(own.sum()) == int(own[box].sum()) == size
        assert bounding_box(own) == box
        rebuilt |= own
    np.testing.assert_array_equal(rebuilt, mask)


@given(MASKS, st.permutations([0, 1, 2]))
def test_holes_in_space_are_fewer_than_holes_in_slices_and_stay_under_flips(
    mask: np.ndarray, axes: list[int]
) -> None:
    enclosed = enclosed_in_volume(mask)
    assert enclosed == enclosed_in_volume(mask[::-1, :, ::-1])
    assert enclosed <= int(enclosed_in_slices(mask).sum())
    solid = np.ones((3, 4, 5), dtype=np.bool_).transpose(axes)
    assert enclosed_in_volume(solid) == 0


def test_parts_by_hand() -> None:
    mask = np.zeros((9, 9), dtype=np.bool_)
    mask[0:3, 0:3] = True
    mask[3, 3] = True  # touches by a corner
    mask[8, 8] = True
    parts = components(mask)
    assert parts.sizes == (10, 1)
    assert parts.boxes[1] == (slice(8, 9), slice(8, 9))
    assert components(np.zeros((3, 3), dtype=np.bool_)).sizes == ()


def test_how_near_a_part_is() -> None:
    mask = np.zeros((4, 12, 12), dtype=np.bool_)
    mask[0, 2:6, 2:6] = True
    mask[1, 7, 7] = True  # next slice, two pixels off
    parts = components(mask)
    assert parts.sizes == (16, 1)
    assert nearly_touches_largest(parts, 1, reach=(1, 2, 2))
    assert not nearly_touches_largest(parts, 1, reach=(1, 1, 2))
    assert not nearly_touches_largest(parts, 1, reach=(0, 2, 2))


def test_bounding_box_of_nothing() -> None:
    assert bounding_box(np.zeros((2, 3, 4), dtype=np.bool_)) is None


def test_hole_in_a_slice_and_on_all_sides() -> None:
    planes = np.zeros((5, 9, 9), dtype=np.bool_)
    planes[:, 2:7, 2:7] = True
    planes[1, 4, 4] = False  # closed above and below
    assert enclosed_in_slices(planes).tolist() == [0, 1, 0, 0, 0]
    assert enclosed_in_volume(planes) == 1
    planes[:, 4, 4] = False  # a tube, open at both ends
    assert enclosed_in_slices(planes).tolist() == [1] * 5
    assert enclosed_in_volume(planes) == 0
    assert enclosed_in_volume(planes[:1]) == 1
