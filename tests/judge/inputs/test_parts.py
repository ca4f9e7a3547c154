"""Parts of masks: how fine a mask is, and windows that divide it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.judge.inputs.mask_parts import fineness, thickness, windows


def disc(radius: float, side: int = 120) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side / 2
    return np.asarray(y**2 + x**2 <= radius**2)


def test_a_disc_is_as_thick_as_wide() -> None:
    assert thickness(disc(40)) == pytest.approx(80, rel=0.15)
    assert fineness(disc(40)) == pytest.approx(1, rel=0.15)


def test_a_band_is_fine_and_nothing_is_not() -> None:
    band = np.zeros((100, 100), dtype=np.bool_)
    band[48:52] = True
    assert thickness(band) == pytest.approx(8, rel=0.1)
    assert fineness(band) > 10
    assert fineness(np.zeros_like(band)) == thickness(np.zeros_like(band)) == 0
    assert windows(np.zeros_like(band), 3) == []


@given(seed=st.integers(0, 2**16), n=st.integers(1, 5), share=st.floats(0.001, 0.9))
def test_windows_hold_every_pixel_of_a_mask_once(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((int(rng.integers(1, 40)), int(rng.integers(1, 40)))) < share
    found = windows(mask, n)
    times = np.sum([one.of(mask) for one in found], axis=0) if found else np.zeros(mask.shape)
    np.testing.assert_array_equal(times, mask)
    assert len(found) <= n * n
