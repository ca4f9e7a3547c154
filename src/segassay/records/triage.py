"""Which labels a person should look at: verdicts from rows alone, without a judge or an image."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import isnan

from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.types import Remark, Severity, Status

WRONG_FROM = 0.8
"""Probability of being faulty from which a label is likely wrong."""

CHECK_FROM = 0.4
"""Probability of being faulty from which a label is worth a look."""


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


_BY_STATUS = {
    Status.ABSENT_OK: Verdict.ABSENT,
    Status.ABSENT_SUSPECT: Verdict.MISSING,
    Status.INVALID: Verdict.INVALID,
    Status.FAILED: Verdict.FAILED,
}

_OF_THE_DATA_SET = frozenset({"split_leakage", "duplicates"})
"""Rules whose errors about a case leave its labels as right as they were."""


def verdict(row: ScoreRow) -> Verdict:
    """Return what to do with a label, given its `p_faulty`.

    A rule that found an error in the label knows better than the judge's doubts about itself. A
    wide interval says little of the score; where the label nevertheless lies so far below the
    others of its structure that it probably is faulty, that is what a person should know.
    """
    if not row.remarks.isdisjoint({Remark.RULE_OVERRIDES, Remark.RULE_ERROR}):
        return Verdict.LIKELY_WRONG
    if row.status in _BY_STATUS:
        return _BY_STATUS[row.status]
    if isnan(row.p_faulty) or isnan(row.score):
        return Verdict.NOT_SCORED if row.n_voxels else Verdict.EMPTY
    found = likely(row.p_faulty)
    if row.status is Status.ABSTAINED:
        is_only_wide = _doubts(row) == {Remark.WIDE_INTERVAL}
        return Verdict.LOW_CONFIDENCE if found is Verdict.PLAUSIBLE or not is_only_wide else found
    return found


def _doubts(row: ScoreRow) -> frozenset[Remark]:
    return row.remarks & {Remark.WIDE_INTERVAL, Remark.FEW_VOXELS, Remark.STRUCTURE_DIFFERS}


def likely(p_faulty: float) -> Verdict:
    """Return likely wrong, check or plausible for a probability of being faulty."""
    if p_faulty >= WRONG_FROM:
        return Verdict.LIKELY_WRONG
    return Verdict.CHECK if p_faulty >= CHECK_FROM else Verdict.PLAUSIBLE


def verdicts(rows: Sequence[ScoreRow], findings: Iterable[Finding] = ()) -> dict[LabelKey, Verdict]:
    """Return the verdict on every label of a run, so that each label has exactly one.

    A label whose file or case has an error by a rule is never plausible, whatever its score.
    """
    cases = {
        f.case_id
        for f in findings
        if f.severity is Severity.ERROR and f.structure is None and f.check not in _OF_THE_DATA_SET
    }

    def of(row: ScoreRow) -> Verdict:
        """By the row, then by the rules about its case."""
        found = verdict(row)
        is_doubtful = found is Verdict.PLAUSIBLE and row.case_id in cases
        return Verdict.CHECK if is_doubtful else found

    return {key_of(row): of(row) for row in rows}


def worst_first(rows: Sequence[ScoreRow], found: Mapping[LabelKey, Verdict]) -> list[ScoreRow]:
    """Order labels by the verdicts `found`, then by how probably they are faulty, then by score.

    Scores of low confidence so come after all that are likely wrong or to be checked.
    """
    places = {verdict: n for n, verdict in enumerate(Verdict)}

    def rank(row: ScoreRow) -> tuple[int, float, float, LabelKey]:
        """Where a row stands; NaN must not get into a sort."""
        p, score = (0.0 if isnan(x) else x for x in (row.p_faulty, row.score))
        return places[found[key_of(row)]], -p, score, key_of(row)

    return sorted(rows, key=rank)
