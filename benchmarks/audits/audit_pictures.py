"""Contact sheets of labels: the image alone, the label's outline, what the judge expects, a cut."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segassay.report.model import Exhibit, SliceView

ON_A_SHEET = 10
TILE = 236
_COLUMNS = 2
_CAPTION = 26
_LABEL, _SUGGESTED = (255, 220, 0), (0, 220, 255)
_MARGIN = 0.35


def write_sheets(exhibits: Sequence[Exhibit], stem: Path, *, told: bool) -> None:
    """Write `stem-1.png` and so on, ten labels on each.

    Args:
        exhibits: The labels in order; they are numbered from 1.
        stem: The files' beginning.
        told: Write score and name under the pictures and show the suggestion; otherwise only the
            image, twice, and the label.
    """
    for first in range(0, len(exhibits), ON_A_SHEET):
        strips = [
            _strip(exhibit, first + n + 1, told=told)
            for n, exhibit in enumerate(exhibits[first : first + ON_A_SHEET])
        ]
        width, height = max(s.width for s in strips), strips[0].height
        n_rows = -(-len(strips) // _COLUMNS)
        sheet = Image.new("RGB", (_COLUMNS * (width + 8), n_rows * height), "white")
        for n, strip in enumerate(strips):
            sheet.paste(strip, ((n % _COLUMNS) * (width + 8), (n // _COLUMNS) * height))
        sheet.save(f"{stem}-{first // ON_A_SHEET + 1}.png", compress_level=1)


def _strip(exhibit: Exhibit, number: int, *, told: bool) -> Image.Image:
    view, row = exhibit.slices[0], exhibit.row
    tiles = [_tile(view, near=True), _tile(view, near=True, label=True)]
    if told:
        tiles.append(_tile(view, near=True, label=True, suggested=True))
    side = exhibit.planes[0] if exhibit.planes else view
    tiles.append(_tile(side, near=bool(exhibit.planes), label=True))
    strip = Image.new("RGB", (len(tiles) * (TILE + 2), TILE + _CAPTION), "white")
    for n, tile in enumerate(tiles):
        strip.paste(tile, (n * (TILE + 2), 0))
    words = f"{number}  {row.case_id}" if told else f"{number}"
    if told:
        words += (
            f"  {row.structure}  score {row.score:.2f} [{row.score_lo:.2f}, {row.score_hi:.2f}] "
            f"{row.error_type}  here {view.score:.2f}, slice {view.index}"
        )
    ImageDraw.Draw(strip).text((2, TILE + 3), words, fill="black", font_size=14)
    return strip


def _tile(
    view: SliceView, *, near: bool, label: bool = False, suggested: bool = False
) -> Image.Image:
    """Draw a slice, or what lies `near` the label, to scale in millimetres, within a square."""
    window = _near(view) if near else (slice(0, view.image.shape[0]), slice(0, view.image.shape[1]))
    down, across = (
        (part.stop - part.start) * mm for part, mm in zip(window, view.pixel_mm, strict=True)
    )
    scale = TILE / max(down, across)
    size = max(round(across * scale), 1), max(round(down * scale), 1)
    grey = Image.fromarray((np.clip(view.image[window], 0, 1) * 255).astype(np.uint8))
    tile = np.array(grey.resize(size, Image.Resampling.BICUBIC).convert("RGB"))
    if suggested and view.suggested is not None:
        tile[_edge(view.suggested[window], size)] = _SUGGESTED
    if label:
        tile[_edge(view.mask[window], size)] = _LABEL
    padded = Image.new("RGB", (TILE, TILE))
    padded.paste(Image.fromarray(tile), ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return padded


def _near(view: SliceView) -> tuple[slice, slice]:
    """Return what lies around label and suggestion, square in millimetres where there is room."""
    drawn = view.mask if view.suggested is None else view.mask | view.suggested
    places = [np.flatnonzero(drawn.any(axis=1 - axis)) for axis in (0, 1)]
    if not drawn.any():
        return slice(0, drawn.shape[0]), slice(0, drawn.shape[1])
    extent = max(
        (at[-1] - at[0] + 1) * mm for at, mm in zip(places, view.pixel_mm, strict=True)
    ) * (0.5 + _MARGIN)
    rows, columns = (
        slice(
            max(int((at[0] + at[-1]) / 2 - extent / mm), 0),
            min(int((at[0] + at[-1]) / 2 + extent / mm) + 1, n),
        )
        for at, mm, n in zip(places, view.pixel_mm, drawn.shape, strict=True)
    )
    return rows, columns


def _edge(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the outline of a mask, enlarged to (width, height), one pixel wide."""
    large = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    edge = np.zeros_like(large)
    edge[1:] |= large[1:] != large[:-1]
    edge[:, 1:] |= large[:, 1:] != large[:, :-1]
    return edge
