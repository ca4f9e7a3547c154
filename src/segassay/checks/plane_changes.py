"""How a mask changes from plane to plane, along each of its axes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FACTORS = range(2, 9)
_LEAST_CHANGED = 4
_ALIKE = 0.01


@dataclass(frozen=True, slots=True)
class PlaneChanges:
    """How a mask changes along one axis of `(slice, row, column)`.

    `changed` are the voxels that differ from the plane before, from the first filled plane to the
    one after the last; `taken_back` are those that the next plane changes back.
    """

    axis: int
    changed: NDArray[np.int64]
    taken_back: int

    @property
    def n_planes(self) -> int:
        """Planes of the mask's bounding box."""
        return len(self.changed) - 1

    @property
    def is_box(self) -> bool:
        """Whether hardly any plane between the ends changes, so that no rhythm can show."""
        return int(np.count_nonzero(self.changed[1:-1])) < _LEAST_CHANGED

    @property
    def same(self) -> float:
        """Share of inner planes that repeat the one before as a coarser grid makes them do.

        On a grid coarser by a factor f, 1 - 1/f of the planes repeat, and hardly more than f in a
        row. 0 where more do: a straight tube repeats itself over long and irregular stretches.
        """
        inner = self.changed[1:-1]
        differs = np.flatnonzero(inner)
        if self.is_box:
            return 0.0
        longest = int(np.diff(differs, prepend=-1, append=inner.size).max()) - 1
        factor = inner.size / differs.size
        return 1 - 1 / factor if longest <= np.ceil(factor) else 0.0

    @property
    def jumps(self) -> float:
        """Share of the changes that the next plane takes back."""
        return self.taken_back / max(int(self.changed.sum()), 1)

    def rhythm(self) -> tuple[int, float]:
        """Return the factor whose planes hold most changes, and how far above chance that is.

        Of equally good factors the largest. The ends do not count: the scan may cut the mask
        anywhere. (1, 0.0) where too few planes between them change, as in a box.
        """
        best = (1, 0.0)
        inner = self.changed[1:-1]
        total = int(inner.sum())
        if self.is_box:
            return best
        for factor in _FACTORS:
            if self.n_planes < 3 * factor:
                break
            share = max(int(inner[start::factor].sum()) for start in range(factor)) / total
            above = (share - 1 / factor) / (1 - 1 / factor)
            if above >= best[1] - _ALIKE:
                best = (factor, above)
        return best


def plane_changes(
    mask: NDArray[np.bool_], known: NDArray[np.bool_] | None = None
) -> tuple[PlaneChanges, ...]:
    """Measure the changes along every axis over which `(slice, row, column)` has two planes.

    The mask is to be cut to its bounding box: an empty one has no changes. Planes of which nothing
    is `known` are left out, and a voxel changes only where it is known before and after.
    """
    if not mask.size:
        return ()
    padded = np.pad(mask, 1)
    seen = None if known is None else np.pad(known, 1, constant_values=True)
    return tuple(_along(padded, seen, axis) for axis in range(3) if mask.shape[axis] > 1)


def _along(padded: NDArray[np.bool_], known: NDArray[np.bool_] | None, axis: int) -> PlaneChanges:
    planes = np.moveaxis(padded, axis, 0)
    if known is None:
        differs = planes[1:] ^ planes[:-1]
    else:
        seen = np.moveaxis(known, axis, 0)
        kept = seen[:, 1:-1, 1:-1].any(axis=(1, 2))
        planes, seen = planes[kept], seen[kept]
        differs = (planes[1:] ^ planes[:-1]) & seen[1:] & seen[:-1]
    others = tuple(n for n in range(3) if n != axis)
    stored = np.moveaxis(differs, 0, axis)
    changed = np.count_nonzero(stored, axis=others).astype(np.int64)
    return PlaneChanges(axis, changed, int(np.count_nonzero(differs[1:] & differs[:-1])))
