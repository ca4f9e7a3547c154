"""Which labels a person should look at: verdicts from rows alone, without a judge or an image.

The same score means different things: correct adrenal glands score 0.6, correct livers 0.95. So a
label is held against what correct labels of its structure score: here the median of its labels,
since most labels of most sets are right, and in the judge's own tests what reference labels scored.
Where the two lie far apart, the labels follow another protocol or the judge does not know such
images; it cannot tell which, so its scores are of low confidence.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan, nan
from statistics import median

from segassay.records.findings import Finding
from segassay.records.remarks import comment
from segassay.records.scores import ScoreRow
from segassay.types import Remark, Severity, Status

WRONG_BELOW = 0.65
"""Share of the usual score below which a label is likely wrong."""

CHECK_BELOW = 0.85
"""Share of the usual score below which a label is worth a look."""

FEWEST_LABELS = 8
"""With fewer labels of a structure their median says little; the judge's tests stand in for it."""

LARGEST_DROP = 0.15
"""How far the median may lie below the score of reference labels in the judge's tests: twice the
largest drop in sets that the judge was trained on (gallbladder in BTCV, 0.08)."""

_REFERENCE_UNKNOWN = 0.8
"""What correct labels are taken to score where the judge was never tested on their structure."""


class Verdict(StrEnum):
    """What a reader acts on, worst first. A way to show a row; never stored."""

    LIKELY_WRONG = "likely wrong"
    CHECK = "check"
    MISSING = "missing?"
    INVALID = "invalid"
    FAILED = "not readable"
    LOW_CONFIDENCE = "low confidence"
    PLAUSIBLE = "plausible"
    NOT_SCORED = "not scored"
    EMPTY = "empty"
    """Empty, and the judge cannot tell whether it should be."""
    ABSENT = "absent"


LabelKey = tuple[str, str, str]


def key_of(row: ScoreRow) -> LabelKey:
    """Return what tells one label of a run from all others: case, structure, source."""
    return row.case_id, row.structure, row.source


@dataclass(frozen=True, slots=True)
class Usual:
    """What correct labels of a structure score.

    Attributes:
        here: Median score of its labels in this data set; NaN with fewer than `FEWEST_LABELS`.
        in_tests: Median score of reference labels in the judge's tests; NaN if never tested.
    """

    here: float
    in_tests: float

    @property
    def level(self) -> float:
        """The score to hold a label against."""
        return self.expected if isnan(self.here) else self.here

    @property
    def differs(self) -> bool:
        """Whether labels of this structure score far lower here than in the judge's tests."""
        return self.here < self.expected - LARGEST_DROP

    @property
    def expected(self) -> float:
        """What correct labels are expected to score before any label of this set was seen."""
        return _REFERENCE_UNKNOWN if isnan(self.in_tests) else self.in_tests


def usual_scores(rows: Iterable[ScoreRow]) -> dict[str, Usual]:
    """Return what correct labels score, for every structure that has a score.

    Scores that a rule overrode are no correct label's.
    """
    by_structure: dict[str, list[ScoreRow]] = defaultdict(list)
    for row in rows:
        if not isnan(row.score):
            by_structure[row.structure].append(row)
    usual = {}
    for structure, own in by_structure.items():
        tested = [row.reference_score for row in own if not isnan(row.reference_score)]
        judged = [row.score for row in own if Remark.RULE_OVERRIDES not in row.remarks]
        here = median(judged) if len(judged) >= FEWEST_LABELS else nan
        usual[structure] = Usual(here, median(tested) if tested else nan)
    return usual


def with_low_confidence(rows: Sequence[ScoreRow]) -> tuple[ScoreRow, ...]:
    """Return rows, those scored whose structure differs from the judge's tests as `abstained`.

    They keep their scores: among themselves these still rank.
    """
    usual = usual_scores(rows)
    return tuple(
        _doubted(row, usual[row.structure])
        if row.status is Status.SCORED
        and Remark.RULE_OVERRIDES not in row.remarks
        and usual[row.structure].differs
        else row
        for row in rows
    )


