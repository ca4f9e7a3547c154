"""How slices are shown to a person: grey range, and cuts across the planes a label was drawn in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.images.mask import Mask
from segassay.images.slicing import as_planes, pixel_mm, slicing_axis
from segassay.images.volume import Volume

_DISPLAY = (0.5, 99.5)
"""Percentiles of the slice shown as black and white."""

_LEAST_SLICES = 4
"""A stack thinner than this shows nothing from its side."""

_ANATOMICAL = ("sagittal", "coronal", "axial")
_BY_AXIS = ("first axis", "second axis", "third axis")


@dataclass(frozen=True, slots=True, eq=False)
class SideCut:
    """A cut across the slices of a volume, `(row, column)` in display orientation.

    Attributes:
        plane: Name of the plane (`plane_name`).
        index: Number of the cut along its axis.
        image: Grey values in [0, 1].
        mask: The label there.
        pixel_mm: Size of a pixel (row, column); (1, 1) where it is unknown.
        crossing: Where the slice lies that the cut was made for: (is a row, its number).
    """

    plane: str
    index: int
    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    pixel_mm: tuple[float, float]
    crossing: tuple[bool, int]


def shown(plane: NDArray[Any]) -> NDArray[np.float32]:
    """Bring a slice to [0, 1] for display; one without contrast becomes 0."""
    low, high = np.percentile(plane, _DISPLAY)
    return np.asarray(np.clip((plane - low) / max(float(high - low), 1e-6), 0, 1), dtype=np.float32)


def plane_name(volume: Volume, axis: int) -> str:
    """Name the plane across an axis; empty for a picture, by number where nothing is anatomical."""
    if volume.is_2d:
        return ""
    return (_ANATOMICAL if volume.anatomical else _BY_AXIS)[axis]


def side_cuts(
    image: Volume, mask: Mask, index: int, limits: tuple[float, float] | None = None
) -> tuple[SideCut, ...]:
    """Cut a volume along its other two axes, through the mask.

    Args:
        image: The volume.
        mask: The label `(i, j, k)`; the cuts go where most of it lies, or through the middle of the
            volume if it is empty.
        index: A slice along the slicing axis: the cuts are placed by the mask in it, if it has any.
        limits: Values that it is cut to, such as a window of HU.

    Returns:
        Two cuts; none for a picture or a stack of fewer than four slices.
    """
    along = slicing_axis(image.grid)
    if image.array.shape[along] < _LEAST_SLICES:
        return ()
    window = [slice(0, n) for n in mask.shape]
    window[along] = slice(index, index + 1)
    here = Mask.of(mask.part(tuple(window)))
    placed = here if here else mask
    across = (axis for axis in range(3) if axis != along)
    return tuple(_cut(image, mask, axis, placed, (along, index), limits) for axis in across)


def _cut(
    image: Volume,
    mask: Mask,
    axis: int,
    placed: Mask,
    crossed: tuple[int, int],
    limits: tuple[float, float] | None,
) -> SideCut:
    along, index = crossed
    counts = placed.as_planes(axis).areas
    n = image.array.shape[axis]
    position = int(counts.argmax()) if counts.any() else n // 2
    plane = as_planes(image.array, axis)[position].astype(np.float32)
    if limits is not None:
        plane = np.clip(plane, *limits)
    return SideCut(
        plane=plane_name(image, axis),
        index=position,
        image=shown(plane),
        mask=mask.as_planes(axis).plane(position),
        pixel_mm=pixel_mm(image.grid, axis) if image.spacing_known else (1.0, 1.0),
        # as_planes turns both axes round; the later of the two becomes the rows.
        crossing=(along == max(a for a in range(3) if a != axis), mask.shape[along] - 1 - index),
    )
