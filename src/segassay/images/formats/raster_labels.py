"""Labels written as pictures that give back what was put in: PNG, TIFF, BMP."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.errors import CaseError, ContentError, OutputError
from segassay.images.formats import raster
from segassay.images.formats.base import NewLabel
from segassay.images.formats.stored_label import StoredLabel

WRITES = (".png", ".tif", ".tiff", ".bmp")

_PLAIN_MODES = ("1", "L", "I;16")
_FORMATS = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}
_FULL = 255
"""What a mask alone is stored as: a picture with ones looks black."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How a label picture is stored: its mode, a palette, and its largest value.

    A picture of one bit, `1`, is read as 0 and 255.
    """

    mode: str = "L"
    palette: bytes | None = None
    transparency: Any = None
    most: int = _FULL


def read_stored(path: Path) -> StoredLabel:
    """Read a label picture as stored, `(row, column)`.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
        ContentError: With colours or a palette, or turned by an EXIF orientation.
    """
    with raster.opened_picture(path) as (picture, exif):
        if exif != 1:
            raise ContentError(f"{path.name}: turned by EXIF orientation {exif}; left as it is")
        if picture.mode not in _PLAIN_MODES:
            raise ContentError(f"{path.name}: picture of mode {picture.mode}; left as it is")
        array = np.array(picture)
    return StoredLabel(path.name, array.astype(np.uint8) if array.dtype == bool else array, None)


def encode(label: StoredLabel, name: str) -> bytes:
    """Return the bytes of a file called `name`; the same label gives the same bytes."""
    return _bytes(Image.fromarray(label.array), name)


def write(label: NewLabel) -> bytes:
    """Return the bytes of a picture: with the palette, depth and usual value of its original.

    Raises:
        OutputError: Several slices, or values that no picture of this kind holds.
    """
    if label.array.ndim != 3 or label.array.shape[2] != 1:
        raise OutputError(
            f"{label.file_name}: a picture holds one slice, not {label.array.shape}; write NIfTI"
        )
    look = _look_of(label.kept)
    pixels = _pixels(label, look)
    if look.mode == "1" and np.isin(pixels, (0, _FULL)).all():
        return _bytes(Image.fromarray(pixels != 0), label.file_name)
    picture = Image.fromarray(pixels)
    if look.palette is not None and pixels.dtype == np.uint8:
        picture.putpalette(look.palette)
        if look.transparency is not None:
            picture.info["transparency"] = look.transparency
    return _bytes(picture, label.file_name)


def _pixels(label: NewLabel, look: _Look) -> NDArray[Any]:
    kinds = (np.uint8,) if label.file_name.lower().endswith(".bmp") else (np.uint8, np.uint16)
    wanted = np.uint16 if look.mode.startswith("I") and len(kinds) > 1 else np.uint8
    pixels = np.ascontiguousarray(label.of_type(wanted, kinds)[..., 0].T)
    if not label.is_mask:
        return pixels
    usual = 1 if look.palette is not None or look.most == 1 else _FULL
    return np.where(pixels != 0, pixels.dtype.type(usual), 0).astype(pixels.dtype)


def _look_of(kept: Path | None) -> _Look:
    """Return how a picture is stored; of what is none, or in colour, how they usually are."""
    if kept is None or not kept.name.lower().endswith(raster.SUFFIXES):
        return _Look()
    try:
        with raster.opened_picture(kept) as (picture, _):
            if picture.mode not in (*_PLAIN_MODES, "P"):
                return _Look()
            most = _FULL if picture.mode == "1" else int(np.asarray(picture).max(initial=0))
            palette = picture.palette.tobytes() if picture.mode == "P" and picture.palette else None
            return _Look(picture.mode, palette, picture.info.get("transparency"), most)
    except CaseError:
        return _Look()


def _bytes(picture: Image.Image, name: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=_FORMATS[Path(name).suffix.lower()])
    return stream.getvalue()
