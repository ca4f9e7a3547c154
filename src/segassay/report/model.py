"""What a report is made of."""

from collections import Counter
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.types import Severity, Status

REVIEW_BELOW = 0.8
"""Labels scored below this are worth a look; only a way to show numbers, never stored."""

FAIL_BELOW = 0.6

SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)
"""Worst first."""


@dataclass(frozen=True, slots=True, eq=False)
class Exhibit:
    """One label shown at one slice, `(row, column)` in display orientation.

    `image` and `error` lie in [0, 1]; `pixel_mm` is the size of a pixel (row, column).
    """

    row: ScoreRow
    index: int
    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    suggested: NDArray[np.bool_]
    error: NDArray[np.float32]
    pixel_mm: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """One run: what went in, what was found, and the worst labels as pictures.

    `rows` holds all labels, `notes` what a reader must know before believing a number.
    """

    title: str
    about: dict[str, str]
    rows: tuple[ScoreRow, ...]
    findings: tuple[Finding, ...]
    exhibits: tuple[Exhibit, ...]
    notes: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def scored(self) -> tuple[ScoreRow, ...]:
        """Rows that have a score, worst first."""
        rows = [row for row in self.rows if not isnan(row.score)]
        return tuple(sorted(rows, key=lambda row: (row.score, row.case_id, row.structure)))

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
        """Return the findings about one label, worst first."""
        own = [
            f
            for f in self.findings
            if f.case_id == row.case_id and f.structure in (None, row.structure)
        ]
        return tuple(sorted(own, key=lambda f: SEVERITIES.index(f.severity)))


def is_volume(row: ScoreRow) -> bool:
    """Tell whether a label has slices to speak of; pictures have one, and no volume."""
    return row.n_slices > 1 or row.worst_slice > 0 or not isnan(row.volume_ml)


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
    found = {}
    for structure in dict.fromkeys(row.structure for row in rows):
        own = [row for row in rows if row.structure == structure and not isnan(row.score)]
        low = Counter(row.error_type for row in own if row.score < FAIL_BELOW)
        if len(own) >= 5 and low and low.most_common(1)[0][1] > len(own) / 2:
            found[structure] = low.most_common(1)[0][0]
    return found


def follows_difference(row: ScoreRow, differences: dict[str, str]) -> bool:
    """Tell whether a low score is one of the many alike of `protocol_differences`."""
    return row.score < FAIL_BELOW and differences.get(row.structure) == row.error_type