def _doubted(row: ScoreRow, usual: Usual) -> ScoreRow:
    why = comment(Remark.STRUCTURE_DIFFERS, here=usual.here, expected=usual.expected)
    return row.model_copy(
        update={
            "status": Status.ABSTAINED,
            "reason": "; ".join(text for text in (row.reason, why.text) if text),
            "remarks": row.remarks | {Remark.STRUCTURE_DIFFERS},
        }
    )


_BY_STATUS = {
    Status.ABSENT_OK: Verdict.ABSENT,
    Status.ABSENT_SUSPECT: Verdict.MISSING,
    Status.INVALID: Verdict.INVALID,
    Status.FAILED: Verdict.FAILED,
}

_OF_THE_DATA_SET = frozenset({"split_leakage", "duplicates"})
"""Rules whose errors about a case leave its labels as right as they were."""


def verdict(row: ScoreRow, usual: Usual | None) -> Verdict:
    """Return what to do with a label, given what correct labels of its structure score.

    Likely wrong is a label that scores far below them and whose interval does not reach them.
    `usual` may be `None` for a row without a score.
    """
    if Remark.RULE_OVERRIDES in row.remarks:
        return Verdict.LIKELY_WRONG
    if row.status in _BY_STATUS:
        return _BY_STATUS[row.status]
    if isnan(row.score) or usual is None:
        return Verdict.NOT_SCORED if row.n_voxels else Verdict.EMPTY
    if row.status is Status.ABSTAINED:
        return Verdict.LOW_CONFIDENCE
    if row.score < WRONG_BELOW * usual.level and not row.score_hi >= usual.level:
        return Verdict.LIKELY_WRONG
    return Verdict.CHECK if row.score < CHECK_BELOW * usual.level else Verdict.PLAUSIBLE


def verdicts(rows: Sequence[ScoreRow], findings: Iterable[Finding] = ()) -> dict[LabelKey, Verdict]:
    """Return the verdict on every label of a run, so that each label has exactly one.

    A label with an error by a rule is never plausible, whatever its score: it is likely wrong where
    the error is about the label itself, and to be checked where it is about its file or case.
    """
    usual = usual_scores(rows)
    errors = [f for f in findings if f.severity is Severity.ERROR]
    labels = {
        (f.case_id, name)
        for f in errors
        for name in ([f.structure] if f.structure is not None else f.evidence.get("pair", ()))
    }
    cases = {f.case_id for f in errors if f.structure is None and f.check not in _OF_THE_DATA_SET}

    def of(row: ScoreRow) -> Verdict:
        """By the score, then by the rules, which know better."""
        found = verdict(row, usual.get(row.structure))
        by_score = found in (Verdict.CHECK, Verdict.LOW_CONFIDENCE, Verdict.PLAUSIBLE)
        if by_score and (row.case_id, row.structure) in labels:
            return Verdict.LIKELY_WRONG
        if found is Verdict.PLAUSIBLE and row.case_id in cases:
            return Verdict.CHECK
        return found

    return {key_of(row): of(row) for row in rows}


def worst_first(rows: Sequence[ScoreRow], found: Mapping[LabelKey, Verdict]) -> list[ScoreRow]:
    """Order labels by the verdicts `found`, then by scores as shares of what structures score.

    Scores of low confidence so come after all that are likely wrong or to be checked. Labels
    without a score are ordered by the probability that the structure is there.
    """
    usual = usual_scores(rows)
    places = {verdict: n for n, verdict in enumerate(Verdict)}

    def rank(row: ScoreRow) -> tuple[int, float, LabelKey]:
        """Where a row stands; NaN must not get into a sort."""
        level = usual[row.structure].level if row.structure in usual else nan
        within = (row.score / level if level > 0 else row.score, -row.presence, 0.0)
        number = next(value for value in within if not isnan(value))
        return places[found[key_of(row)]], number, key_of(row)

    return sorted(rows, key=rank)
