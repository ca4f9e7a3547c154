"""Images of random shapes with random contrast: what a judge can learn without any anatomy.

Smooth random fields compete for every voxel; the winner's number is the label. Every label gets a
grey value and a texture of its own, then blur, a bias field and noise come over all (the idea of
SynthSeg, Billot 2023, and SynthMorph, Hoffmann 2022).
"""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ShapeImage:
    """Slices `(slice, row, column)` of an image, any range, and its labels 0..n - 1."""

    planes: NDArray[np.float32]
    labels: NDArray[np.uint8]
    n_labels: int


def random_shapes(
    rng: np.random.Generator, *, n_slices: int = 5, size: int = 144, most_labels: int = 8
) -> ShapeImage:
    """Draw one image; the same generator gives the same image."""
    n_labels = int(rng.integers(3, most_labels + 1))
    shape = (n_slices, size, size)
    width = rng.uniform(4, 18, size=n_labels)
    fields = [_smooth(rng, shape, (1.5, w, w)) + rng.normal(0, 0.3) for w in width]
    labels = np.argmax(fields, axis=0).astype(np.uint8)
    grey = rng.uniform(0, 1, size=n_labels)
    texture = rng.uniform(0, 0.15, size=n_labels)
    planes = grey[labels] + texture[labels] * _smooth(rng, shape, (0, *rng.uniform(0.5, 3, 2)))
    planes = ndi.gaussian_filter(planes, (0, *[rng.uniform(0.3, 1.5)] * 2))
    planes = planes * (1 + rng.uniform(0, 0.3) * _smooth(rng, shape, (2, size / 4, size / 4)))
    planes = planes + rng.uniform(0, 0.06) * rng.standard_normal(shape)
    return ShapeImage(planes.astype(np.float32), labels, n_labels)


def _smooth(
    rng: np.random.Generator, shape: tuple[int, int, int], width: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Draw a smooth random field of unit spread."""
    field = ndi.gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
    return np.asarray(field / max(float(field.std()), 1e-9), dtype=np.float64)
