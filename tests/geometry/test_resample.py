import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.geometry.resample import Box, BoxResampler, axis_resampler


def test_same_size_is_the_identity() -> None:
    image = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    cut = BoxResampler.to_square((8, 8), Box(0, 8, 0, 8), 8)
    np.testing.assert_allclose(cut(image[None])[0], image, atol=1e-6)


def test_halving_averages_and_outside_is_zero() -> None:
    image = np.ones((8, 8), dtype=np.float32)
    cut = BoxResampler.to_square((8, 8), Box(-8, 8, 0, 16), 4)
    result = cut(image[None])[0]
    assert result[3, 0] == pytest.approx((7 / 8) ** 2)  # an eighth of each triangle is outside
    assert result[0, 0] == result[0, 3] == 0
    np.testing.assert_allclose(result, cut.coverage, atol=1e-6)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(20, 60), st.integers(16, 96))
def test_sum_is_kept_when_the_box_holds_everything(
    top: float, left: float, side: float, n_out: int
) -> None:
    image = np.zeros((30, 30), dtype=np.float32)
    image[12:18, 11:17] = 1.0
    box = Box(top, top + side, left, left + side)
    cut = BoxResampler.to_square((30, 30), box, n_out)
    cell = (side / n_out) ** 2
    if top + side > 19 and left + side > 18:
        assert float(cut(image[None]).sum()) * cell == pytest.approx(36, rel=0.12)


def test_paste_leads_back() -> None:
    mask = np.zeros((40, 40), dtype=np.float32)
    mask[10:30, 15:25] = 1.0
    cut = BoxResampler.to_square((40, 40), Box(5, 35, 5, 35), 60)
    back = cut.paste(cut(mask[None])[0], (40, 40))
    np.testing.assert_array_equal(back > 0.5, mask > 0.5)


@pytest.mark.parametrize(("low", "high"), [(0.0, 9.0), (-4.3, 6.1), (2.2, 3.9), (30.0, 40.0)])
def test_weights_are_triangles_around_the_output_pixels(low: float, high: float) -> None:
    one = axis_resampler(9, low, high, 5)
    step = (high - low) / 5
    reach = max(1.0, step)
    found = np.zeros((5, 9))
    found[:, one.start : one.stop] = one.weights.toarray()
    every = np.arange(-100, 100)
    for n in range(5):
        weights = np.maximum(0, 1 - np.abs(every + 0.5 - low - (n + 0.5) * step) / reach)
        np.testing.assert_allclose(found[n], (weights / weights.sum())[100:109], atol=1e-6)
    np.testing.assert_allclose(one.coverage, found.sum(axis=1), atol=1e-6)


def test_many_planes_are_cut_as_one_by_one() -> None:
    planes = np.random.default_rng(0).random((2, 3, 20, 30)).astype(np.float32)
    cut = BoxResampler.to_square((20, 30), Box(-3, 12, 4.5, 33), 16)
    found = cut(planes)
    assert found.shape == (2, 3, 16, 16)
    np.testing.assert_array_equal(found[1, 2], cut(planes[1, 2]))
