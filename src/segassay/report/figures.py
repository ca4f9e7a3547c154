"""Pictures of an exhibit as WebP data URIs: outlines, error map, the whole slice."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.report.model import Exhibit

LABEL_COLOUR = (230, 159, 0)
SUGGESTED_COLOUR = (86, 180, 233)
"""Orange and sky blue of Okabe and Ito's palette: told apart by colour-blind readers, too."""

_ZOOM_PX = 360
_FIELD_PX = 180
_MARGIN = 0.35
_LEAST_PX = 24
_FAINT = 0.1
"""Error probabilities up to this are not painted: the map would be pink all over."""

_ERROR_COLOUR = np.array((213, 62, 79), dtype=np.float32)

Colour = tuple[int, int, int]
Rgb = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ExhibitPictures:
    """Data URIs: outlines and error map around the label, and where in the slice that is."""

    outlines: str
    error: str
    field: str


def draw_exhibit(exhibit: Exhibit) -> ExhibitPictures:
    """Draw the pictures of one exhibit; pixels become square millimetres."""
    window = _window(exhibit)
    grey = _enlarged(exhibit.image[window], exhibit.pixel_mm, _ZOOM_PX)
    size = (grey.shape[1], grey.shape[0])
    label = _outline(_resized(exhibit.mask[window], size))
    suggested = _outline(_resized(exhibit.suggested[window], size))
    lines = _painted(_painted(grey, suggested, SUGGESTED_COLOUR), label, LABEL_COLOUR)
    likely = _resized(exhibit.error[window], size)[..., None]
    strength = np.clip((likely - _FAINT) / (1 - _FAINT), 0, 1)
    heat = grey * (1 - 0.75 * strength) + 0.75 * strength * _ERROR_COLOUR
    return ExhibitPictures(
        outlines=_data_uri(lines),
        error=_data_uri(_painted(heat, label, (255, 255, 255))),
        field=_data_uri(_field(exhibit, window)),
    )


def _window(exhibit: Exhibit) -> tuple[slice, slice]:
    """Return a square window (in mm) around label and suggestion; everything if both are empty."""
    shape = exhibit.mask.shape
    both = exhibit.mask | exhibit.suggested
    if not both.any():
        return slice(0, shape[0]), slice(0, shape[1])
    rows, columns = np.flatnonzero(both.any(axis=1)), np.flatnonzero(both.any(axis=0))
    height, width = exhibit.pixel_mm
    extent = max((rows[-1] - rows[0] + 1) * height, (columns[-1] - columns[0] + 1) * width)
    half = (0.5 + _MARGIN) * max(extent, _LEAST_PX * min(height, width))
    window = []
    for index, size, n in ((rows, height, shape[0]), (columns, width, shape[1])):
        middle = (index[0] + index[-1] + 1) / 2
        reach = half / size
        window.append(slice(max(int(middle - reach), 0), min(int(np.ceil(middle + reach)), n)))
    return window[0], window[1]


def _enlarged(image: NDArray[np.float32], pixel_mm: tuple[float, float], longest: int) -> Rgb:
    height, width = image.shape[0] * pixel_mm[0], image.shape[1] * pixel_mm[1]
    scale = longest / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    grey = _resized(image, size) * 255
    return np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2)


def _resized(plane: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.float32]:
    picture = Image.fromarray(np.asarray(plane, dtype=np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def _outline(soft: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return a line two pixels wide along the edge of a resized mask."""
    mask = soft > 0.5
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge = mask & ~inner
    padded = np.pad(edge, 1)
    return np.asarray(edge | padded[:-2, 1:-1] | padded[1:-1, :-2])


def _painted(picture: Rgb, where: NDArray[np.bool_], colour: Colour) -> Rgb:
    painted = picture.copy()
    painted[where] = colour
    return painted


def _field(exhibit: Exhibit, window: tuple[slice, slice]) -> Rgb:
    """Draw the whole slice, small, with a frame where the other pictures are."""
    field = _enlarged(exhibit.image, exhibit.pixel_mm, _FIELD_PX)
    frame = np.zeros(exhibit.image.shape, dtype=np.float32)
    frame[window] = 1.0
    edge = _outline(_resized(frame, (field.shape[1], field.shape[0])))
    return _painted(field, edge, (255, 255, 255))


def _data_uri(picture: Rgb) -> str:
    buffer = io.BytesIO()
    pixels = np.asarray(np.rint(np.clip(picture, 0, 255)), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, format="WEBP", quality=82)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def pixels_of(uri: str) -> NDArray[np.uint8]:
    """Read a picture back from its data URI, as `(row, column, 3)`."""
    data = base64.b64decode(uri.split(",", 1)[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
