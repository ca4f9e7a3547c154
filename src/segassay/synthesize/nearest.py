"""Has a diffusion model memorised? How near a synthetic image lies to its nearest training image.

Images are compared as thumbnails of 16 pixels, each brought to mean 0 and length 1, in the mirrored
position that fits best. A distance means something only beside others: that to the nearest training
image is divided by how far the nearest images of *other* subjects lie from it, as Carlini et al.
(Extracting Training Data from Diffusion Models, USENIX Security 2023) also measure it relative to
training images nearby.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.resample import resized

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_SIDE = 16
_OTHERS = 10
_CHUNK = 256
_LEAST_LENGTH = 1e-3
"""Of a thumbnail in [0, 1]; one below it has no contrast and becomes 0."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The training image that an image is nearest to.

    Attributes:
        index: Its number.
        distance: Between the thumbnails: 0 alike, up to 2.
        ratio: The distance divided by the mean distance of that training image to the ten nearest
            images of other subjects: 0 is a copy; of a further real image it would be about 1.
    """

    index: int
    distance: float
    ratio: float


class TrainingDistances:
    """Training images, and how far they lie from one another.

    `ratios` `(n,)` are those of the training images themselves: what is usual for real images.
    Training images of which no other subject has one that differs are never called near: their
    ratios are infinite.
    """

    def __init__(self, images: Bytes, subjects: Sequence[str]) -> None:
        """Compare all `images` `(n, channels, rows, columns)` with those of other subjects."""
        self._seen = _thumbnails(images).reshape(len(images), -1)
        owners = np.unique(np.asarray(subjects), return_inverse=True)[1]
        usual, first = [], []
        for start, distances in self._distances(images):
            own = owners[start : start + len(distances), None] == owners[None]
            distances[own] = np.inf
            k = min(_OTHERS, distances.shape[1]) - 1
            nearest = np.partition(distances, k, axis=1)[:, : k + 1]
            there = np.isfinite(nearest)
            total = np.where(there, nearest, 0).sum(axis=1)
            usual.append(total / np.maximum(there.sum(axis=1), 1))
            first.append(nearest.min(axis=1))
        self._usual = np.concatenate(usual)
        self.ratios = _ratio(np.concatenate(first), self._usual)

    def nearest(self, images: Bytes) -> list[Nearest]:
        """Find the nearest training image of each of `(n, channels, rows, columns)`."""
        found = []
        for _, distances in self._distances(images):
            for row, index in zip(distances, distances.argmin(axis=1), strict=True):
                ratio = _ratio(row[index], self._usual[index])
                found.append(Nearest(int(index), float(row[index]), float(ratio)))
        return found

    def _distances(self, images: Bytes) -> Iterator[tuple[int, Floats]]:
        """Yield distances `(chunk, training images)`, each the least over mirrored positions."""
        for start in range(0, len(images), _CHUNK):
            seen = _thumbnails(images[start : start + _CHUNK])
            mirrored = (seen, seen[..., ::-1], seen[..., ::-1, :], seen[..., ::-1, ::-1])
            flat = [one.reshape(len(seen), -1) for one in mirrored]
            product = np.maximum.reduce([one @ self._seen.T for one in flat])
            squares = (flat[0] ** 2).sum(axis=1)[:, None] + (self._seen**2).sum(axis=1)[None]
            yield start, np.sqrt(np.maximum(squares - 2 * product, 0))


def _ratio(distance: NDArray[np.floating], usual: NDArray[np.floating]) -> Floats:
    """Divide by what is usual; infinite where nothing is."""
    safe = np.where(usual > 0, usual, 1)
    return np.asarray(np.where(usual > 0, distance / safe, np.inf), dtype=np.float32)


def _thumbnails(images: Bytes) -> Floats:
    """Return `(n, channels, rows, columns)` at 16 pixels on the longer side, mean 0, length 1."""
    n, channels, *sides = images.shape
    shape = [max(1, round(side * _SIDE / max(sides))) for side in sides]
    small = np.zeros((n, channels, *shape), dtype=np.float32)
    for start in range(0, n, _CHUNK):
        part = np.asarray(images[start : start + _CHUNK] / 255, dtype=np.float32)
        small[start : start + _CHUNK] = resized(part, (len(part), channels, *shape))
    small -= small.mean(axis=(1, 2, 3), keepdims=True)
    length = np.sqrt((small**2).sum(axis=(1, 2, 3), keepdims=True))
    return np.asarray(np.where(length > _LEAST_LENGTH, small / np.maximum(length, 1e-12), 0))
