"""A slice as a page draws it: the picture once, outlines as lines, the error map as a veil.

Lines stay sharp however far a reader zooms, can be switched off, and cost a few hundred bytes;
the window around a label and the whole slice are two views of one picture.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.report.model import SliceView

_LONGEST_PX = 1024
"""Pictures are not stored larger than this: 40 megapixels of skin would be 10 MB a page."""

_MARGIN = 0.35
_LEAST_PX = 24
FAINT = 0.1
"""Error probabilities up to this are not painted: the map would be pink all over."""

_ERROR_COLOUR = (213, 62, 79)
_STRENGTHS = 12
"""Steps of the error map: more cannot be told apart, and cost bytes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The parts of one drawn slice; all places are `(x, y)` in pixels of the slice.

    Attributes:
        plane: How the slice lies, such as "axial"; empty for a picture.
        index: Its number along its axis.
        score: Expected Dice of this slice; NaN where none was examined.
        pixel_mm: Size of a pixel (row, column).
        crossing: Slice of the other plane that this one is cut by, as (is a row, number).
        grey: The whole slice as a data URI.
        error: Veil over the window as a data URI; empty where nothing is likely wrong.
        label: Outline of the label as an SVG path; empty for an empty mask.
        suggested: Outline of the judge's suggestion; empty where it expects nothing.
        size: Width and height of the slice.
        window: x, y, width, height of what surrounds label and suggestion.
    """

    plane: str
    index: int
    score: float
    pixel_mm: tuple[float, float]
    crossing: tuple[bool, int] | None
    grey: str
    error: str
    label: str
    suggested: str
    size: tuple[int, int]
    window: tuple[int, int, int, int]


def draw(view: SliceView, *, faint: float = FAINT) -> Picture:
    """Make the parts of one slice; error probabilities up to `faint` are not painted."""
    rows, columns = view.mask.shape
    drawn = view.mask if view.suggested is None else view.mask | view.suggested
    window = _window(drawn, view.pixel_mm)
    return Picture(
        plane=view.plane,
        index=view.index,
        score=view.score,
        pixel_mm=view.pixel_mm,
        crossing=view.crossing,
        grey=_grey(view.image),
        error="" if view.error is None else _veil(view.error[window], faint),
        label=outline(view.mask),
        suggested="" if view.suggested is None else outline(view.suggested),
        size=(columns, rows),
        window=(
            window[1].start,
            window[0].start,
            window[1].stop - window[1].start,
            window[0].stop - window[0].start,
        ),
    )


def outline(mask: NDArray[np.bool_]) -> str:
    """Return the edges between a mask's pixels and the rest as an SVG path, in pixels.

    Edges run along the pixels' borders: what is drawn is what is stored.

    >>> outline(np.array([[False, True, True]]))
    'M1 0h2M1 1h2M1 0v1M3 0v1'
    """
    padded = np.pad(mask, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    down = (padded[1:-1, 1:] != padded[1:-1, :-1]).T
    lines = [f"M{start} {at}h{n}" for at, start, n in _runs(across)]
    return "".join([*lines, *(f"M{at} {start}v{n}" for at, start, n in _runs(down))])


def _runs(edges: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return (line, start, length) of all runs of edges."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    lines, starts = np.nonzero(steps == 1)
    lengths = np.nonzero(steps == -1)[1] - starts
    return list(zip(lines.tolist(), starts.tolist(), lengths.tolist(), strict=True))


def _window(drawn: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> tuple[slice, slice]:
    """Return a square window (in mm) around what is drawn; everything if that is nothing."""
    shape = drawn.shape
    if not drawn.any():
        return slice(0, shape[0]), slice(0, shape[1])
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    height, width = pixel_mm
    extent = max((rows[-1] - rows[0] + 1) * height, (columns[-1] - columns[0] + 1) * width)
    half = (0.5 + _MARGIN) * max(extent, _LEAST_PX * min(height, width))
    window = []
    for index, size, n in ((rows, height, shape[0]), (columns, width, shape[1])):
        middle = (index[0] + index[-1] + 1) / 2
        reach = half / size
        window.append(slice(max(int(middle - reach), 0), min(int(np.ceil(middle + reach)), n)))
    return window[0], window[1]


def _grey(image: NDArray[np.float32]) -> str:
    picture = Image.fromarray(np.asarray(np.rint(np.clip(image, 0, 1) * 255), dtype=np.uint8))
    picture.thumbnail((_LONGEST_PX, _LONGEST_PX))
    return _data_uri(picture)


def _veil(error: NDArray[np.float32], faint: float) -> str:
    strength = np.clip((error - faint) / (1 - faint), 0, 1)
    steps = np.rint(strength * _STRENGTHS) / _STRENGTHS
    if not steps.any():
        return ""
    veil = np.empty((*error.shape, 4), dtype=np.uint8)
    veil[..., :3] = _ERROR_COLOUR
    veil[..., 3] = np.rint(0.75 * 255 * steps)
    return _data_uri(Image.fromarray(veil))


def _data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=80, method=2)  # a third of the time, 5 % larger
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
