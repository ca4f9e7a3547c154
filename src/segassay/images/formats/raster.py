"""PNG, JPEG, TIFF, BMP and GIF pictures through Pillow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segassay.errors import ContentError, ReadError, SegassayError
from segassay.files.filesystem import open_file
from segassay.files.quiet import Quiet
from segassay.images.formats.base import StoredVoxels
from segassay.images.formats.grey_masks import levelled

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")

PICTURE_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Columns run to the patient's left, rows to the back, as pictures are looked at."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "JPEG2000", "WEBP")
"""What a file may be, whatever its ending says; Pillow would start programs for some others."""

_quiet = Quiet()
"""Pillow warns of odd tags and large pictures; what matters is said by our own errors."""

_MOST_PIXELS = 2**27
_NUMBERS = ("1", "L", "P", "I", "F", "I;16", "I;16L", "I;16B")
"""Pillow modes whose pixel is one number; of a palette picture the number is the label."""


_ORIENTATION = 0x0112
_UPRIGHT = range(1, 9)
_TILTED = range(5, 9)
"""EXIF orientations that exchange rows and columns."""

_BACK = {6: 8, 8: 6}
"""What undoes an EXIF orientation, where that is not itself."""

_JPEG_HUE = 32
"""Greys by which the channels of a grey JPEG picture may differ."""


_HUE = 6.0
"""Mean difference of a pixel's channels, of 255, from which on a picture is one in colour."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels `(row, column)`, turned upright.

    `exif` is the file's own EXIF orientation, 1 where it has none; `turned` the one by which its
    stored pixels were turned. `n_greys` counts the values of a label picture that means two of
    them and holds more; 0 for all others. `colours` `(row, column, 3)` bytes of an image in colour,
    whose pixels are their luma.
    """

    array: NDArray[Any]
    exif: int
    turned: int
    n_greys: int
    colours: NDArray[np.uint8] | None = None


def read_image(path: Path) -> StoredVoxels:
    """Read a picture as a volume of one slice; see `read_picture`."""
    return _as_volume(read_picture(path, as_labels=False))


def read_label(path: Path, turn: int | None = None) -> StoredVoxels:
    """Read a label picture as a volume of one slice; see `read_picture`."""
    return _as_volume(read_picture(path, as_labels=True, turn=turn))


def _as_volume(picture: Picture) -> StoredVoxels:
    return StoredVoxels(
        picture.array.T[..., None],
        PICTURE_AFFINE,
        str(picture.array.dtype),
        believable=False,
        spacing_known=False,
        exif=picture.exif,
        turned=picture.turned,
        n_greys=picture.n_greys,
        colours=picture.colours,
    )


def read_picture(path: Path, *, as_labels: bool, turn: int | None = None) -> Picture:
    """Read a picture; colours become luma, or for labels their common channel.

    Args:
        path: The file.
        as_labels: Whether pixels are labels. Greys at the rim of a mask are then levelled, see
            `images.formats.grey_masks`.
        turn: EXIF orientation by which the stored pixels are to be turned; `None` for the file's
            own, as viewers do.

    Raises:
        ReadError, ContentError: As `opened_picture`; a label in colours, or in a JPEG of several
            structures.
    """
    with opened_picture(path) as (picture, exif):
        stored = _numbers(path, picture, as_labels=as_labels)
        if exif != _orientation(picture):  # Pillow turned it, as it does with TIFF
            stored = turned(stored, _BACK.get(exif, exif))
        stored, n_greys = _levelled(path, picture, stored) if as_labels else (stored, 0)
        by = exif if turn is None else turn
        colours = None if as_labels else _colours(picture)
        if colours is not None:
            back = _BACK.get(exif, exif) if exif != _orientation(picture) else 1
            channels = np.moveaxis(colours, 2, 0)
            colours = np.stack([turned(turned(c, back), by) for c in channels], axis=-1)
        return Picture(turned(stored, by), exif, by, n_greys, colours)


@contextmanager
def opened_picture(path: Path) -> Iterator[tuple[Image.Image, int]]:
    """Open a picture with one page, its pixels read; the one place where Pillow meets a file.

    Beside it comes the EXIF orientation that the file has, 1 for none.

    Raises:
        ReadError: Missing, damaged in any way, or not a picture.
        ContentError: Larger than 2**27 pixels, or several pages.
    """
    try:
        with _quiet(), open_file(path) as file, Image.open(file, formats=_FORMATS) as picture:
            _check(path, picture)
            early = _orientation(picture)  # of a TIFF it is gone once the pixels are read
            picture.load()
            yield picture, max(early, _orientation(picture))
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


def turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn stored pixels `(row, column)` upright as an EXIF orientation, 1 to 8, says."""
    if orientation in _TILTED:
        array = array.T
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation; 1 where there is none, or EXIF data that cannot be read."""
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # of many kinds: Pillow reads what anybody may have written
        return 1
    return found if isinstance(found, int) and found in _UPRIGHT else 1


def _levelled(path: Path, picture: Image.Image, stored: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return a label picture with its rim of greys levelled, and how many values it had."""
    if picture.mode == "P" or stored.dtype.kind != "u":
        return stored, 0
    lossy = "jpeg" in (str(picture.format).lower(), str(picture.info.get("compression")).lower())
    found = levelled(stored, lossy=lossy or picture.format == "MPO")
    n_values = 0 if found is stored else int(np.unique(stored).size)
    if found is None:
        raise ContentError(
            f"{path.name}: {n_values} values in a JPEG, which changes values, and not those of one "
            "mask; export the label as PNG"
        )
    return found, n_values


