"""The scores of each structure as bars and dots."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from segassay.report.listing import Listed
from segassay.report.model import FAIL_BELOW
from segassay.types import REVIEW_BELOW

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
    """Scores of one structure."""

    structure: str
    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]
    median: float
    n_scored: int
    n_low: int
    n_other: int
    evidence: str


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
    drawn = [x for x in own if not isnan(x.row.score) and x.number <= most_dots]
    return Distribution(
        structure,
        _bars(scores),
        _dots(drawn),
        float(np.median(scores)) if scores.size else float("nan"),
        int(scores.size),
        int((scores < REVIEW_BELOW).sum()),
        len(own) - int(scores.size),
        next((x.row.evidence.split("; ")[0] for x in own if x.row.evidence), ""),
    )


def _bars(scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[Bar, ...]:
    counts, _ = np.histogram(scores, bins=BINS, range=(0, 1))
    wide = WIDTH / BINS
    bars = []
    for n in np.flatnonzero(counts).tolist():
        height = 4 + (_BAR_HEIGHT - 4) * float(counts[n]) / float(counts.max())
        middle = (n + 0.5) / BINS
        kind = "fail" if middle < FAIL_BELOW else "review" if middle < REVIEW_BELOW else "pass"
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
