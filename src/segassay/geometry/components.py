"""Connected parts and holes of a mask."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
Box = tuple[slice, ...]

_IN_PLANE = np.array([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))])
"""What hangs together by edges within planes of `(slice, row, column)`."""

_VOXELS_AT_ONCE = 1 << 22
"""Voxels that are looked at in one go: numbering parts takes several bytes for each."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The connected parts of a mask, largest first.

    `sizes` are in voxels, `boxes` the tight bounding boxes as slices of the mask. `numbers` has
    the mask's shape; 0 is background, `order[n]` is the number of the n-th largest part.
    """

    sizes: tuple[int, ...]
    boxes: tuple[Box, ...]
    order: tuple[int, ...]
    numbers: NDArray[Any]


def components(mask: BoolArray, known: BoolArray | None = None) -> Components:
    """Find the parts of a mask `(i, j)` or `(i, j, k)`; voxels that touch by a corner are one part.

    An empty mask has no parts. Of equally large parts the first in storage order comes first.
    Parts that voxels outside of `known` join are one: what lies there may join them.

    >>> components(np.array([[True, False, True], [True, False, False]])).sizes
    (2, 1)
    """
    joined = mask if known is None else mask | ~known
    numbers, count = ndi.label(joined, structure=np.ones((3,) * mask.ndim, dtype=np.bool_))
    if known is not None:
        filled, numbers = np.unique(np.where(mask, numbers, 0), return_inverse=True)
        numbers = numbers.reshape(mask.shape) + (1 if filled.size and filled[0] else 0)
        count = int(np.count_nonzero(filled))
    if not count:
        return Components((), (), (), numbers)
    sizes = np.bincount(numbers.ravel())[1:]
    order = np.argsort(-sizes, kind="stable")
    boxes = ndi.find_objects(numbers)
    return Components(
        sizes=tuple(sizes[order].tolist()),
        boxes=tuple(boxes[n] for n in order),
        order=tuple((order + 1).tolist()),
        numbers=numbers,
    )


def nearly_touches_largest(parts: Components, index: int, *, reach: tuple[int, ...]) -> bool:
    """Whether a part comes within `reach` voxels, one number per axis, of the largest part.

    Args:
        parts: The parts of a mask.
        index: Which part, 0 being the largest (which touches itself).
        reach: Greatest distance between two voxels of the parts along each axis; neighbours have
            distance 1.

    >>> parts = components(np.array([[True, True, False, True]]))
    >>> nearly_touches_largest(parts, 1, reach=(0, 1))
    False
    >>> nearly_touches_largest(parts, 1, reach=(0, 2))
    True
    """
    window = tuple(
        slice(max(box.start - r, 0), box.stop + r)
        for box, r in zip(parts.boxes[index], reach, strict=True)
    )
    near = parts.numbers[window]
    largest = near == parts.order[0]
    if not largest.any():
        return False
    grown = ndi.maximum_filter(near == parts.order[index], size=[2 * r + 1 for r in reach])
    return bool((grown & largest).any())


def bounding_box(mask: BoolArray) -> Box | None:
    """Return the tight bounding box as slices, `None` for an empty mask.

    >>> bounding_box(np.array([[False, True, True], [False, False, False]]))
    (slice(0, 1, None), slice(1, 3, None))
    """
    box = []
    for axis in range(mask.ndim):
        others = tuple(n for n in range(mask.ndim) if n != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        if not filled.size:
            return None
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return tuple(box)


def enclosed_in_slices(planes: BoolArray, known: BoolArray | None = None) -> NDArray[np.int64]:
    """Count the background that mask encloses in each slice of `(slice, row, column)`.

    A hole is a part of a slice's background, connected by edges, that does not reach the border,
    nor a voxel outside of `known`, of which nobody knows whether it is background.
    """
    counts = np.zeros(len(planes), dtype=np.int64)
    at_once = max(1, _VOXELS_AT_ONCE // max(planes[:1].size, 1))
    for start in range(0, len(planes), at_once):
        some = slice(start, start + at_once)
        numbers, n = ndi.label(~planes[some], structure=_IN_PLANE)
        is_open = np.zeros(n + 1, dtype=np.bool_)
        is_open[0] = True
        for edge in (numbers[:, 0], numbers[:, -1], numbers[:, :, 0], numbers[:, :, -1]):
            is_open[edge] = True
        if known is not None:
            is_open[numbers[~known[some]]] = True
        if not is_open.all():
            counts[some] = [np.count_nonzero(~is_open[plane]) for plane in numbers]
    return counts


def enclosed_in_volume(planes: BoolArray, known: BoolArray | None = None) -> int:
    """Count the background enclosed on all sides; a stack's first and last slice are open.

    A single slice has no third dimension to be open in: its holes count as enclosed. Voxels outside
    of `known` are as open as the ends.
    """
    if len(planes) == 1:
        return int(enclosed_in_slices(planes, known).sum())
    around = ((0, 0), (1, 1), (1, 1))
    labels, n_parts = ndi.label(~np.pad(planes, around))
    sizes = np.zeros(n_parts + 1, dtype=np.int64)
    for plane in labels:
        sizes += np.bincount(plane.ravel(), minlength=n_parts + 1)
    open_parts = np.unique(np.concatenate([labels[:, 0, 0], labels[0].ravel(), labels[-1].ravel()]))
    sizes[open_parts] = 0
    if known is not None:
        sizes[np.unique(labels[:, 1:-1, 1:-1][~known])] = 0
    sizes[0] = 0
    return int(sizes.sum())


def joined_to_border(plane: BoolArray) -> BoolArray:
    """Return the part of a mask `(row, column)` that hangs together, by edges, with the border.

    >>> joined_to_border(np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]], bool)).sum()
    np.int64(2)
    """
    border = np.zeros_like(plane)
    border[[0, -1]] = border[:, [0, -1]] = True
    return joined_to(plane, border)


def joined_to(mask: BoolArray, start: BoolArray) -> BoolArray:
    """Return the part of a mask that hangs together, by faces, with its voxels in `start`."""
    numbers, count = ndi.label(mask)
    joined = np.zeros(count + 1, dtype=np.bool_)
    joined[numbers[start]] = True
    joined[0] = False
    return np.asarray(joined[numbers])
