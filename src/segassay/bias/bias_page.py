"""Effects of groups as a page to read and a picture: each effect with its interval on one scale."""

from collections.abc import Sequence
from html import escape
from typing import Any

from segassay.bias.contrasts import Effect
from segassay.report.issues import plain_text
from segassay.types import counted

_WIDTH, _ROW, _LEFT, _TOP = 380, 22, 320, 46
_MOST_ROWS = 60
_MOST_LETTERS = 46
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222 }
.back { fill: #fff }
.zero { stroke: #777; stroke-dasharray: 4 3 }
.interval { stroke: #777; stroke-width: 2 }
.effect { fill: #fff; stroke: #777; stroke-width: 2 }
.shown .interval, .shown .effect { stroke: #d55e00 } .shown .effect { fill: #d55e00 }
@media (prefers-color-scheme: dark) {
  text { fill: #eee } .back, .effect { fill: #181818 } .zero, .interval, .effect { stroke: #aaa }
}
"""


def bias_svg(effects: Sequence[Effect], significant: float) -> str:
    """Draw effects as one SVG file: all structures together, then what is shown in a structure.

    Args:
        effects: What was measured; without any the picture says so.
        significant: The `q` up to which an effect counts as shown.
    """
    drawn = [one for one in effects if not one.structure or one.q <= significant]
    drawn = (drawn or list(effects))[:_MOST_ROWS]
    reach = max([0.01, *(abs(end) for one in drawn for end in _ends(one))]) * 1.05
    height = _TOP + _ROW * max(len(drawn), 1) + 40
    width = _LEFT + _WIDTH + 20
    middle = _LEFT + _WIDTH / 2
    rows = [_row(n, one, reach, significant) for n, one in enumerate(drawn)]
    if not drawn:
        rows = [f'<text x="{middle}" y="{_TOP + 15}" text-anchor="middle">nothing to test</text>']
    bottom = height - 34
    ticks = [
        f'<text x="{middle + share * _WIDTH / 2}" y="{bottom + 14}" text-anchor="middle">'
        f"{share * reach:+.3f}</text>"
        for share in (-0.9, 0, 0.9)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            "<title>Difference of score by group, with 95 % intervals</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="back" width="{width}" height="{height}"/>',
            f'<text x="{middle}" y="18" text-anchor="middle">difference of score, 95 % interval; '
            "filled: shown after correction</text>",
            f'<path class="zero" d="M{middle} {_TOP - 14}V{bottom}"/>',
            *rows,
            *ticks,
            "</svg>\n",
        ]
    )


def bias_text(document: dict[str, Any]) -> str:
    """Return the content of `bias.json` as a markdown page."""
    effects = document["effects"]
    shown = [one for one in effects if one["shown"]]
    overall = [one for one in effects if not one["structure"]]
    lines = [
        f"# Scores by group: {plain_text(document['title'])}",
        "",
        f"{counted(len(effects), 'test')}; {len(shown)} shown at a false discovery rate of "
        f"{document['false_discovery_rate']:.0%} (Benjamini and Hochberg over all of them).",
        "",
        "A difference is that of mean scores, in units of expected Dice, with a 95 % interval from "
        "resampling; for a number it is what the score changes by from its lower to its upper "
        "quartile. d is the same in standard deviations. p comes from permuting whole subjects, or "
        "cases where a column differs within subjects.",
        "",
        "![Difference of score by group](bias.svg)",
        "",
        *_table("All structures together", overall),
        *_table("Structures with a difference", [one for one in shown if one["structure"]]),
        "## Before anything follows from this",
        "",
        *(f"- {line}" for line in _cautions(document)),
        "",
    ]
    return "\n".join(lines)


def _table(title: str, effects: Sequence[dict[str, Any]]) -> list[str]:
    if not effects:
        return []
    return [
        f"## {title}",
        "",
        "| column | group | against | structure | n | difference | d | p | q |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_line, effects),
        "",
    ]


def _line(one: dict[str, Any]) -> str:
    found = one["difference"]
    n = f"{one['n_in']} + {one['n_out']}" if one["other"] else str(one["n_in"])
    words = (one["column"], one["value"], one["other"], one["structure"] or "all")
    cells = [plain_text(word) for word in words]
    interval = f"{found['value']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
    mark = "**" if one["shown"] else ""
    numbers = [n, interval, f"{one['standardised']:+.2f}", f"{one['p']:.4f}", f"{one['q']:.4f}"]
    return f"| {' | '.join([*cells, *(f'{mark}{number}{mark}' for number in numbers)])} |"


def _cautions(document: dict[str, Any]) -> list[str]:
    together = [
        f"**{plain_text(one['first'])}** and **{plain_text(one['second'])}** go together "
        f"(Cramér's V {one['association']:.2f}): a difference by one may be a difference by the "
        "other, and these data cannot tell which."
        for one in document["confounded"]
    ]
    return [
        *together,
        "A difference says that labels of two groups score differently, not why. Disease, scanner, "
        "protocol, body size and who drew the labels may differ between the groups, too; only what "
        "stands in a column can be looked at.",
        "Scores are a judge's. Where its own errors differ between groups, so do its scores: look "
        "at labels of both groups, or at labels with a reference (`segassay evaluate`), before "
        "calling labels biased.",
        "No difference shown is not no difference: the interval says how large one may still be.",
        *(
            f"{plain_text(one['column'])}: not tested; {one['why']}."
            for one in document["left_out"]
        ),
    ]


def _ends(one: Effect) -> tuple[float, float]:
    return one.difference.low, one.difference.high


def _row(number: int, one: Effect, reach: float, significant: float) -> str:
    y = _TOP + _ROW * number + 8

    def at(value: float) -> float:
        """Return where a difference lies, in pixels."""
        return _LEFT + _WIDTH / 2 * (1 + value / reach)

    words = " ".join(filter(None, (one.column, one.value, one.structure)))
    words = words if len(words) <= _MOST_LETTERS else words[: _MOST_LETTERS - 1] + "…"
    kind = ' class="shown"' if one.q <= significant else ""
    low, high = map(at, _ends(one))
    return (
        f'<g{kind}><text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(words)}</text>'
        f'<path class="interval" d="M{low:.1f} {y}H{high:.1f}"/>'
        f'<circle class="effect" cx="{at(one.difference.value):.1f}" cy="{y}" r="4"/></g>'
    )
