"""Predicted against true Dice, one panel per set, as one SVG file that needs nothing else."""

from html import escape

import numpy as np
from numpy.typing import NDArray

from segassay.metrics.summary import JudgedLabels

_SIDE = 200
_GAP = (64, 56)
"""Pixels of a panel's side, and between panels across and down: room for title and numbers."""

_COLUMNS = 4
_MOST_POINTS = 20_000
_MOST_LETTERS = 30
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600 }
.back { fill: #fff }
.frame { fill: none; stroke: #777 }
.same { stroke: #777; stroke-dasharray: 4 3 }
.dots { stroke: #0072b2; stroke-width: 4; stroke-linecap: round; stroke-opacity: .45; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #eee } .back { fill: #181818 } .dots { stroke: #56b4e9 }
  .frame, .same { stroke: #999 }
}
"""


def scatter_svg(labels: JudgedLabels, notes: dict[str, str]) -> str:
    """Draw every label as a dot: true Dice to the right, score upwards, the diagonal is right.

    Args:
        labels: The judged labels; without any, the picture says so.
        notes: What stands behind the name of a set, such as its correlation.
    """
    sets = sorted(set(labels.group.tolist()))
    columns = min(_COLUMNS, max(len(sets), 1))
    rows = max(1, -(-len(sets) // columns))
    width = columns * (_SIDE + _GAP[0]) + 20
    height = rows * (_SIDE + _GAP[1]) + 24
    panels = [_panel(labels, name, notes.get(name, ""), n, columns) for n, name in enumerate(sets)]
    if not sets:
        panels = [f'<text x="{width / 2}" y="{height / 2}" text-anchor="middle">no pairs</text>']
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            "<title>Score against true Dice, by set</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="back" width="{width}" height="{height}"/>',
            *panels,
            f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">'
            "true Dice (across) and score (up); on the dashed line they agree</text>",
            "</svg>\n",
        ]
    )


def _panel(labels: JudgedLabels, name: str, note: str, number: int, columns: int) -> str:
    left = 44 + (number % columns) * (_SIDE + _GAP[0])
    top = 28 + (number // columns) * (_SIDE + _GAP[1])
    chosen = labels.group == name
    shown = name if len(name) <= _MOST_LETTERS else name[: _MOST_LETTERS - 1] + "…"
    lines = [
        f'<g transform="translate({left} {top})">',
        f'<text class="title" x="0" y="-8">{escape(shown)}'
        f"<tspan font-weight='400'> {escape(note)}</tspan></text>",
        f'<rect class="frame" width="{_SIDE}" height="{_SIDE}"/>',
        f'<path class="same" d="M0 {_SIDE}L{_SIDE} 0"/>',
        f'<path class="dots" d="{_dots(labels.true[chosen], labels.value[chosen])}"/>',
    ]
    for tick in _TICKS:
        at = f"{tick:g}"
        lines.append(f'<text x="{tick * _SIDE:g}" y="216" text-anchor="middle">{at}</text>')
        lines.append(f'<text x="-6" y="{(1 - tick) * _SIDE + 4:g}" text-anchor="end">{at}</text>')
    return "\n".join([*lines, "</g>"])


def _dots(true: NDArray[np.float64], value: NDArray[np.float64]) -> str:
    """Return round dots as one path; of very many labels every so many-th is drawn."""
    step = max(1, -(-len(true) // _MOST_POINTS))
    places = zip(true[::step] * _SIDE, (1 - value[::step]) * _SIDE, strict=True)
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)
