"""Lays one image over another by an affine map: coarse to fine, from several starting points.

Gauss-Newton on the squared difference of two images, each brought to mean 0 and variance 1 over
their overlap, so that gain and offset do not matter. Steps are symmetric: the gradients of both
images are averaged (Benhimane and Malis 2004), which bears larger steps than the moving image's
alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.geometry.resample import resized

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_LEAST_OVERLAP = 0.25
_DAMPING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class AffineMap:
    """Takes voxel indices of one image to those of another: `matrix @ x + shift`.

    `matrix` `(d, d)`, `shift` `(d,)`; d is 2 or 3.
    """

    matrix: Doubles
    shift: Doubles

    @classmethod
    def between(cls, shape: Sequence[int], other: Sequence[int]) -> "AffineMap":
        """Map a grid of `shape` to one of shape `other` over the same box."""
        factor = np.asarray(np.divide(other, shape), dtype=np.float64)
        return cls(np.diag(factor), np.asarray(0.5 * factor - 0.5, dtype=np.float64))

    def __call__(self, points: NDArray[np.floating]) -> Doubles:
        """Map points `(d, ...)`."""
        shift = self.shift.reshape(-1, *[1] * (points.ndim - 1))
        return np.asarray(np.tensordot(self.matrix, points, axes=1) + shift, dtype=np.float64)

    def after(self, first: "AffineMap") -> "AffineMap":
        """Return the map that does `first`, then this one."""
        return AffineMap(self.matrix @ first.matrix, self.matrix @ first.shift + self.shift)

    def inverse(self) -> "AffineMap":
        """Return the way back."""
        matrix = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return AffineMap(matrix, np.negative(matrix @ self.shift))


def fit_affine(
    fixed: Floats, moving: Floats, starts: Sequence[AffineMap], *, levels: Sequence[int], steps: int
) -> AffineMap:
    """Find the affine map from voxels of `fixed` to their counterparts in `moving`.

    Args:
        fixed: An image of 2 or 3 axes.
        moving: Of as many axes, of any size.
        starts: Maps to begin with; the one that fits best after the first level goes on.
        levels: Factors by which both images are reduced, coarse first.
        steps: Most Gauss-Newton steps per level.

    Returns:
        The map; the best start, unchanged, where no step makes it better.
    """
    found = list(starts)
    for level in levels:
        small_fixed, small_moving = reduced(fixed, level), reduced(moving, level)
        pair = _Pair(small_fixed, small_moving)
        into = AffineMap.between(small_fixed.shape, fixed.shape)
        out = AffineMap.between(moving.shape, small_moving.shape)
        fits = [pair.descend(out.after(start).after(into), steps) for start in found]
        best, _ = min(fits, key=lambda fit: fit[1])
        into = AffineMap.between(fixed.shape, small_fixed.shape)
        out = AffineMap.between(small_moving.shape, moving.shape)
        found = [out.after(best).after(into)]
    return found[0]


def reduced(image: Floats, factor: int) -> Floats:
    """Return an image of any number of axes, reduced by a factor along each, antialiased.

    At least one voxel is left along every axis.
    """
    return resized(image, [max(1, round(n / factor)) for n in image.shape])


def grid_points(shape: Sequence[int]) -> Doubles:
    """Return the voxel indices of an image, `(d, *shape)`."""
    return np.indices(tuple(shape)).astype(np.float64)


def warped(moving: Floats, points: NDArray[np.floating]) -> tuple[Floats, NDArray[np.bool_]]:
    """Sample an image of d axes at points `(d, ...)` in voxels, linearly.

    Returns:
        Values `(...)`, outside the image those of its nearest voxel; and which points lie inside,
        that is, within half a voxel of a voxel's centre.
    """
    limits = np.array(moving.shape).reshape(-1, *[1] * (points.ndim - 1)) - 1
    inside = np.all((points >= -0.5) & (points <= limits + 0.5), axis=0)
    values = ndi.map_coordinates(moving, points, order=1, mode="nearest", output=np.float32)
    return np.asarray(values), np.asarray(inside)


class _Pair:
    """Two images of one level."""

    def __init__(self, fixed: Floats, moving: Floats) -> None:
        self._fixed, self._moving = fixed, moving
        self._points = grid_points(fixed.shape)
        self._middle = (np.array(fixed.shape) - 1) / 2
        self._size = max(fixed.shape) / 2
        centred = self._points - self._middle.reshape(-1, *[1] * fixed.ndim)
        terms = np.concatenate([centred / self._size, np.ones((1, *fixed.shape))])
        self._terms, self._slopes = terms.astype(np.float32), gradient(fixed)

    def descend(self, start: AffineMap, steps: int) -> tuple[AffineMap, float]:
        """Take steps as long as they help; return the map and how badly it fits."""
        here, (cost, step) = start, self._look(start)
        for _ in range(steps):
            if not np.isfinite(cost):
                break
            there = self._moved(here, step)
            next_cost, next_step = self._look(there)
            if next_cost >= cost:
                break
            here, cost, step = there, next_cost, next_step
        return here, cost

    def _look(self, here: AffineMap) -> tuple[float, Doubles]:
        """Return how badly a map fits, and the step `(d, d + 1)` that should make it better."""
        axes = self._fixed.ndim
        moved, inside = warped(self._moving, here(self._points))
        if inside.mean() < _LEAST_OVERLAP:
            return np.inf, np.zeros((axes, axes + 1))
        (mean, spread), (other_mean, other_spread) = (
            (values.mean(), max(float(values.std()), 1e-6))
            for values in (self._fixed[inside], moved[inside])
        )
        slopes = 0.5 * (self._slopes / spread + gradient(moved) / other_spread)[:, inside]
        terms = self._terms[:, inside]
        rows = (slopes[:, None] * terms[None]).reshape(-1, terms.shape[1])
        apart = (self._fixed - mean) / spread - (moved - other_mean) / other_spread
        difference = apart[inside]
        normal = (rows @ rows.T).astype(np.float64)
        normal[np.diag_indices_from(normal)] += _DAMPING * np.trace(normal) / len(normal) + 1e-9
        step = np.linalg.solve(normal, rows @ difference)
        return float(np.mean(difference**2)), step.reshape(axes, axes + 1)

    def _moved(self, here: AffineMap, step: Doubles) -> AffineMap:
        linear = step[:, :-1] / self._size
        shift = step[:, -1] - linear @ self._middle
        return here.after(AffineMap(np.eye(len(shift)) + linear, shift))


def gradient(image: Floats) -> Floats:
    """Return central differences `(d, *shape)`; 0 along an axis of one voxel."""
    slopes = np.zeros((image.ndim, *image.shape), dtype=np.float32)
    for axis, n in enumerate(image.shape):
        if n > 1:
            # Views with this axis first; `np.gradient` and `np.moveaxis` take longer than the work.
            order = (axis, *(a for a in range(image.ndim) if a != axis))
            values, into = image.transpose(order), slopes[axis].transpose(order)
            np.subtract(values[2:], values[:-2], out=into[1:-1])
            into[1:-1] *= 0.5
            into[0], into[-1] = values[1] - values[0], values[-1] - values[-2]
    return slopes
