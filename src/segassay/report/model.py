"""What a report is made of."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.types import REVIEW_BELOW, Severity, Status

FAIL_BELOW = 0.6

_FEWEST_ALIKE = 8
"""Labels of a structure below which equal errors may be chance."""

_EVEN = 0.1
"""Sizes nearer than this to the expected one are not told from it in words."""

SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)
"""Worst first."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceView:
    """One slice of a case, `(row, column)` in display orientation, and what is drawn on it.

    Attributes:
        plane: How the slice lies, such as "axial"; empty for a picture.
        index: Its number along its axis, from 0 in RAS+ order.
        image: Grey values in [0, 1].
        mask: The label as it is.
        pixel_mm: Size of a pixel (row, column).
        suggested: The mask that the judge expects; `None` where it was not asked.
        error: Probability that a pixel of the label is wrong; `None` where it was not asked.
        score: Expected Dice of this slice; NaN where none was examined.
        crossing: Slice of the other plane that this one is cut by, as (is a row, number).
    """

    plane: str
    index: int
    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    pixel_mm: tuple[float, float]
    suggested: NDArray[np.bool_] | None = None
    error: NDArray[np.float32] | None = None
    score: float = nan
    crossing: tuple[bool, int] | None = None


class Place(StrEnum):
    """Where the outline of the expected mask comes from in the first slice of an exhibit.

    `at_label`: drawn around the label. `found`: the label is empty or in the wrong place, and the
    judge found the structure without it; the label may lie on other slices. `unknown`: the judge
    expects the structure elsewhere and cannot say where. `not_drawn`: the judge draws no masks.
    """

    AT_LABEL = "at_label"
    FOUND = "found"
    UNKNOWN = "unknown"
    NOT_DRAWN = "not_drawn"


@dataclass(frozen=True, slots=True, eq=False)
class Exhibit:
    """One label in pictures: `slices` from the worst on, at least one, and the other `planes`.

    With the place `found` the first slice is the one where the structure is expected.
    """

    row: ScoreRow
    slices: tuple[SliceView, ...]
    planes: tuple[SliceView, ...] = ()
    place: Place = Place.AT_LABEL


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """One run: what went in and what was found.

    `rows` holds all labels, `notes` what a reader must know before believing a number. The
    `n_worst` labels are shown on the first page. `about_cases` is what the data set's own tables
    say about each case, by case id: sex, age, scanner and the like, as text. Where the run is
    `pseudonymised` that is told of groups only, never of a single case.
    """

    title: str
    about: dict[str, str]
    rows: tuple[ScoreRow, ...]
    findings: tuple[Finding, ...]
    n_worst: int = 20
    about_cases: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    pseudonymised: bool = False
    _by_label: dict[tuple[str, str | None], list[tuple[int, Finding]]] = field(
        init=False, repr=False
    )

    def __post_init__(self) -> None:
        """Find the findings of each label once: there may be a hundred thousand of both."""
        by_label = defaultdict(list)
        for number, finding in enumerate(self.findings):
            by_label[finding.case_id, finding.structure].append((number, finding))
        object.__setattr__(self, "_by_label", dict(by_label))

    @property
    def scored(self) -> tuple[ScoreRow, ...]:
        """Rows that have a score, worst first."""
        rows = [row for row in self.rows if not isnan(row.score)]
        return tuple(sorted(rows, key=_worse))

    @property
    def statuses(self) -> dict[str, int]:
        """Number of labels of each status that occurs."""
        counts = Counter(row.status for row in self.rows)
        return {status.value: counts[status] for status in Status if counts[status]}

    @property
    def severities(self) -> dict[str, int]:
        """Number of findings of each severity, worst first."""
        counts = Counter(finding.severity for finding in self.findings)
        return {severity.value: counts[severity] for severity in SEVERITIES}

    def findings_of(self, row: ScoreRow) -> tuple[Finding, ...]:
        """Return the findings about one label and about its whole case, worst first."""
        own = [
            numbered
            for structure in (None, row.structure)
            for numbered in self._by_label.get((row.case_id, structure), ())
        ]
        own.sort(key=lambda numbered: (SEVERITIES.index(numbered[1].severity), numbered[0]))
        return tuple(finding for _, finding in own)


def worst_labels(rows: Sequence[ScoreRow], n: int) -> tuple[ScoreRow, ...]:
    """Return the `n` worst labels, worst first, and behind them suspected misses.

    Of these there are a quarter of `n`, or as many as the scored labels leave room for.
    """
    scored = sorted((row for row in rows if not isnan(row.score)), key=_worse)[:n]
    missed = [row for row in rows if row.status is Status.ABSENT_SUSPECT]
    missed.sort(key=lambda row: -row.presence)
    return (*scored, *missed[: max(n // 4, n - len(scored))])


def key_of(row: ScoreRow) -> tuple[str, str, str]:
    """Return what tells one label of a run from all others."""
    return row.case_id, row.structure, row.source


def _worse(row: ScoreRow) -> tuple[float, str, str, str]:
    return row.score, row.case_id, row.structure, row.source


def is_volume(row: ScoreRow) -> bool:
    """Tell whether a label has slices to speak of; pictures have one, and no volume."""
    return row.n_slices > 1 or row.worst_slice > 0 or not isnan(row.volume_ml)


def is_elsewhere(row: ScoreRow) -> bool:
    """Tell whether the structure is expected where the label is not: elsewhere, or no label at all.

    What is drawn around the label then cannot show it, nor can sizes be compared.
    """
    return row.status is Status.ABSENT_SUSPECT or row.error_type == "wrong_place"


def size_words(row: ScoreRow) -> str:
    """Say how a label's size stands to the expected one; empty where that is not known."""
    error = row.expected_volume_error
    if isnan(error) or is_elsewhere(row):
        return ""
    if abs(error) < _EVEN:
        return "as expected"
    if error >= 1:
        return f"{1 + error:.2g} times what is expected"
    return f"{abs(error):.0%} {'more' if error > 0 else 'less'} than expected"


def verdict(row: ScoreRow) -> str:
    """Return the word shown for a row: PASS, REVIEW, FAIL, or its status."""
    if row.status in (Status.SCORED, Status.ABSTAINED) and not isnan(row.score):
        if row.score < FAIL_BELOW:
            return "FAIL"
        return "REVIEW" if row.score < REVIEW_BELOW or row.status is Status.ABSTAINED else "PASS"
    return {
        Status.ABSENT_OK: "ABSENT",
        Status.ABSENT_SUSPECT: "MISSED?",
        Status.INVALID: "INVALID",
        Status.FAILED: "FAILED",
    }.get(row.status, "n/a")


def protocol_differences(rows: tuple[ScoreRow, ...]) -> dict[str, str]:
    """Return structures of which over half score low with one type of error, with that type.

    That many equal errors are not mistakes: the labels follow another protocol, or the judge does
    not know such images.
    """
    scored: dict[str, list[ScoreRow]] = {row.structure: [] for row in rows}
    for row in rows:
        if not isnan(row.score):
            scored[row.structure].append(row)
    found = {}
    for structure, own in scored.items():
        low = Counter(row.error_type for row in own if row.score < FAIL_BELOW)
        if len(own) >= _FEWEST_ALIKE and low and low.most_common(1)[0][1] > len(own) / 2:
            found[structure] = low.most_common(1)[0][0]
    return found


def follows_difference(row: ScoreRow, differences: dict[str, str]) -> bool:
    """Tell whether a low score is one of the many alike of `protocol_differences`."""
    return row.score < FAIL_BELOW and differences.get(row.structure) == row.error_type
