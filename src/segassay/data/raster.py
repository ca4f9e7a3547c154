"""PNG, JPEG, TIFF and BMP pictures through Pillow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segassay.data.files import open_file
from segassay.data.quiet import Quiet
from segassay.errors import ContentError, ReadError, SegassayError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

PICTURE_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Columns run to the patient's left, rows to the back, as pictures are looked at."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "JPEG2000", "WEBP")
"""What a file may be, whatever its ending says; Pillow would start programs for some others."""

_quiet = Quiet()
"""Pillow warns of odd tags and large pictures; what matters is said by our own errors."""

_MOST_PIXELS = 2**27
_NUMBERS = ("1", "L", "P", "I", "F", "I;16", "I;16L", "I;16B")
"""Pillow modes whose pixel is one number; of a palette picture the number is the label."""


def read_picture(path: Path, *, as_labels: bool) -> NDArray[Any]:
    """Read a picture `(row, column)`; colours become luma, or for labels their common channel.

    Raises:
        ReadError, ContentError: As `opened_picture`, or a coloured label picture.
    """
    with opened_picture(path) as picture:
        return _numbers(path, picture, as_labels=as_labels)


@contextmanager
def opened_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture with one page, its pixels read; the one place where Pillow meets a file.

    Raises:
        ReadError: Missing, damaged in any way, or not a picture.
        ContentError: Larger than 2**27 pixels, or several pages.
    """
    try:
        with _quiet(), open_file(path) as file, Image.open(file, formats=_FORMATS) as picture:
            _check(path, picture)
            picture.load()
            yield picture
    except (SegassayError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise ReadError(f"{path.name}: is not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise ContentError(f"{path.name}: more than 2^27 pixels; cut it into parts") from error
    except Exception as error:  # each kind of chunk and tag fails with an error of its own
        # the system's own words hold the whole path, Pillow's do not
        told = str(getattr(error, "strerror", None) or error)
        reason = " ".join(told.split()) or type(error).__name__
        raise ReadError(f"{path.name}: damaged or unreadable picture ({reason})") from error


def luma(colours: NDArray[Any]) -> NDArray[Any]:
    """Turn `(row, column, 3)` red, green and blue of 8 bits into grey, as for coloured pictures."""
    return np.asarray(Image.fromarray(np.asarray(colours, dtype=np.uint8)).convert("L"))


def _check(path: Path, picture: Image.Image) -> None:
    if picture.width * picture.height > _MOST_PIXELS:
        size = f"{picture.width} x {picture.height}"
        raise ContentError(f"{path.name}: {size} pixels; at most 2^27 pixels are read")
    pages = getattr(picture, "n_frames", 1)
    if pages > 1:
        raise ContentError(f"{path.name}: holds {pages} pages; expected one picture")


def _numbers(path: Path, picture: Image.Image, *, as_labels: bool) -> NDArray[Any]:
    if picture.mode in _NUMBERS and (as_labels or picture.mode != "P"):
        return np.asarray(picture)
    if not as_labels:
        # Pillow warns if a palette with transparency is turned into grey in one step
        seen = picture.convert("RGBA") if picture.mode == "P" else picture
        return np.asarray(seen.convert("L"))
    channels = np.asarray(picture.convert("RGB"))
    if not (channels == channels[..., :1]).all():
        raise ContentError(f"{path.name}: coloured label picture; expected one number per pixel")
    return channels[..., 0]
