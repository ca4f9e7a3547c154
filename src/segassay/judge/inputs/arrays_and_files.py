"""Images and masks as callers have them: paths, 2D pictures, 3D arrays."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ContentError, GeometryError
from segassay.geometry.grid import Grid, require_same_grid
from segassay.images.formats.raster import in_colour
from segassay.images.intensity import MOST_USABLE, n_unusable
from segassay.images.io import read_image
from segassay.images.volume import Volume
from segassay.judge.inputs.chosen_label import Label, chosen_of, read_chosen

ArrayOrPath: TypeAlias = NDArray[Any] | str | Path
BoolArray = NDArray[np.bool_]

_LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601, as Pillow turns colour to grey."""


def image_and_mask(
    image: ArrayOrPath,
    mask: ArrayOrPath,
    spacing_mm: Sequence[float] | None = None,
    channels_last: bool | None = None,
    label: Label | None = None,
) -> tuple[Volume, BoolArray]:
    """Make a volume of an image, and of a mask a boolean array `(i, j, k)` on the same grid.

    Args:
        image: A path; or a 2D array `(row, column)`, grey or RGB(A) `(row, column, 3 or 4)`; or a
            3D array `(i, j, k)` in RAS+ order, as `nibabel.as_closest_canonical` gives it.
        mask: A path or an array with one value besides zero, or several of which `label` is one.
        spacing_mm: Size of a pixel along the array's axes, in the array's order; replaces a
            header's. `None`: the header's, or unknown.
        channels_last: Whether an image array `(n, m, 3 or 4)` holds colours. `None`: it does where
            the mask is a single slice, and does not where the mask is a volume; only where that
            does not tell, the length of `spacing_mm` does.
        label: Which value of the mask is meant, or its name; see `chosen_label`.

    Raises:
        UsageError: The mask holds several values and none is chosen, or none has that name.
        ReadError: A file is missing or damaged.
        GeometryError: The mask lies on another grid.
        ContentError: NaN, infinite or huge voxels, no real numbers, not an image, a spacing that
            is not positive, or an array that may be colours as well as slices.
    """
    if isinstance(image, str | Path):
        volume = read_image(Path(image))
        volume = volume if spacing_mm is None else _respaced(volume, spacing_mm)
        given = _given_mask(mask, label, volume)
    else:
        array, given = _numbers(image, "image"), _given_mask(mask, label)
        colours = None
        if array.ndim == 3 and _holds_colours(array, given, spacing_mm, channels_last):
            colours, array = _bytes(array[..., :3]), array[..., :3] @ _LUMA
        volume = replace(_as_volume(array, spacing_mm), colours=colours)
    if isinstance(given, Volume):
        require_same_grid(given.grid, volume.grid, Path(str(mask)).name)
        return volume, np.asarray(given.array != 0)
    if given.ndim == 3 and given.shape[2] == 1 and not volume.anatomical:
        given = given[..., 0]  # a picture with its one channel
    flat = _from_picture(given) if given.ndim == 2 else given
    if flat.shape != volume.grid.shape:
        raise GeometryError(
            f"mask: shape {flat.shape}; the image has {volume.grid.shape}; give a mask on its grid"
        )
    return volume, np.asarray(flat != 0)


