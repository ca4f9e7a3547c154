"""Changes of brightness, contrast, shading, noise and blur that leave the expert mask right."""

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray


def augment_bytes(
    planes: NDArray[np.uint8], rng: np.random.Generator, *, any_tones: bool = False
) -> NDArray[np.float32]:
    """Return `(n, row, column)` bytes as floats with random tones, shading, blur, noise.

    Tones are a table of 256 entries, so they cost one lookup. With `any_tones` half of the draws
    have tones that no modality has.
    """
    tones = any_tone_curve if any_tones and rng.random() < 0.5 else tone_curve
    image = np.asarray(tones(rng)[planes], dtype=np.float32)
    if rng.random() < 0.2:
        image = image * shading((image.shape[1], image.shape[2]), rng)
    roll = rng.random()
    if roll < 0.15:
        sigma = rng.uniform(0.4, 1.3)
        image = ndi.gaussian_filter(image, (0, sigma, sigma))
    elif roll < 0.35:
        image = image + rng.uniform(0.01, 0.1) * rng.standard_normal(image.shape, dtype=np.float32)
    return image


def tone_curve(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a table `(256,)`: a window, then gamma, sometimes inverted."""
    level = np.linspace(0, 1, 256, dtype=np.float32)
    if rng.random() < 0.5:
        low, high = rng.uniform(-0.1, 0.2), rng.uniform(0.7, 1.1)
        level = np.clip((level - low) / (high - low), 0, 1)
    if rng.random() < 0.6:
        level = level ** np.exp(rng.uniform(-0.6, 0.6))
    return 1 - level if rng.random() < 0.05 else level


def any_tone_curve(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a table `(256,)` of a few straight pieces that rise and fall.

    It leaves borders where they are, and nothing of what is dark or bright (Bezier curves of Models
    Genesis, Zhou 2019, the idea).
    """
    n = int(rng.integers(3, 7))
    at = np.r_[0, np.sort(rng.uniform(0, 255, size=n - 2)), 255]
    return np.interp(np.arange(256), at, rng.random(n)).astype(np.float32)


def shading(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a factor for each pixel, `(row, column)`: brightness that drifts over the image.

    The exponential of a random polynomial of second degree: coils, depth and heel effect.
    """
    row, column = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    tilt, curve, cross = rng.normal(0, 0.2, 2), rng.normal(0, 0.2, 2), rng.normal(0, 0.2)
    down, along = tilt[0] * row + curve[0] * row**2, tilt[1] * column + curve[1] * column**2
    field = down[:, None] + along[None] + cross * np.outer(row, column)
    return np.asarray(np.exp(field), dtype=np.float32)
