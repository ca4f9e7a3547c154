"""What a report is made of."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from math import isnan, nan

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segassay.records.findings import Finding
from segassay.records.remarks import remarked
from segassay.records.scores import ScoreRow
from segassay.records.table import rows_of
from segassay.records.triage import (
    KEY,
    LabelKey,
    Verdict,
    by_rule,
    key_of,
    verdict,
    verdicts,
    worst_first,
)
from segassay.records.usual import usual_scores
from segassay.types import Remark, Severity, Status

_EVEN = 0.1
"""Sizes nearer than this to the expected one are not told from it in words."""

_ERROR_WORDS = {
    "too_small": "parts are missing",
    "too_large": "too much is marked",
    "misplaced": "misplaced or badly outlined",
    "wrong_place": "in the wrong place",
    "good": "",
}
_FAULTY = frozenset({Verdict.LIKELY_WRONG, Verdict.CHECK, Verdict.LOW_CONFIDENCE})
"""Verdicts beside which it is said what the error looks like."""

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

    `frame` is the score table, `notes` what a reader must know before believing a number. The
    `n_worst` labels are shown on the first page. `about_cases` is what the data set's own tables
    say about each case, by case id: sex, age, scanner and the like, as text. Where the run is
    `pseudonymised` that is told of groups only, never of a single case. `usual` is the
    score that correct labels are held against, by structure.

    `ranked` has a row for every label, worst first: what tells it from others, status, score and
    `p_faulty`, its verdict and whether that is `by_rule`, its `number` in this order, from 1, which
    label of its case it is in the table, and its place there.
    """

    title: str
    about: dict[str, str]
    frame: pl.DataFrame
    findings: tuple[Finding, ...]
    n_worst: int = 20
    about_cases: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    pseudonymised: bool = False
    usual: dict[str, float] = field(init=False, repr=False)
    ranked: pl.DataFrame = field(init=False, repr=False)
    _known: dict[LabelKey, tuple[Verdict, bool]] = field(init=False, repr=False)
    _by_label: dict[tuple[str, str | None], list[tuple[int, Finding]]] = field(
        init=False, repr=False
    )

    def __post_init__(self) -> None:
        """Rank labels and find the findings of each once: there may be a million."""
        found = verdicts(self.frame, self.findings)
        light = self.frame.select(
            *KEY,
            "status",
            "score",
            "p_faulty",
            found,
            by_rule=by_rule() | (found != verdict()),
            of_case=pl.int_range(pl.len()).over("case_id") + 1,
            place=pl.int_range(pl.len()),
        )
        ranked = light[worst_first(self.frame, found)].with_row_index("number", offset=1)
        object.__setattr__(self, "ranked", ranked)
        usual = {name: one.level for name, one in usual_scores(self.frame).items()}
        object.__setattr__(self, "usual", usual)
        object.__setattr__(self, "_known", {})
        by_label = defaultdict(list)
        for number, finding in enumerate(self.findings):
            by_label[finding.case_id, finding.structure].append((number, finding))
        object.__setattr__(self, "_by_label", dict(by_label))

    def rows(self, part: pl.DataFrame) -> tuple[ScoreRow, ...]:
        """Return the rows of some labels of `ranked`, in the order of `part`."""
        told = part.select(*KEY, "verdict", "by_rule").iter_rows()
        self._known.update({(c, s, o): (Verdict(kind), by) for c, s, o, kind, by in told})
        return tuple(rows_of(self.frame[part["place"]]))

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return self.frame.height

    @property
    def scored(self) -> pl.DataFrame:
        """Labels of `ranked` that have a score."""
        return self.ranked.filter(pl.col("score").is_not_nan())

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of labels of each verdict that occurs, worst first; they add up to all labels."""
        counts = self.ranked["verdict"].value_counts().sort("verdict")
        return {Verdict(kind): n for kind, n in counts.iter_rows()}

    def verdict(self, row: ScoreRow) -> Verdict:
        """Return what to think of one of the labels."""
        return self._told(row)[0]

    def is_by_rule(self, row: ScoreRow) -> bool:
        """Tell whether an error by a rule made the verdict, whatever the judge says."""
        return self._told(row)[1]

    def _told(self, row: ScoreRow) -> tuple[Verdict, bool]:
        if key_of(row) not in self._known:
            self.rows(self.ranked.filter(*(pl.col(name) == getattr(row, name) for name in KEY)))
        return self._known[key_of(row)]

    def looks(self, row: ScoreRow) -> str:
        """Say in words what is wrong with a label; empty unless its verdict says that much."""
        if self.verdict(row) not in _FAULTY:
            return ""
        return error_name(row.error_type)

    def compared_with(self, row: ScoreRow) -> float:
        """Return the score of correct labels that a label was held against; NaN if against none."""
        return nan if isnan(row.score) else self.usual.get(row.structure, nan)

    @property
    def differences(self) -> dict[str, str]:
        """Structures that score far lower than in the judge's tests, with the usual type of error.

        Their labels follow another protocol, or the judge does not know such images.
        """
        differing = self.frame.filter(remarked(Remark.STRUCTURE_DIFFERS))
        kinds = differing.group_by("structure", "error_type", maintain_order=True).len()
        usual = kinds.sort("structure", "len", descending=[False, True], maintain_order=True)
        first = usual.unique("structure", keep="first", maintain_order=True)
        return dict(first.select("structure", "error_type").iter_rows())

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

    def rules_about(self, row: ScoreRow) -> tuple[tuple[str, int], ...]:
        """Return the rules that found an error or a warning about a label, not its case as such.

        Each with the number of its finding in `findings`.
        """
        flags = row.flags.split()
        own = [
            *self._by_label.get((row.case_id, row.structure), ()),
            *(
                numbered
                for numbered in self._by_label.get((row.case_id, None), ())
                if row.structure in numbered[1].evidence.get("pair", ())
                or numbered[1].check in flags
            ),
        ]
        own.sort(key=lambda numbered: numbered[0])
        return tuple((f.check, n) for n, f in own if f.severity is not Severity.INFO)


def worst_labels(data: ReportData, n: int) -> tuple[ScoreRow, ...]:
    """Return the `n` worst labels that have a score, and suspected misses, worst first.

    Of these there are a quarter of `n`, or as many as the scored labels leave room for; they come
    after what is likely wrong or to be checked. So do scores of low confidence.
    """
    scored = data.scored.head(n)
    missed = data.ranked.filter(pl.col("status") == Status.ABSENT_SUSPECT.value)
    chosen = pl.concat([scored, missed.head(max(n // 4, n - scored.height))])
    return data.rows(chosen.unique("number").sort("number"))


def error_name(error_type: str) -> str:
    """Say in words what an error of a type looks like."""
    return _ERROR_WORDS.get(error_type, error_type)


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
