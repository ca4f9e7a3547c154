"""The scores of each structure as bars and dots."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

import polars as pl

from segassay.records.triage import Verdict, likely
from segassay.report.ordered_labels import LabelList, Listed

BINS = 25
WIDTH = 300
_BAR_HEIGHT = 28
_DOTS_FROM = 37
_DOT_STEP = 4
_DOT_ROWS = 5
HEIGHT = _DOTS_FROM + _DOT_STEP * (_DOT_ROWS - 1) + 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in pixels of the figure."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One label as a dot in pixels of the figure."""

    x: float
    y: int
    label: Listed


@dataclass(frozen=True, slots=True)
class Distribution:
    """Scores of one structure.

    `usual` is what correct labels of it score, NaN where none has a score. `counts` are its labels
    of each verdict.
    """

    structure: str
    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]
    median: float
    usual: float
    counts: Counter[Verdict]
    n_labels: int
    n_scored: int
    evidence: str

    def count(self, name: str) -> int:
        """Return the number of labels with the verdict of a name."""
        return self.counts[Verdict[name]]


def distributions(labels: LabelList, shown: Sequence[Listed]) -> list[Distribution]:
    """Return the structures' distributions, the one with the lowest median first.

    Args:
        labels: All labels.
        shown: Those that the page lists: they are drawn as dots.
    """
    data = labels.data
    told = data.frame.filter(pl.col("evidence") != "").group_by("structure")
    evidence = dict(told.agg(pl.col("evidence").first()).iter_rows())
    drawn: dict[str, list[Listed]] = defaultdict(list)
    for label in shown:
        if not isnan(label.row.score):
            drawn[label.row.structure].append(label)
    bars = _bars(data.scored)
    counts: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for name, kind, n in data.ranked.group_by("structure", "verdict").len().iter_rows():
        counts[name][Verdict(kind)] = n
    summed = data.scored.group_by("structure").agg(pl.col("score").median(), pl.len())
    scored = {name: (median, n) for name, median, n in summed.iter_rows()}
    found = [
        Distribution(
            name,
            bars.get(name, ()),
            _dots(drawn[name]),
            scored.get(name, (nan, 0))[0],
            data.usual.get(name, nan),
            own,
            own.total(),
            scored.get(name, (nan, 0))[1],
            evidence.get(name, "").split("; ")[0],
        )
        for name, own in counts.items()
    ]
    return sorted(found, key=lambda d: (isnan(d.median), d.median, d.structure))


def _bars(scored: pl.DataFrame) -> dict[str, tuple[Bar, ...]]:
    """Count scores in bars, in the colour of how probably the labels of a bar are faulty."""
    place = (pl.col("score") * BINS).cast(pl.Int64).clip(upper_bound=BINS - 1)
    counted = scored.group_by("structure", place=place).agg(pl.len(), pl.col("p_faulty").median())
    counted = counted.sort("structure", "place").select(
        "structure",
        "place",
        likely(pl.col("p_faulty")),
        pl.col("len") / pl.col("len").max().over("structure"),
    )
    wide = WIDTH / BINS
    bars: dict[str, list[Bar]] = defaultdict(list)
    for name, n, kind, share in counted.iter_rows():
        height = 4 + (_BAR_HEIGHT - 4) * share
        x, y = n * wide + 1, _BAR_HEIGHT + 2 - height
        bars[name].append(Bar(x, y, wide - 2, height, Verdict(kind).name.lower()))
    return {name: tuple(own) for name, own in bars.items()}


def _dots(labels: Sequence[Listed]) -> tuple[Dot, ...]:
    """Put dots that would hide one another below one another, as far as there is room."""
    taken: dict[int, int] = defaultdict(int)
    dots = []
    for label in labels:
        x = WIDTH * label.row.score
        place = int(x // 7)
        dots.append(Dot(x, _DOTS_FROM + _DOT_STEP * (taken[place] % _DOT_ROWS), label))
        taken[place] += 1
    return tuple(dots)
