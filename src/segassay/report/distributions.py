"""The scores of each structure as bars and dots."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import median

import numpy as np

from segassay.records.scores import ScoreRow
from segassay.records.triage import Verdict, likely
from segassay.report.ordered_labels import Listed

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


def distributions(labels: Sequence[Listed], *, most_dots: int) -> list[Distribution]:
    """Return the structures' distributions, the one with the lowest median first.

    Args:
        labels: All labels, as `list_labels` orders them.
        most_dots: Dots are drawn for this many labels of the list's beginning.
    """
    by_structure: dict[str, list[Listed]] = defaultdict(list)
    for label in labels:
        by_structure[label.row.structure].append(label)
    found = [_distribution(name, own, most_dots) for name, own in by_structure.items()]
    return sorted(found, key=lambda d: (isnan(d.median), d.median, d.structure))


def _distribution(structure: str, own: Sequence[Listed], most_dots: int) -> Distribution:
    scores = np.array([label.row.score for label in own if not isnan(label.row.score)])
    usual = next((x.usual for x in own if not isnan(x.usual)), nan)
    drawn = [x for x in own if not isnan(x.row.score) and x.number <= most_dots]
    return Distribution(
        structure,
        _bars([label.row for label in own if not isnan(label.row.score)]),
        _dots(drawn),
        float(np.median(scores)) if scores.size else nan,
        usual,
        Counter(label.verdict for label in own),
        len(own),
        int(scores.size),
        next((x.row.evidence.split("; ")[0] for x in own if x.row.evidence), ""),
    )


def _bars(rows: Sequence[ScoreRow]) -> tuple[Bar, ...]:
    """Count scores in bars, in the colour of how probably the labels of a bar are faulty."""
    of_bar: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        of_bar[min(int(row.score * BINS), BINS - 1)].append(row.p_faulty)
    wide, most = WIDTH / BINS, max(map(len, of_bar.values()), default=0)
    bars = []
    for n, own in sorted(of_bar.items()):
        height = 4 + (_BAR_HEIGHT - 4) * len(own) / most
        kind = likely(median(own)).name.lower()
        bars.append(Bar(n * wide + 1, _BAR_HEIGHT + 2 - height, wide - 2, height, kind))
    return tuple(bars)


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
