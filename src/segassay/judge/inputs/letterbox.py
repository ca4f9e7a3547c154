"""Whole slices letterboxed into squares of a few pixels, and the way back to the slice."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.geometry.resample import BoxResampler
from segassay.judge.inputs.preprocess import whole_image


def letterbox(shape: tuple[int, int], pixel: tuple[float, float], size: int) -> BoxResampler:
    """Return the resampling of slices of `shape` (rows, columns) to a square of `size` pixels.

    `pixel` is the size of a pixel (row, column) in millimetres; the square keeps proportions.
    """
    return BoxResampler.to_square(shape, whole_image(shape, pixel), size)


def enlarged(
    picture: NDArray[np.uint8], shape: tuple[int, int], pixel: tuple[float, float]
) -> NDArray[np.uint8]:
    """Resample a letterboxed picture `(n, n)` back to the slice `(rows, columns)` that it shows."""
    whole, size = whole_image(shape, pixel), picture.shape[0]
    down, across = size / (whole.bottom - whole.top), size / (whole.right - whole.left)
    top, left = -whole.top * down, -whole.left * across
    bottom, right = top + shape[0] * down, left + shape[1] * across
    box = (max(left, 0), max(top, 0), min(right, size), min(bottom, size))
    found = Image.fromarray(picture).resize(
        (shape[1], shape[0]), Image.Resampling.BILINEAR, box=box
    )
    return np.asarray(found)
