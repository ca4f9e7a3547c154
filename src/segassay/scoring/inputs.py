"""Images and masks as callers have them: paths, 2D pictures, 3D arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segassay.data.intensity import MOST_USABLE, n_unusable
from segassay.data.io import read_image, read_labels
from segassay.data.volume import Volume
from segassay.errors import ContentError, GeometryError
from segassay.geometry.grid import Grid, require_same_grid

ArrayOrPath: TypeAlias = NDArray[Any] | str | Path
BoolArray = NDArray[np.bool_]

_LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601, as Pillow turns colour to grey."""


def image_volume(image: ArrayOrPath, spacing_mm: Sequence[float] | None = None) -> Volume:
    """Make a volume of an image.

    Args:
        image: A path; or a 2D array `(row, column)`, grey or RGB(A) `(row, column, 3 or 4)`; or a
            3D array `(i, j, k)` in RAS+ order, as `nibabel.as_closest_canonical` gives it.
        spacing_mm: Size of a pixel along the array's axes, in the array's order; replaces a
            header's. `None`: the header's, or unknown.

    Raises:
        ReadError: The file is missing or damaged.
        ContentError: NaN, infinite or huge voxels, or not an image.
    """
    if isinstance(image, str | Path):
        volume = read_image(Path(image))
        return volume if spacing_mm is None else _respaced(volume, spacing_mm)
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] in (3, 4):
        array = array[..., :3] @ _LUMA
    if array.ndim not in (2, 3) or array.size == 0:
        raise ContentError(f"image: array of shape {array.shape}; expected 2D, RGB or 3D")
    array = np.asarray(array, dtype=np.float32)
    if n_unusable(array):
        raise ContentError(
            f"image: NaN or infinite pixels, or beyond {MOST_USABLE:g}; replace them before scoring"
        )
    return _as_volume(array, spacing_mm)


def mask_array(mask: ArrayOrPath, like: Volume) -> BoolArray:
    """Make a boolean array `(i, j, k)` on the grid of `like`; any value but zero is mask.

    Raises:
        GeometryError: The mask lies on another grid.
    """
    if isinstance(mask, str | Path):
        labels = read_labels(Path(mask)).volume
        require_same_grid(labels.grid, like.grid, str(Path(mask).name))
        return np.asarray(labels.array != 0)
    array = np.asarray(mask)
    if array.ndim == 2:
        array = _from_picture(array)
    if array.shape != like.grid.shape:
        raise GeometryError(
            f"mask: shape {array.shape}; the image has {like.grid.shape}; give a mask on its grid"
        )
    return np.asarray(array != 0)


def _as_volume(array: NDArray[np.float32], spacing_mm: Sequence[float] | None) -> Volume:
    flat = array.ndim == 2
    known = spacing_mm is not None
    spacing = [float(s) for s in spacing_mm] if spacing_mm is not None else [1.0] * array.ndim
    if len(spacing) != array.ndim or min(spacing) <= 0:
        raise ContentError(f"spacing_mm: {spacing}; expected {array.ndim} positive numbers")
    if flat:
        array, spacing = _from_picture(array), [spacing[1], spacing[0], 1.0]
    i, j, k = array.shape
    grid = Grid((i, j, k), np.diag([*spacing, 1.0]))
    return Volume(array, grid, anatomical=not flat, spacing_known=known)


def _from_picture(picture: NDArray[Any]) -> NDArray[Any]:
    """Turn `(row, column)` into `(i, j, 1)`: the way back of `data.slicing.as_planes`."""
    return picture.T[::-1, ::-1, None]


def _respaced(volume: Volume, spacing_mm: Sequence[float]) -> Volume:
    spacing = [float(s) for s in spacing_mm]
    if len(spacing) == 2 and volume.is_2d:
        spacing = [spacing[1], spacing[0], 1.0]
    if len(spacing) != 3 or min(spacing) <= 0:
        raise ContentError(f"spacing_mm: {spacing}; expected 3 positive numbers")
    affine = volume.grid.affine.copy()
    affine[:3, :3] *= np.array(spacing) / np.array(volume.grid.spacing_mm)
    grid = Grid(volume.grid.shape, affine)
    return Volume(volume.array, grid, volume.anatomical, spacing_known=True)
