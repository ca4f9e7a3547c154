"""What abstaining is worth, for an evaluation's page: a few lines and the risk-coverage curve."""

from collections.abc import Sequence
from typing import Any

_WIDTH, _HEIGHT = 360, 220
_LEFT, _TOP = 60, 30
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222 }
.back { fill: #fff }
.frame { fill: none; stroke: #777 }
.own, .best, .chance { fill: none; stroke-width: 2 }
.own { stroke: #0072b2 } .best { stroke: #009e73; stroke-dasharray: 6 3 }
.chance { stroke: #777; stroke-dasharray: 2 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #eee } .back { fill: #181818 } .own { stroke: #56b4e9 } .frame { stroke: #999 }
}
"""


def risk_lines(found: dict[str, Any]) -> list[str]:
    """Return markdown lines from the figures of `metrics.selective`, NaN as `None`."""
    return [
        "| | n | subjects | MAE | 90 % intervals that hold | their mean width |",
        "|---|---|---|---|---|---|",
        *(_part(key, found[key]) for key in ("kept", "abstained")),
        "",
        f"MAE of the most certain share, narrow intervals first: {_shown(found['curve'])}. Mean "
        f"over all shares (area under the risk-coverage curve): {found['area']:.3f}; in the best "
        f"possible order {found['area_best']:.3f}, by chance {found['area_by_chance']:.3f}.",
    ]


def risk_svg(found: dict[str, Any] | None) -> str:
    """Draw the risk-coverage curve as one SVG file; without figures the picture says so."""
    curve = found["curve"] if found is not None else []
    top = 1.1 * max([point["mae"] for point in curve] + [0.01])
    lines = [
        ("own", "in order of the interval's width", [point["mae"] for point in curve]),
        ("best", "in the best possible order", [point["best"] for point in curve]),
        ("chance", "by chance", [curve[-1]["mae"]] * len(curve) if curve else []),
    ]
    width, height = _LEFT + _WIDTH + 20, _TOP + _HEIGHT + 110
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            "<title>Risk-coverage curve: error of the most certain share of labels</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="back" width="{width}" height="{height}"/>',
            f'<g transform="translate({_LEFT} {_TOP})">',
            f'<rect class="frame" width="{_WIDTH}" height="{_HEIGHT}"/>',
            *(_line(name, curve, values, top) for name, _, values in lines),
            *(_key(n, name, words) for n, (name, words, _) in enumerate(lines)),
            *([] if curve else ['<text x="140" y="110">too few labels</text>']),
            f'<text x="-6" y="12" text-anchor="end">{top:.2f}</text>',
            f'<text x="-6" y="{_HEIGHT}" text-anchor="end">0</text>',
            f'<text x="0" y="{_HEIGHT + 18}">0</text>',
            f'<text x="{_WIDTH}" y="{_HEIGHT + 18}" text-anchor="end">1</text>',
            f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 18}" text-anchor="middle">'
            "share of labels, the most certain first</text>",
            '<text x="0" y="-10">mean absolute error</text></g>',
            "</svg>\n",
        ]
    )


def _part(words: str, part: dict[str, Any]) -> str:
    if not part["n"]:
        return f"| {words} | 0 | 0 | n/a | n/a | n/a |"
    ends = part["mae_ci"]
    interval = "" if None in ends else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
    return (
        f"| {words} | {part['n']} | {part['subjects']} | {part['mae']:.3f}{interval} | "
        f"{part['interval_coverage']:.0%} | {part['interval_width']:.3f} |"
    )


def _shown(curve: Sequence[dict[str, float]]) -> str:
    """Return every fifth point: the quarters."""
    return ", ".join(f"{point['share']:.0%} {point['mae']:.3f}" for point in curve[4::5])


def _line(name: str, curve: Sequence[dict[str, float]], values: Sequence[float], top: float) -> str:
    places = [
        f"{point['share'] * _WIDTH:.1f} {(1 - value / top) * _HEIGHT:.1f}"
        for point, value in zip(curve, values, strict=True)
    ]
    return f'<path class="{name}" d="M{"L".join(places)}"/>' if places else ""


def _key(number: int, name: str, words: str) -> str:
    y = _HEIGHT + 44 + 18 * number
    return f'<path class="{name}" d="M0 {y - 4}h30"/><text x="38" y="{y}">{words}</text>'
