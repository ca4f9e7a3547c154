"""The voxels of one structure, kept as what their bounding box holds.

A hundred structures of a large CT would fill gigabytes as whole arrays, and nearly all of it would
be background. Everything that asks about masks is given these; a whole plane is drawn where one is
looked at.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.images.slicing import as_planes, plane_order

BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A mask: voxels `(i, j, k)` of a volume, or `(slice, row, column)` of its slices.

    `inside` is the mask cut to `box`, which is tight; without a voxel both are empty. Nothing of it
    may be changed. `np.asarray` gives the whole mask.
    """

    shape: tuple[int, int, int]
    box: Box
    inside: BoolArray

    @classmethod
    def of(cls, mask: "Mask | BoolArray") -> "Mask":
        """Cut a whole mask to its bounding box; one that is cut is returned as it is."""
        if isinstance(mask, Mask):
            return mask
        box = filled_box(mask)
        i, j, k = mask.shape
        return cls((i, j, k), box, np.asarray(mask[box], dtype=np.bool_))

    @classmethod
    def within(cls, shape: tuple[int, int, int], box: Box, inside: BoolArray) -> "Mask":
        """Make a mask of what it holds in a box, which need not be tight."""
        tight = filled_box(inside)
        i, j, k = (
            slice(outer.start + inner.start, outer.start + inner.stop)
            for outer, inner in zip(box, tight, strict=True)
        )
        return cls(shape, (i, j, k), np.asarray(inside[tight], dtype=np.bool_))

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> "Mask":
        """Make a mask without a voxel."""
        nothing = (slice(0, 0), slice(0, 0), slice(0, 0))
        return cls(shape, nothing, np.zeros((0, 0, 0), dtype=np.bool_))

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(self.inside.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy
        whole = np.zeros(self.shape, dtype=dtype or np.bool_)
        whole[self.box] = self.inside
        return whole

    @property
    def n_voxels(self) -> int:
        """Voxels of the mask."""
        return int(np.count_nonzero(self.inside))

    @property
    def areas(self) -> NDArray[np.int64]:
        """Voxels in every plane along the first axis, `(n,)`."""
        areas = np.zeros(len(self), dtype=np.int64)
        # Plane by plane: numpy counts whole planes at once, and sums along axes one by one.
        areas[self.box[0]] = [np.count_nonzero(plane) for plane in self.inside]
        return areas

    def as_planes(self, axis: int) -> "Mask":
        """Turn voxels `(i, j, k)` into slices `(slice, row, column)`, see `slicing.as_planes`."""
        order = plane_order(axis)
        s, r, c = (self.shape[n] for n in order)
        slices, rows, columns = (self.box[n] for n in order)
        box = (slices, _reversed(rows, r), _reversed(columns, c))
        return Mask((s, r, c), box, as_planes(self.inside, axis))

    def plane(self, index: int) -> BoolArray:
        """Draw one whole plane along the first axis."""
        _, rows, columns = self.box
        drawn = np.zeros(self.shape[1:], dtype=np.bool_)
        at = index - self.box[0].start
        if 0 <= at < len(self.inside):
            drawn[rows, columns] = self.inside[at]
        return drawn

    def part(self, window: tuple[slice, ...]) -> BoolArray:
        """Draw the part of the mask in a window that lies in the volume, steps of 1."""
        drawn = np.zeros([w.stop - w.start for w in window], dtype=np.bool_)
        both = [
            (max(w.start, b.start), min(w.stop, b.stop))
            for w, b in zip(window, self.box, strict=True)
        ]
        if all(start < stop for start, stop in both):
            there = tuple(
                slice(s - w.start, e - w.start) for (s, e), w in zip(both, window, strict=True)
            )
            here = tuple(
                slice(s - b.start, e - b.start) for (s, e), b in zip(both, self.box, strict=True)
            )
            drawn[there] = self.inside[here]
        return drawn

    def known(self, known: BoolArray | None) -> "Mask":
        """Return the mask without the voxels that are not `known`; `None` for all known."""
        if known is None or not self or known[self.box].all():
            return self
        return Mask.within(self.shape, self.box, self.inside & known[self.box])

    def beside(self, other: "Mask") -> tuple[BoolArray, BoolArray]:
        """Draw two masks of one shape in a box round both, with a rim where the volume goes on."""
        held = [one.box for one in (self, other) if one] or [self.box]
        window = tuple(
            slice(
                max(min(part.start for part in parts) - 1, 0),
                min(max(part.stop for part in parts) + 1, n),
            )
            for *parts, n in zip(*held, self.shape, strict=True)
        )
        return self.part(window), other.part(window)

    def at_border(self) -> tuple[int, int]:
        """Count voxels in the outermost rows and columns, and in the first and last plane."""
        (first, last), *sides = (
            (box.start == 0, box.stop == n) for box, n in zip(self.box, self.shape, strict=True)
        )
        rim = np.zeros(self.inside.shape[1:], dtype=np.bool_)
        for axis, (low, high) in enumerate(sides):
            turned = np.moveaxis(rim, axis, 0)
            turned[: int(low)] = True
            turned[len(turned) - int(high) :] = True
        ends = [plane for plane, cut in ((0, first), (-1, last)) if cut and self]
        n_ends = sum(int(np.count_nonzero(self.inside[plane])) for plane in ends)
        return int(np.count_nonzero(self.inside[:, rim])), n_ends


def filled_box(array: NDArray[Any]) -> Box:
    """Return the tight box of what is not 0 in an array of three axes; empty where all is 0.

    Axes are cut off one after the other, the one with the largest stride first: what lies together
    in memory is read once, and the rest of it is small.
    """
    turned = [stride < 0 for stride in array.strides]
    array = np.flip(array, tuple(n for n in range(3) if turned[n]))
    box = [slice(0, n) for n in array.shape]
    for axis in sorted(range(3), key=lambda n: -array.strides[n]):
        others = tuple(n for n in range(3) if n != axis)
        filled = np.flatnonzero(array[tuple(box)].any(axis=others))
        if not filled.size:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        box[axis] = slice(int(filled[0]), int(filled[-1]) + 1)
    i, j, k = (
        _reversed(part, size) if back else part
        for part, size, back in zip(box, array.shape, turned, strict=True)
    )
    return i, j, k


def _reversed(part: slice, size: int) -> slice:
    return slice(size - part.stop, size - part.start)
