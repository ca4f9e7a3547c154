"""Labels of other cases laid over a volume: what they cover of every patch of its slices.

Votes of patches that look alike (`judge.context.votes`) hold the place of an organ only roughly; in
volumes, where organs have a place, registration holds it better. The two are joined: each sees
errors of the other's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from segassay.images.slicing import from_planes
from segassay.images.volume import Volume
from segassay.judge.context.context_memory import Context
from segassay.judge.context.looks import GRID
from segassay.judge.context.votes import PATCHES, mass_of
from segassay.judge.inputs.preprocess import PlaneStack, whole_image

Floats = NDArray[np.float32]

_SMOOTHED = ((0, 0.8), (1, 0.5), (2, 0.5))
"""Gaussian over slices, rows and columns of patches: points of comparison lie farther apart than
the voxels of a fine image."""

_REACH = 4
"""Slices beyond a label to which its Gaussian reaches at most: the others need no smoothing."""

_FEWEST_POINTS = 0.05
_TRUST = 0.75
"""Of maps on the scale of `votes.trust_of`; what votes of many slices that look alike have."""


@dataclass(frozen=True, slots=True, eq=False)
class RegisteredLabel:
    """Labels of one structure laid over a volume.

    Attributes:
        expected: Share of every patch that the label should cover `(slices, PATCHES)`: the mean of
            the cases' labels, each weighted by the belief in it.
        spread: Standard deviation of that over the cases `(slices, PATCHES)`.
        agreement: Tenth, middle and ninetieth percentile of how each case's label agrees with the
            others, `(3,)`.
        belief: Mean belief in the cases' labels.
        n: Cases.
    """

    expected: Floats
    spread: Floats
    agreement: Floats
    belief: float
    n: int

    def context(self, index: int) -> Context:
        """Return what they say about one slice."""
        numbers = np.array([np.log2(self.n) / 5, *self.agreement, self.belief], dtype=np.float32)
        mass = mass_of(np.full(PATCHES, _TRUST, dtype=np.float32))
        return Context(self.expected[index], self.spread[index], mass, numbers, self.n, self.n)


def registered_label(
    shares: Floats, belief: NDArray[np.float64], agreement: NDArray[np.float64]
) -> RegisteredLabel:
    """Join labels of cases, `(cases, slices, PATCHES)`, by the belief in each `(cases,)`."""
    weights = (belief**2 / max(float((belief**2).sum()), 1e-9)).astype(np.float32)
    expected = np.einsum("c,csp->sp", weights, shares)
    square = np.einsum("c,csp->sp", weights, shares * shares)
    return RegisteredLabel(
        expected=np.clip(expected, 0, 1),
        spread=np.sqrt(np.maximum(square - expected**2, 0)),
        agreement=np.quantile(agreement, (0.1, 0.5, 0.9)).astype(np.float32),
        belief=float(belief.mean()),
        n=len(shares),
    )


def joined(votes: Context, registered: Context) -> Context:
    """Return the mean of both; where they differ the spread is half of the difference at least."""
    apart = np.abs(votes.expected - registered.expected) / 2
    return Context(
        expected=_mean(votes.expected, registered.expected),
        spread=np.maximum(_mean(votes.spread, registered.spread), apart),
        mass=_mean(votes.mass, registered.mass),
        numbers=registered.numbers,
        n_slices=votes.n_slices,
        n_subjects=max(votes.n_subjects, registered.n_subjects),
    )


def _mean(one: Floats, other: Floats) -> Floats:
    return np.asarray((one + other) / 2, dtype=np.float32)


class Patches:
    """Which patch of which slice every voxel of a volume lies in."""

    def __init__(self, image: Volume, stack: PlaneStack) -> None:
        self._n_slices = len(stack.planes)
        rows, columns = stack.planes.shape[1:3]
        whole = whole_image((rows, columns), stack.pixel_mm)
        down = _patch_of(rows, whole.top, whole.bottom)
        across = _patch_of(columns, whole.left, whole.right)
        slices = PATCHES * np.arange(self._n_slices, dtype=np.int32)
        patch = slices[:, None, None] + GRID * down[None, :, None] + across[None, None, :]
        self._n = PATCHES * self._n_slices
        # One entry more: points that lie outside the image are in a patch of their own.
        self._patch = np.full(image.array.size + 1, self._n, dtype=np.int32)
        self._patch[:-1] = from_planes(patch, stack.axis).ravel()

    def shares(
        self, places: NDArray[np.int32], labels: Mapping[str, NDArray[np.int32]]
    ) -> dict[str, Floats]:
        """Return what labels cover of each patch, `(slices, PATCHES)` by structure.

        Args:
            places: For every point of a registered case the voxel that it comes to lie in; the
                number of voxels for one outside.
            labels: The points that each label holds.
        """
        at = self._patch[places]
        every = np.maximum(self._counted(at), _FEWEST_POINTS)
        found = ((name, self._counted(at[points])) for name, points in labels.items())
        return {name: np.asarray(inside / every, dtype=np.float32) for name, inside in found}

    def _counted(self, at: NDArray[np.int32]) -> Floats:
        counts = np.bincount(at, minlength=self._n + 1)[: self._n].astype(np.float32)
        grid = counts.reshape(self._n_slices, GRID, GRID)
        filled = np.flatnonzero(grid.any(axis=(1, 2)))
        if filled.size:
            near = slice(max(0, int(filled[0]) - _REACH), int(filled[-1]) + 1 + _REACH)
            part = grid[near]
            for axis, sigma in _SMOOTHED:
                part = gaussian_filter1d(part, sigma, axis=axis, mode="nearest")
            grid[near] = part
        return grid.reshape(self._n_slices, PATCHES)


def _patch_of(n_pixels: int, first: float, last: float) -> NDArray[np.int32]:
    found = ((np.arange(n_pixels) + 0.5 - first) * GRID / (last - first)).astype(np.int32)
    return np.clip(found, 0, GRID - 1)


def by_structure(
    cases: Sequence[Mapping[str, Floats]],
) -> dict[str, tuple[list[int], Floats]]:
    """Return for each structure the numbers of the cases that hold it, and their labels."""
    names = sorted({name for case in cases for name in case})
    held = {name: [n for n, case in enumerate(cases) if name in case] for name in names}
    return {
        name: (numbers, np.stack([cases[n][name] for n in numbers]))
        for name, numbers in held.items()
    }
