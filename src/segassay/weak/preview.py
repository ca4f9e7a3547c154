"""Candidates side by side: a strip of pictures for an image, and a page of strips."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import scipy.ndimage as ndi
from PIL import Image

from segassay.files.atomic import write_whole
from segassay.types import percent
from segassay.weak.candidates import Candidate, Pictures
from segassay.weak.gate import LabelRow, Status

FOLDER, PAGE = "preview", "preview.html"

_TILE_PX = 192
_CHOSEN, _OTHER = (0.1, 0.85, 0.35), (1.0, 0.62, 0.1)

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
img{max-width:100%;display:block}figure{margin:0 0 2rem}figcaption{margin:.3rem 0}
.rejected{color:#a11}.names{color:#555;font-size:.85rem}
@media(prefers-color-scheme:dark){body{background:#16181c;color:#e8e8e8}.names{color:#aaa}}"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A label on the page, and whose image it is."""

    case_id: str
    label: LabelRow


def draw_candidates(
    out: Path, case_id: str, label: LabelRow, drawn: Sequence[Candidate], pictures: Pictures
) -> None:
    """Draw the outlines of all candidates on the slice that holds most of the first one."""
    axis = pictures.stack.axis
    planes = [one.mask.as_planes(axis) for one in drawn]
    held = np.sum([one.areas for one in planes], axis=0)
    index = int(held.argmax())
    image = pictures(index)
    masks = [one.plane(index) for one in planes]
    window = _window(np.any(masks, axis=0))
    tiles = [
        _tile(image, mask, window, _CHOSEN if one.name == label.chosen else _OTHER)
        for one, mask in zip(drawn, masks, strict=True)
    ]
    strip = Image.new("RGB", (len(tiles) * (_TILE_PX + 4) - 4, _TILE_PX))
    for number, tile in enumerate(tiles):
        strip.paste(tile, (number * (_TILE_PX + 4), 0))
    folder = out / FOLDER / label.structure
    folder.mkdir(parents=True, exist_ok=True)
    strip.save(folder / f"{case_id}.webp", quality=80)


def write_preview(out: Path, labels: Sequence[Shown]) -> None:
    """Write the page: labels whose candidates were drawn, the least likely to be good first."""
    shown = [one for one in labels if _strip(out, one).exists()]
    shown.sort(key=lambda one: (one.label.p_good, one.label.expected_dice or 0.0, one.case_id))
    n = {status: sum(one.label.status is status for one in labels) for status in Status}
    counts = ", ".join(f"{number} {status}" for status, number in n.items())
    parts = "\n".join(_figure(out, one) for one in shown)
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Weak labels</title><style>{_STYLE}</style>
<h1>Weak labels</h1>
<p>{len(labels)} labels: {counts}. Shown are {len(shown)}, the least likely to be good first; the
chosen candidate is green.</p>
{parts}
</html>
"""
    write_whole(out / PAGE, page.encode())


def _strip(out: Path, one: Shown) -> Path:
    return out / FOLDER / one.label.structure / f"{one.case_id}.webp"


def _figure(out: Path, one: Shown) -> str:
    label = one.label
    source = quote(_strip(out, one).relative_to(out).as_posix())
    names = " · ".join(html.escape(row.name) for row in label.candidates)
    dice = "" if label.expected_dice is None else f", expected Dice {label.expected_dice:.2f}"
    low = (
        "" if label.low is None or label.high is None else f" ({label.low:.2f} to {label.high:.2f})"
    )
    good = f", good: {percent(label.p_good)}" if label.chosen else ""
    why = f" <span class=rejected>{html.escape(label.reason)}</span>" if label.reason else ""
    said = f"{label.status}{dice}{low}{good}.{why}"
    title = html.escape(f"{one.case_id}, {label.structure.replace('_', ' ')}")
    return (
        f'<figure><figcaption><b>{title}</b>: {said}</figcaption><img src="{source}" '
        f'alt="candidates of {title}" loading="lazy"><div class=names>{names}</div></figure>'
    )


def _window(drawn: "np.typing.NDArray[np.bool_]") -> tuple[slice, slice]:
    """Return the rows and columns round what is drawn, half as much again on every side."""
    if not drawn.any():
        return slice(0, drawn.shape[0]), slice(0, drawn.shape[1])
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    half = max(rows[-1] - rows[0], columns[-1] - columns[0], 16)
    middle = (rows[0] + rows[-1]) // 2, (columns[0] + columns[-1]) // 2
    first, second = (
        slice(max(int(m - half), 0), min(int(m + half) + 1, n))
        for m, n in zip(middle, drawn.shape, strict=True)
    )
    return first, second


def _tile(
    image: "np.typing.NDArray[np.float32]",
    mask: "np.typing.NDArray[np.bool_]",
    window: tuple[slice, slice],
    colour: tuple[float, float, float],
) -> Image.Image:
    cut = Image.fromarray((255 * image[window]).astype(np.uint8))
    scale = _TILE_PX / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    large = np.asarray(cut.resize(size, Image.Resampling.BILINEAR)).copy()
    shape = Image.fromarray(255 * mask[window].astype(np.uint8)).resize(size)
    inside = np.asarray(shape) > 127
    rim = ndi.binary_dilation(inside) & ~ndi.binary_erosion(inside)
    large[rim] = (255 * np.array(colour)).astype(np.uint8)
    tile = Image.new("RGB", (_TILE_PX, _TILE_PX))
    tile.paste(Image.fromarray(large), (0, 0))
    return tile
