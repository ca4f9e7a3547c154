"""Antialiased resampling of a box of an image as two small sparse matrix products.

One row of a resampling matrix holds the weights with which an output pixel averages the input:
a triangle as wide as the output pixel, or as wide as one input pixel when enlarging (bilinear).
Because rows and columns separate, cropping and resizing `(n, h, w)` costs two matrix products,
and the box may reach beyond the image. A row has few weights, so the matrices are sparse: dense
ones cost more, and on a busy machine the threads of a dense product wait for one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixel units; edges, not centres: the whole image is `(0, h, 0, w)`."""

    top: float
    bottom: float
    left: float
    right: float


@dataclass(frozen=True, slots=True, eq=False)
class AxisResampler:
    """Sparse weights `(n_out, stop - start)` on input pixels `start:stop` of one axis.

    `coverage` `(n_out,)` is the share of each output pixel that lies inside the image.
    """

    weights: csr_array
    coverage: NDArray[np.float32]
    start: int
    stop: int


@lru_cache(maxsize=64)
def axis_resampler(n_in: int, low: float, high: float, n_out: int) -> AxisResampler:
    """Build the resampling weights from the interval `[low, high)` of an axis to `n_out` pixels.

    Rows sum to `coverage`: what lies outside the image counts as zero.
    """
    step = (high - low) / n_out
    support = max(1.0, step)
    centres = low + (np.arange(n_out) + 0.5) * step
    # Pixel p has its middle at p + 1/2; only these are less than `support` away from a centre.
    nearest = np.floor(centres - support - 0.5).astype(np.intp) + 1
    pixels = nearest[:, None] + np.arange(int(np.ceil(2 * support)))
    weights = np.maximum(0.0, 1.0 - np.abs(pixels + 0.5 - centres[:, None]) / support)
    weights /= weights.sum(axis=1, keepdims=True)
    start = min(max(int(pixels[0, 0]), 0), n_in)
    stop = min(max(int(pixels[-1, -1]) + 1, 0), n_in)
    inside = (pixels >= start) & (pixels < stop) & (weights > 0)
    kept = np.where(inside, weights, 0.0).astype(np.float32)
    starts = np.concatenate([[0], inside.sum(axis=1).cumsum()])
    sparse = csr_array((kept[inside], pixels[inside] - start, starts), shape=(n_out, stop - start))
    return AxisResampler(sparse, kept.sum(axis=1), start, stop)


def resized(image: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Bring an image of any number of axes to another shape over the same box, antialiased."""
    for axis, size in enumerate(shape):
        if size == image.shape[axis]:
            continue
        one = axis_resampler(image.shape[axis], 0, image.shape[axis], size)
        lead = np.moveaxis(image, axis, 0)
        flat = one.weights @ np.ascontiguousarray(lead).reshape(len(lead), -1)
        whole = np.asarray(flat / one.coverage[:, None], dtype=np.float32)
        image = np.moveaxis(whole.reshape(size, *lead.shape[1:]), 0, axis)
    return np.ascontiguousarray(image, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class BoxResampler:
    """Cuts one box out of images of one size and resizes it to `(n_out, n_out)`.

    `coverage` `(n_out, n_out)` is the share of every output pixel that lies inside the image.
    """

    rows: AxisResampler
    columns: AxisResampler
    coverage: NDArray[np.float32]

    @classmethod
    def to_square(cls, shape: tuple[int, int], box: Box, n_out: int) -> "BoxResampler":
        """Prepare the cut of `box` from images of `shape` (rows, columns)."""
        return _box_resampler(shape, box, n_out)

    def __call__(
        self, planes: NDArray[np.generic], limits: tuple[float, float] | None = None
    ) -> NDArray[np.float32]:
        """Resample `(..., rows, columns)` to float32 `(..., n_out, n_out)`; zero outside.

        Values are cut to `limits` first.
        """
        r, c = self.rows, self.columns
        part = planes[..., r.start : r.stop, c.start : c.stop]
        lead, (height, width), n_out = part.shape[:-2], part.shape[-2:], r.coverage.size
        # All planes side by side: one product per axis costs less than one per plane.
        beside = np.ascontiguousarray(np.moveaxis(part, -2, 0), dtype=np.float32)
        if limits is not None:
            beside = beside.clip(*limits)
        down = (r.weights @ beside.reshape(height, -1)).reshape(n_out, -1, width)
        across = c.weights @ np.ascontiguousarray(down.transpose(2, 1, 0)).reshape(width, -1)
        both = across.reshape(n_out, -1, n_out).transpose(1, 2, 0)
        return np.ascontiguousarray(both, dtype=np.float32).reshape(*lead, n_out, n_out)

    def paste(self, crop: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
        """Spread a crop `(n_out, n_out)` back over an image of `shape`; zero outside the box.

        The transpose of the cut, with weights normalised per image pixel: bilinear where the
        crop was reduced, an average where it was enlarged.
        """
        r, c = self.rows, self.columns
        back_r = _normalised(r.weights.toarray().T)
        back_c = _normalised(c.weights.toarray().T)
        out = np.zeros(shape, dtype=np.float32)
        out[r.start : r.stop, c.start : c.stop] = back_r @ crop @ back_c.T
        return out


@lru_cache(maxsize=32)
def _box_resampler(shape: tuple[int, int], box: Box, n_out: int) -> BoxResampler:
    """Prepare a cut once for the slices in a row that are seen through one box."""
    rows = axis_resampler(shape[0], box.top, box.bottom, n_out)
    columns = axis_resampler(shape[1], box.left, box.right, n_out)
    return BoxResampler(rows, columns, np.outer(rows.coverage, columns.coverage))


def _normalised(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(weights / np.where(total > 1e-6, total, 1.0), dtype=np.float32)
