"""Changes of brightness, contrast, noise and blur that leave the expert mask right."""

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray


def augment_bytes(planes: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return `(n, row, column)` bytes as floats, with one random tone curve, blur and noise.

    Window, gamma and inversion are a table of 256 entries, so they cost one lookup.
    """
    image = np.asarray(tone_curve(rng)[planes], dtype=np.float32)
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
