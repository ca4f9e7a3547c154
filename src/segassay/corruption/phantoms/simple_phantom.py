"""A phantom abdomen in Hounsfield units: a few shapes with the right neighbours and intensities.

For tests and documents, where real patients must not be; the demo has the far more lifelike
`data.abdomen`. Never used to train a judge.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

SHAPE = (144, 108, 34)
SPACING_MM = (2.5, 2.5, 6.0)
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

_AIR, _FAT, _WALL, _MUSCLE, _BONE, _NOISE = -1000.0, -100.0, 45.0, 55.0, 260.0, 14.0
_BOWEL, _GAS = 35.0, -500.0
_WAVE, _FINE_WAVE = 9, 5
"""Voxels from one value of the coarse noise to the next: for outlines, and for loops of bowel."""

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
    "spleen": ((-0.64, -0.20, 0.35), (0.19, 0.34, 0.34)),
    "kidney_right": ((0.40, -0.42, -0.25), (0.15, 0.19, 0.36)),
    "kidney_left": ((-0.40, -0.42, -0.15), (0.15, 0.19, 0.36)),
    "gallbladder": ((0.40, 0.40, -0.02), (0.10, 0.15, 0.20)),
    "liver": ((0.42, 0.12, 0.38), (0.44, 0.62, 0.48)),
    "stomach": ((-0.33, 0.34, 0.35), (0.27, 0.30, 0.32)),
    "aorta": ((-0.06, -0.27, 0.0), (0.065, 0.09, 2.0)),
    "pancreas": ((-0.10, 0.06, 0.0), (0.36, 0.11, 0.14)),
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
    """Draw wall, muscles, spine and a cavity full of bowel; return it and where organs may lie."""
    x, y, _ = position
    radius = np.sqrt(x**2 + y**2)
    fat = rng.uniform(0.06, 0.14)
    image = np.full(SHAPE, _AIR, dtype=np.float32)
    image[radius < 1.0] = _FAT
    image[radius < 1.0 - fat] = _WALL
    within = np.asarray(radius < 0.9 - fat)
    image[within] = _FAT
    _fill_with_bowel(image, within & (y > -0.3), rng)
    for side in (-1, 1):
        back = ((x - side * 0.27) / 0.24) ** 2 + ((y + 0.78) / 0.2) ** 2 < 1
        psoas = ((x - side * 0.22) / 0.1) ** 2 + ((y + 0.45) / 0.14) ** 2 < 1
        image[(back | psoas) & (radius < 1.0 - fat)] = _MUSCLE
        within &= ~psoas
    spine = np.sqrt((x / 0.13) ** 2 + ((y + 0.52) / 0.19) ** 2) < 1
    image[spine] = _BONE
    return image, within & ~spine


def _fill_with_bowel(image: Array, cavity: Mask, rng: np.random.Generator) -> None:
    """Fill the cavity with loops of bowel in fat, some with gas: organs seldom lie in fat alone."""
    loops = _waves(rng, _FINE_WAVE)
    image[cavity & (loops > -0.1)] = _BOWEL
    image[cavity & (loops > 1.9)] = _GAS


def _organ(position: list[Array], name: str, rng: np.random.Generator) -> Mask:
    centre, half = _PLACES[name]
    place = np.array(centre) + rng.normal(0, 0.025, size=3)
    size = np.array(half) * rng.uniform(0.88, 1.12, size=3)
    scaled = [(p - c) / s for p, c, s in zip(position, place, size, strict=True)]
    radius = np.sqrt(sum((s**2 for s in scaled), np.zeros(SHAPE, dtype=np.float32)))
    return np.asarray(radius + 0.09 * _waves(rng) < 1)


def _waves(rng: np.random.Generator, step: int = _WAVE) -> Array:
    """Return smooth noise of unit spread: no organ is an exact ellipsoid."""
    full = rng.standard_normal([n // step + 3 for n in SHAPE])
    for n in SHAPE:  # linear along one axis after the other; each step brings the next axis first
        full = np.tensordot(full, _stretching(n, step), axes=(0, 1))
    return np.asarray(full / full.std(), dtype=np.float32)


@cache
def _stretching(n: int, step: int) -> NDArray[np.float64]:
    """Return the matrix `(n, coarse)` that draws coarse values out to `n`, linear in between."""
    coarse = n // step + 3
    at = np.arange(n) * (coarse - 1) / (coarse * step - 1)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(coarse)))
