"""Slices turned, stretched and bent, image and masks alike: other anatomies out of a few subjects.

Ten subjects show ten stomachs. A judge that sees each of them in a thousand shapes learns what the
border of a stomach is, rather than these ten.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_TURN, _STRETCH, _SHEAR = 0.12, 0.1, 0.06
"""Spreads of the turn (radians), of the logarithm of each axis' stretch, and of the shear."""

_WAVES = 2
_STEEPEST = 0.22
"""How much a wave stretches or squeezes at most: below 1 nothing is folded over."""

_THINNEST = 8

_LENGTHS = (0.15, 0.7)
"""Lengths of the waves, in units of the image's longer side."""

Floats = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


def warped(
    planes: NDArray[np.uint8],
    gold: BoolArray,
    mask: BoolArray,
    framed_by: BoolArray | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], BoolArray, BoolArray, BoolArray | None]:
    """Warp bytes `(plane, row, column)` and their masks `(row, column)` in one way, drawn.

    The middle of the masks stays where it is. All is returned as it is where a mask would be lost
    or an image is too thin to mix neighbours.
    """
    masks = [gold, mask] if framed_by is None else [gold, mask, framed_by]
    if min(gold.shape) < _THINNEST:
        return planes, gold, mask, framed_by
    warp = Warp((gold.shape[0], gold.shape[1]), _middle(masks), rng)
    moved = [warp.nearest(one) for one in masks]
    if any(one.any() and not other.any() for one, other in zip(masks, moved, strict=True)):
        return planes, gold, mask, framed_by
    return warp.between(planes), moved[0], moved[1], None if framed_by is None else moved[2]


def _middle(masks: Sequence[BoolArray]) -> tuple[float, float]:
    """Return the middle of the box round all masks, of the image where all are empty."""
    every = np.logical_or.reduce(masks)
    rows, columns = np.flatnonzero(every.any(axis=1)), np.flatnonzero(every.any(axis=0))
    if not rows.size:
        return (every.shape[0] - 1) / 2, (every.shape[1] - 1) / 2
    return float(rows[0] + rows[-1]) / 2, float(columns[0] + columns[-1]) / 2


class Warp:
    """One way of turning, stretching and bending an image of `shape` (row, column)."""

    def __init__(
        self, shape: tuple[int, int], centre: tuple[float, float], rng: np.random.Generator
    ) -> None:
        row, column = (
            np.arange(n, dtype=np.float32) - np.float32(middle)
            for n, middle in zip(shape, centre, strict=True)
        )
        matrix = _affine(rng)
        at = [
            (matrix[axis, 0] * row)[:, None] + (matrix[axis, 1] * column)[None] for axis in (0, 1)
        ]
        for _ in range(_WAVES):
            wave, toward = _wave(row, column, max(shape), rng)
            for axis in (0, 1):
                at[axis] += toward[axis] * wave
        self._at = tuple(
            _inside(axis + np.float32(middle), n)
            for axis, middle, n in zip(at, centre, shape, strict=True)
        )
        self._columns = shape[1]

    def nearest(self, mask: BoolArray) -> BoolArray:
        """Return a mask `(row, column)` warped."""
        row, column = (np.rint(axis).astype(np.int32) for axis in self._at)
        return np.asarray(mask.reshape(-1).take(row * self._columns + column))

    def between(self, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return bytes `(plane, row, column)` warped, each mixed from its four neighbours."""
        flat = planes.reshape(len(planes), -1)
        (row, down), (column, right) = (
            _split(axis, n) for axis, n in zip(self._at, planes.shape[1:], strict=True)
        )
        first = row * self._columns + column
        upper = _mixed(flat, first, right)
        lower = _mixed(flat, first + self._columns, right)
        return np.asarray(np.rint(upper + down * (lower - upper)), dtype=np.uint8)


def _mixed(flat: NDArray[np.uint8], at: NDArray[np.int32], right: Floats) -> Floats:
    left = flat.take(at, axis=1).astype(np.float32)
    return np.asarray(left + right * (flat.take(at + 1, axis=1) - left), dtype=np.float32)


def _affine(rng: np.random.Generator) -> Floats:
    turn, shear = rng.normal(0, _TURN), rng.normal(0, _SHEAR)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    stretched = np.diag(np.exp(rng.normal(0, _STRETCH, size=2)))
    return np.asarray(turned @ np.array([[1, shear], [0, 1]]) @ stretched, dtype=np.float32)


def _wave(
    row: Floats, column: Floats, side: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw a wave `(row, column)` in pixels, and the direction that it moves pixels in."""
    length = side * np.exp(rng.uniform(*np.log(_LENGTHS)))
    along, toward = rng.uniform(0, 2 * np.pi, size=2)
    pace, phase = 2 * np.pi / length, rng.uniform(0, 2 * np.pi)
    down = (pace * np.sin(along) * row + phase).astype(np.float32)
    across = (pace * np.cos(along) * column).astype(np.float32)
    height = np.float32(rng.uniform(0, _STEEPEST) / pace / _WAVES**0.5)
    # sin(a + b) of two vectors: a sine for each row and column, not for each pixel.
    wave = np.outer(np.sin(down), np.cos(across)) + np.outer(np.cos(down), np.sin(across))
    return height * wave, np.array([np.sin(toward), np.cos(toward)], dtype=np.float32)


def _inside(at: Floats, n: int) -> Floats:
    """Fold coordinates back at both ends, as in a mirror."""
    at = np.abs(at)
    return np.asarray(np.clip((n - 1) - np.abs((n - 1) - at), 0, n - 1), dtype=np.float32)


def _split(at: Floats, n: int) -> tuple[NDArray[np.int32], Floats]:
    whole = np.minimum(at.astype(np.int32), n - 2)
    return whole, at - whole
