import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segassay.geometry.components import components, enclosed_in_slices, enclosed_in_volume


@given(arrays(np.bool_, (5, 6, 7)), st.permutations([0, 1, 2]))
def test_components_do_not_depend_on_the_order_of_axes(mask: np.ndarray, axes: list[int]) -> None:
    plain = components(mask)
    assert components(mask.transpose(axes)) == plain
    assert components(mask[::-1, :, ::-1]) == plain
    assert sum(plain.sizes) == int(mask.sum())


def test_stray_share_by_hand() -> None:
    mask = np.zeros((9, 9), dtype=np.bool_)
    mask[0:3, 0:3] = True
    mask[8, 8] = True
    assert components(mask).sizes == (9, 1)
    assert components(mask).stray_share == pytest.approx(0.1)
    assert components(np.zeros((3, 3), dtype=np.bool_)).stray_share == 0


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