def _bytes(colours: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return colours as bytes, `None` where they hardly differ; of numbers up to 1 all are 255."""
    scale = 255.0 if colours.dtype.kind in "fb" and colours.max(initial=0) <= 1 else 1.0
    return in_colour(np.clip(np.rint(colours * scale), 0, 255).astype(np.uint8))


def _given_mask(
    mask: ArrayOrPath, label: Label | None, image: Volume | None = None
) -> Volume | NDArray[Any]:
    if isinstance(mask, str | Path):
        return read_chosen(Path(mask), label, image)
    return chosen_of(_numbers(mask, "mask"), label)


def _numbers(given: Any, what: str) -> NDArray[Any]:
    """Return an array of finite real numbers; text, dates, colours as records are none."""
    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:  # rows of several lengths
        raise ContentError(f"{what}: {type(given).__name__} that makes no array") from error
    if array.dtype.kind not in "biuf":
        raise ContentError(f"{what}: array of {array.dtype}; expected real numbers or booleans")
    if array.dtype.kind == "f" and n_unusable(array):
        raise ContentError(
            f"{what}: NaN or infinite pixels, or beyond {MOST_USABLE:g}; replace them before "
            "scoring"
        )
    return array


def _holds_colours(
    array: NDArray[Any],
    mask: Volume | NDArray[Any],
    spacing_mm: Sequence[float] | None,
    channels_last: bool | None,
) -> bool:
    """Tell whether the last axis of a 3D array holds colours: a stack may have 3 slices, too."""
    may_be = array.shape[2] in (3, 4)
    if channels_last and not may_be:
        raise ContentError(f"image: shape {array.shape}; channels_last expects 3 or 4 at the end")
    if channels_last is not None or not may_be:
        return bool(channels_last)
    shape = mask.grid.shape if isinstance(mask, Volume) else mask.shape
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        return True
    if shape == array.shape:
        return False
    if spacing_mm is not None and len(_positive(spacing_mm)) in (2, 3):
        return len(spacing_mm) == 2
    raise ContentError(
        f"image: shape {array.shape} may be a colour picture or slices, and the mask has {shape}; "
        "say channels_last=True or False"
    )


def image_volume(image: NDArray[Any], spacing_mm: Sequence[float] | None = None) -> Volume:
    """Make a volume of a grey picture `(row, column)` or a 3D array `(i, j, k)` in RAS+ order.

    Raises:
        ContentError: As `image_and_mask` does.
    """
    return _as_volume(_numbers(image, "image"), spacing_mm)


def _as_volume(array: NDArray[Any], spacing_mm: Sequence[float] | None) -> Volume:
    if array.ndim not in (2, 3) or array.size == 0:
        raise ContentError(f"image: array of shape {array.shape}; expected 2D, RGB or 3D")
    spacing = [1.0] * array.ndim if spacing_mm is None else _positive(spacing_mm)
    if len(spacing) != array.ndim:
        raise ContentError(f"spacing_mm: {spacing}; expected {array.ndim} positive numbers")
    flat = array.ndim == 2
    if flat:
        array, spacing = _from_picture(array), [spacing[1], spacing[0], 1.0]
    i, j, k = array.shape
    grid = Grid((i, j, k), np.diag([*spacing, 1.0]))
    pixels = np.asarray(array, dtype=np.float32)
    return Volume(pixels, grid, anatomical=not flat, spacing_known=spacing_mm is not None)


def _positive(spacing_mm: Sequence[float]) -> list[float]:
    """Return a spacing as floats; refuse what is no size of a pixel."""
    try:
        spacing = [float(s) for s in spacing_mm]
    except (TypeError, ValueError) as error:
        raise ContentError(f"spacing_mm: {spacing_mm!r}; expected positive numbers") from error
    if not all(0 < s < inf for s in spacing):
        raise ContentError(f"spacing_mm: {spacing}; expected positive numbers")
    return spacing


def _from_picture(picture: NDArray[Any]) -> NDArray[Any]:
    """Turn `(row, column)` into `(i, j, 1)`: the way back of `images.slicing.as_planes`."""
    return picture.T[::-1, ::-1, None]


def _respaced(volume: Volume, spacing_mm: Sequence[float]) -> Volume:
    spacing = _positive(spacing_mm)
    if len(spacing) == 2 and volume.is_2d:
        spacing = [spacing[1], spacing[0], 1.0]
    if len(spacing) != 3:
        raise ContentError(f"spacing_mm: {spacing}; expected 3 positive numbers")
    affine = volume.grid.affine.copy()
    affine[:3, :3] *= np.array(spacing) / np.array(volume.grid.spacing_mm)
    return replace(volume, grid=Grid(volume.grid.shape, affine), spacing_known=True)
