"""The curves of a training as one SVG file beside their table: a small panel for every column."""

import csv
from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite, nan
from pathlib import Path

from segassay.files.atomic import write_whole

TABLE, PICTURE = "curves.csv", "curves.svg"

_PROGRESS = ("updates", "pairs", "seconds", "restarts")
"""Columns that tell how far a training is; the others are drawn over its minutes."""

_WIDTH, _HEIGHT = 200, 110
_GAP = (70, 56)
_COLUMNS = 3
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600 }
.back { fill: #fff }
.frame { fill: none; stroke: #777 }
.line { fill: none; stroke: #0072b2; stroke-width: 2; stroke-linecap: round }
@media (prefers-color-scheme: dark) {
  text { fill: #eee } .back { fill: #181818 } .line { stroke: #56b4e9 } .frame { stroke: #999 }
}
"""


def draw_curves(folder: Path) -> Path | None:
    """Draw the `curves.csv` of a training as `curves.svg`; `None` where there is no table yet.

    Raises:
        OSError: The picture cannot be written.
    """
    try:
        with (folder / TABLE).open(newline="", encoding="utf-8") as file:
            rows = [
                {key: _number(text) for key, text in row.items()} for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return None
    write_whole(folder / PICTURE, curves_svg(rows).encode())
    return folder / PICTURE


def curves_svg(rows: Sequence[Mapping[str, float]]) -> str:
    """Draw every column but those of `_PROGRESS` over minutes of learning.

    Args:
        rows: From the earliest on, each with `seconds`. A value that is no number leaves a gap;
            without any row the picture says so.
    """
    names = [name for name in (rows[0] if rows else {}) if name and name not in _PROGRESS]
    columns = min(_COLUMNS, max(len(names), 1))
    width = columns * (_WIDTH + _GAP[0]) + 20
    height = max(1, -(-len(names) // columns)) * (_HEIGHT + _GAP[1]) + 24
    minutes = [row.get("seconds", nan) / 60 for row in rows]
    panels = [
        _panel(name, minutes, [row.get(name, nan) for row in rows], number, columns)
        for number, name in enumerate(names)
    ]
    if not panels:
        panels = [
            f'<text x="{width / 2}" y="{height / 2}" text-anchor="middle">no curve yet</text>'
        ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            "<title>A training's curves over minutes of learning</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="back" width="{width}" height="{height}"/>',
            *panels,
            f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">'
            "minutes of learning (across); behind each name its last value</text>",
            "</svg>\n",
        ]
    )


def _panel(
    name: str, minutes: Sequence[float], values: Sequence[float], number: int, columns: int
) -> str:
    left = 60 + (number % columns) * (_WIDTH + _GAP[0])
    top = 28 + (number // columns) * (_HEIGHT + _GAP[1])
    known = [v for v in values if isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    end = max((m for m in minutes if isfinite(m)), default=0.0)
    last = f"{known[-1]:.4g}" if known else "no value"
    places = [
        (m / (end or 1.0) * _WIDTH, (high - v) / ((high - low) or 1.0) * _HEIGHT)
        for m, v in zip(minutes, values, strict=True)
    ]
    return "\n".join(
        [
            f'<g transform="translate({left} {top})">',
            f'<text class="title" x="0" y="-8">{escape(name.replace("_", " "))}'
            f'<tspan font-weight="400"> {last}</tspan></text>',
            f'<rect class="frame" width="{_WIDTH}" height="{_HEIGHT}"/>',
            f'<path class="line" d="{_line(places)}"/>',
            f'<text x="-6" y="12" text-anchor="end">{high:.3g}</text>',
            f'<text x="-6" y="{_HEIGHT}" text-anchor="end">{low:.3g}</text>',
            f'<text x="{_WIDTH}" y="{_HEIGHT + 16}" text-anchor="end">{end:.3g}</text>',
            "</g>",
        ]
    )


def _line(places: Sequence[tuple[float, float]]) -> str:
    """Join places by a line, broken where one is not known; a place alone becomes a dot."""
    parts, joined = [], False
    for x, y in places:
        known = isfinite(x) and isfinite(y)
        if known:
            parts.append(f"L{x:.1f} {y:.1f}" if joined else f"M{x:.1f} {y:.1f}h0")
        joined = known
    return "".join(parts)


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return nan
