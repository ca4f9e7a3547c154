"""How a slice is shown to the pretrained encoder, and what comes back: one vector per patch.

The slice is laid into a square, 256 pixels a side, so that a patch of one image and a patch of
another that lie at the same place lie at the same place of the body, where images are framed alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.resample import Box
from segassay.judge.inputs.letterbox import letterbox
from segassay.judge.inputs.preprocess import whole_image

Floats = NDArray[np.float32]

SIDE_PX = 256
"""Pixels along a side of what the encoder sees."""

GRID = 32
"""Patches along a side: one per stride of eight pixels."""

_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)[:, None, None]
_SPREAD = np.array([0.229, 0.224, 0.225], dtype=np.float32)[:, None, None]
_PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Features of one slice.

    `patches` `(GRID * GRID, d)`: one vector per patch, row by row, each of length 1. `summary`
    `(s,)`: one vector of length 1 for the whole slice.
    """

    patches: Floats
    summary: Floats


def picture(plane: NDArray[Any], pixel_mm: tuple[float, float], side_px: int = SIDE_PX) -> Floats:
    """Prepare a slice for the encoder.

    Args:
        plane: `(rows, columns)` of any range, or `(rows, columns, 3)` bytes in colour.
        pixel_mm: Size of a pixel (row, column).
        side_px: Pixels along a side of what is returned.

    Returns:
        `(3, side_px, side_px)` with ImageNet's mean and spread taken out. Grey values are
        stretched between their 1st and 99th percentile; a plane without contrast, and what lies
        outside the image, is 0.
    """
    values = np.asarray(plane, dtype=np.float32)
    lay = letterbox((values.shape[0], values.shape[1]), pixel_mm, side_px)
    if values.ndim == 2:
        low, high = np.percentile(values, _PERCENTILES)
        if high - low < 1e-6 * max(abs(float(low)), abs(float(high)), 1e-6):
            return np.zeros((3, side_px, side_px), dtype=np.float32)
        values = np.clip((values - low) / (high - low), 0, 1)
        colours = np.repeat(lay(values[None]), 3, axis=0)
    else:
        colours = lay(np.moveaxis(values, 2, 0) / 255)
    inside = lay.coverage[None]
    return np.asarray((colours - _MEAN * inside) / _SPREAD, dtype=np.float32)


def tiles(plane: NDArray[Any], pixel_mm: tuple[float, float]) -> list[Floats]:
    """Prepare a slice for the encoder at twice the resolution, in four parts, row by row."""
    whole = picture(plane, pixel_mm, 2 * SIDE_PX)
    halves = (slice(None, SIDE_PX), slice(SIDE_PX, None))
    return [np.ascontiguousarray(whole[:, rows, columns]) for rows in halves for columns in halves]


def fine_patches(looks: Sequence[Looks]) -> NDArray[np.int8]:
    """Put the features of `tiles` together: directions `(d, 2 * GRID, 2 * GRID)`."""
    upper, lower = (
        np.concatenate([one.patches.reshape(GRID, GRID, -1) for one in looks[n : n + 2]], axis=1)
        for n in (0, 2)
    )
    return np.ascontiguousarray(directions(np.concatenate([upper, lower])).transpose(2, 0, 1))


def directions(vectors: NDArray[np.floating]) -> NDArray[np.int8]:
    """Return vectors `(..., d)` in bytes, the largest number of each 127: their length is lost."""
    largest = np.maximum(np.abs(vectors).max(axis=-1, keepdims=True), 1e-12)
    return np.asarray(np.rint(vectors * (127 / largest)), dtype=np.int8)


def of_length_1(vectors: NDArray[np.generic], axis: int = -1) -> Floats:
    """Return vectors, as `directions` keeps them or others, at length 1; those of zeros stay so."""
    values = np.asarray(vectors, dtype=np.float32)
    length = np.sqrt(np.square(values).sum(axis=axis, keepdims=True))
    return np.asarray(values / np.maximum(length, 1e-12), dtype=np.float32)


def shares_of(mask: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> NDArray[np.float32]:
    """Return which share of every patch a mask (rows, columns) covers, `(PATCHES,)`."""
    lay = letterbox((mask.shape[0], mask.shape[1]), pixel_mm, GRID)
    return np.asarray(lay(mask[None].astype(np.float32))[0].ravel())


def grid_box(box: Box, shape: tuple[int, int], pixel_mm: tuple[float, float]) -> Box:
    """Return where a box of an image, in its pixels, lies on the grid of patches."""
    whole = whole_image(shape, pixel_mm)
    down, across = GRID / (whole.bottom - whole.top), GRID / (whole.right - whole.left)
    return Box(
        (box.top - whole.top) * down,
        (box.bottom - whole.top) * down,
        (box.left - whole.left) * across,
        (box.right - whole.left) * across,
    )
