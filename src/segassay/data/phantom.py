"""A phantom abdomen in Hounsfield units: a few shapes with the right neighbours and intensities.

For the demo and for tests, where real patients must not be. Never used to train a judge.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

SHAPE = (112, 88, 36)
SPACING_MM = (3.0, 3.0, 6.0)
LABELS = {
    "spleen": 1,
    "kidney_right": 2,
    "kidney_left": 3,
    "gallbladder": 4,
    "liver": 5,
    "stomach": 6,
    "aorta": 7,
    "pancreas": 8,
}
"""Voxel value of every structure; later ones are drawn over earlier ones where they touch."""

_AIR, _FAT, _MUSCLE, _BONE, _NOISE = -1000.0, -100.0, 45.0, 420.0, 14.0
_WAVE = 9
"""Voxels from one value of the coarse noise to the next."""

_HU = {
    "spleen": 115.0,
    "kidney_right": 180.0,
    "kidney_left": 180.0,
    "gallbladder": 10.0,
    "liver": 105.0,
    "stomach": 30.0,
    "aorta": 165.0,
    "pancreas": 85.0,
}
# Centre (x to the right, y to the front, z up) and half axes as shares of the body's half axes.
_PLACES = {
    "spleen": ((-0.62, -0.25, 0.35), (0.20, 0.30, 0.30)),
    "kidney_right": ((0.40, -0.42, -0.25), (0.15, 0.19, 0.36)),
    "kidney_left": ((-0.40, -0.42, -0.15), (0.15, 0.19, 0.36)),
    "gallbladder": ((0.34, 0.36, -0.15), (0.09, 0.15, 0.16)),
    "liver": ((0.45, 0.10, 0.35), (0.42, 0.55, 0.42)),
    "stomach": ((-0.32, 0.32, 0.35), (0.26, 0.30, 0.28)),
    "aorta": ((-0.05, -0.25, 0.0), (0.06, 0.085, 2.0)),
    "pancreas": ((-0.08, 0.10, -0.05), (0.34, 0.10, 0.10)),
}

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """An image `(i, j, k)` in HU, RAS+, with its label map (values as in `LABELS`)."""

    image: NDArray[np.int16]
    labels: NDArray[np.uint8]

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel to millimetres, RAS+, with the origin at the body's centre."""
        affine = np.diag([*SPACING_MM, 1.0])
        affine[:3, 3] = -0.5 * np.array(SPACING_MM) * (np.array(SHAPE) - 1)
        return affine


def make_phantom(seed: int) -> Phantom:
    """Make one patient; sizes, places, noise and contrast vary with the seed."""
    rng = np.random.default_rng(seed)
    body = np.array([0.46, 0.44, 0.5]) * SHAPE * rng.uniform(0.88, 1.0, size=3)
    grid = np.indices(SHAPE, dtype=np.float32)
    middle = (np.array(SHAPE) - 1) / 2
    position = [(g - c) / half for g, c, half in zip(grid, middle, body, strict=True)]
    image, within = _torso(position, rng)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for name, value in LABELS.items():
        mask = _organ(position, name, rng) & within
        labels[mask] = value
        image[mask] = _HU[name] * rng.uniform(0.92, 1.08)
    soft = ndi.gaussian_filter(image, (0.6, 0.6, 0.3))
    noisy = soft + rng.normal(0, _NOISE, size=SHAPE)
    return Phantom(np.asarray(np.rint(noisy), dtype=np.int16), labels)


def _torso(position: list[Array], rng: np.random.Generator) -> tuple[Array, Mask]:
    x, y, _ = position
    radius = np.sqrt(x**2 + y**2)
    fat = rng.uniform(0.06, 0.14)
    image = np.full(SHAPE, _AIR, dtype=np.float32)
    image[radius < 1.0] = _FAT
    image[radius < 1.0 - fat] = _MUSCLE
    within = np.asarray(radius < 0.92 - fat)
    image[within] = _FAT + 20 * _waves(rng)[within]
    spine = np.sqrt((x / 0.14) ** 2 + ((y + 0.55) / 0.2) ** 2) < 1
    image[spine] = _BONE
    return image, within & ~spine


def _organ(position: list[Array], name: str, rng: np.random.Generator) -> Mask:
    centre, half = _PLACES[name]
    place = np.array(centre) + rng.normal(0, 0.025, size=3)
    size = np.array(half) * rng.uniform(0.88, 1.12, size=3)
    scaled = [(p - c) / s for p, c, s in zip(position, place, size, strict=True)]
    radius = np.sqrt(sum((s**2 for s in scaled), np.zeros(SHAPE, dtype=np.float32)))
    return np.asarray(radius + 0.09 * _waves(rng) < 1)


def _waves(rng: np.random.Generator) -> Array:
    """Return smooth noise of unit spread: no organ is an exact ellipsoid."""
    full = rng.standard_normal([n // _WAVE + 3 for n in SHAPE])
    for n in SHAPE:  # linear along one axis after the other; each step brings the next axis first
        full = np.tensordot(full, _stretching(n), axes=(0, 1))
    return np.asarray(full / full.std(), dtype=np.float32)


@cache
def _stretching(n: int) -> NDArray[np.float64]:
    """Return the matrix `(n, coarse)` that draws coarse values out to `n`, linear in between."""
    coarse = n // _WAVE + 3
    at = np.arange(n) * (coarse - 1) / (coarse * _WAVE - 1)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(coarse)))
