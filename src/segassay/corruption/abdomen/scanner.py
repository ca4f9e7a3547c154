"""What a CT scanner makes of a subject: thick slices, blur, correlated noise, shading, a couch."""

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.abdomen.fields import Array, random_field
from segassay.corruption.abdomen.space import SHAPE, SPACING_MM, Space, through_slices

_LOWEST_HU, _HIGHEST_HU = -1024, 3071
_BODY_ABOVE_HU = -500.0
_BLUR_MM = (0.8, 1.5)
"""Standard deviation of the in-plane blur, from sharp to soft kernels."""

_NOISE_HU = (9.0, 19.0)
"""Noise in the middle of the body, from a generous dose to a low one."""


def scan(fine: Array, space: Space, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return the image `(i, j, k)` in HU of tissues on the fine grid; no scan is like another."""
    image = through_slices(fine)
    _add_couch(image, space)
    blur = rng.uniform(*_BLUR_MM) / SPACING_MM[0]
    image = ndi.gaussian_filter(image, (blur, blur, 0), mode="nearest")
    body = (image > _BODY_ABOVE_HU).astype(np.float32)
    for _ in range(2):
        body = ndi.uniform_filter(body, (17, 17, 1))
    image += _shading(body, rng) + _noise(body, blur, rng)
    return np.clip(np.rint(image), _LOWEST_HU, _HIGHEST_HU).astype(np.int16)


def _add_couch(image: Array, space: Space) -> None:
    """Add the couch below the patient: a thin shell, curved as the back rests in it."""
    height = space.height.reshape(1, -1, 1)
    body = (image > _BODY_ABOVE_HU).any(axis=(0, 2))
    back = float(height.ravel()[np.flatnonzero(body)[0]])
    across = (np.arange(SHAPE[0]) - SHAPE[0] / 2).reshape(-1, 1, 1) * SPACING_MM[0]
    shell = np.abs(height - (back - 5 + (across / 40) ** 2)) - 2.5
    cover = np.clip(0.5 - shell / SPACING_MM[1], 0, 1) * (image < _BODY_ABOVE_HU)
    image += (cover * 700).astype(np.float32)


def _shading(body: Array, rng: np.random.Generator) -> Array:
    """Return slow errors of brightness: cupping by beam hardening, scatter, drift along slices."""
    slow = random_field(rng, SHAPE, SPACING_MM, 110.0)
    drift = random_field(rng, SHAPE[2:], SPACING_MM[2:], 40.0)
    cupping = rng.uniform(2, 9) * (0.6 - body)
    return np.asarray(3.5 * slow + 1.5 * drift + cupping, dtype=np.float32)


def _noise(body: Array, blur: float, rng: np.random.Generator) -> Array:
    """Return noise with the grain of filtered back-projection, strongest in the body's middle."""
    white = rng.standard_normal(SHAPE, dtype=np.float32)
    grain = ndi.gaussian_filter(white, (0.35 + 0.6 * blur,) * 2 + (0.3,), mode="wrap")
    grain -= 0.7 * ndi.gaussian_filter(grain, (1.6, 1.6, 0), mode="wrap")
    grain /= grain.std()
    return np.asarray(rng.uniform(*_NOISE_HU) * grain * (0.45 + 0.55 * body), dtype=np.float32)
