"""Whether a label's voxels lie on the image's as both are stored, by the edges of the image."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.components import bounding_box

_SURE = 1.15
"""How many times stronger the edges have to be than the best mirrored ones. Of training subjects,
labels mirrored along one axis reach 1.12 (a left atrium among other bright chambers); labels as
they are 1.18 and more in abdomen, lung and hippocampus, and often less in the heart, which is then
left to a person."""


def lines_up(label: NDArray[Any], image: NDArray[Any]) -> bool:
    """Whether the label's outline lies on clearly stronger edges as it is than mirrored.

    Both are arrays `(i, j)` or `(i, j, k)` of one shape, in stored order. The strength of an edge
    is the mean step of the image's values across the faces of the label. `False` for an empty
    label and a flat image, which show nothing.
    """
    filled = label != 0
    box = bounding_box(filled)
    if box is None or label.shape != image.shape:
        return False
    cut = np.pad(filled[box], 1)
    as_it_is = _strength(cut, image, box)
    if as_it_is <= 0:
        return False
    turns = [axes for axes in product((False, True), repeat=label.ndim) if any(axes)]
    others = (_strength(*_turned(cut, box, axes, label.shape, image)) for axes in turns)
    return as_it_is >= _SURE * max(others)


def _turned(
    cut: NDArray[np.bool_],
    box: tuple[slice, ...],
    axes: tuple[bool, ...],
    shape: tuple[int, ...],
    image: NDArray[Any],
) -> tuple[NDArray[np.bool_], NDArray[Any], tuple[slice, ...]]:
    turned = np.flip(cut, tuple(axis for axis, turn in enumerate(axes) if turn))
    moved = tuple(
        slice(n - b.stop, n - b.start) if turn else b
        for b, turn, n in zip(box, axes, shape, strict=True)
    )
    return turned, image, moved


def _strength(cut: NDArray[np.bool_], image: NDArray[Any], box: tuple[slice, ...]) -> float:
    """Return the mean step of the image across the faces of a mask padded by one voxel."""
    around = tuple(slice(max(b.start - 1, 0), b.stop + 1) for b in box)
    values = np.asarray(image[around], dtype=np.float32)
    inner = tuple(
        slice(0 if b.start > 0 else 1, (0 if b.start > 0 else 1) + n)
        for b, n in zip(box, values.shape, strict=True)
    )
    mask = cut[inner]
    total, faces = 0.0, 0
    for axis in range(mask.ndim):
        face = np.diff(mask, axis=axis)
        step = np.abs(np.diff(values, axis=axis))
        total += float(step[face].sum(dtype=np.float64))
        faces += int(np.count_nonzero(face))
    return total / faces if faces else 0.0