def _check(path: Path, picture: Image.Image) -> None:
    if picture.width * picture.height > _MOST_PIXELS:
        size = f"{picture.width} x {picture.height}"
        raise ContentError(f"{path.name}: {size} pixels; at most 2^27 pixels are read")
    pages = getattr(picture, "n_frames", 1)
    if pages > 1:
        raise ContentError(f"{path.name}: holds {pages} pages; expected one picture")


def _numbers(path: Path, picture: Image.Image, *, as_labels: bool) -> NDArray[Any]:
    if picture.format == "GIF" and picture.mode == "P" and _is_grey(picture):
        picture = picture.convert("L")  # a GIF has a palette even where it means brightness
    if picture.mode in _NUMBERS and (as_labels or picture.mode != "P"):
        return np.asarray(picture)
    if not as_labels:
        # Pillow warns if a palette with transparency is turned into grey in one step
        seen = picture.convert("RGBA") if picture.mode == "P" else picture
        return np.asarray(seen.convert("L"))
    channels = np.asarray(picture.convert("RGB"))
    if picture.format in ("JPEG", "MPO") and np.ptp(channels, axis=-1).max() <= _JPEG_HUE:
        return np.asarray(picture.convert("L"))
    if not (channels == channels[..., :1]).all():
        raise ContentError(f"{path.name}: coloured label picture; expected one number per pixel")
    return channels[..., 0]


def _colours(picture: Image.Image) -> NDArray[np.uint8] | None:
    """Return red, green and blue where they differ by more than what a grey JPEG has."""
    if picture.mode in ("1", "L", "I", "F", "LA", "I;16", "I;16L", "I;16B"):
        return None
    seen = picture.convert("RGBA") if picture.mode == "P" else picture
    return in_colour(np.asarray(seen.convert("RGB")))


def in_colour(colours: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return red, green and blue `(row, column, 3)`; `None` where they hardly differ."""
    spread = np.ptp(colours[:: max(1, len(colours) // 256)], axis=-1)
    return colours if float(spread.mean()) > _HUE else None


def _is_grey(picture: Image.Image) -> bool:
    colours = np.asarray(picture.convert("RGB"))
    return bool((colours == colours[..., :1]).all())
