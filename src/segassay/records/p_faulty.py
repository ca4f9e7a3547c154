"""How probable it is that a label is faulty: from its score, its interval and its structure.

A label is *faulty* where its Dice against a correct label of the same image lies below
`FAULTY_BELOW`. On hard structures a correct label does not score 1 but what is usual there
(`records.usual`), and scores of others are lower in proportion: so a label is faulty where its
score, but for the judge's error, lies below `FAULTY_BELOW` times the usual level. The error is
Laplace's; it is as wide as the 90 % interval and, independently, the scores of correct labels of
the structure say. Where both say nothing, a label is faulty as often as labels are: `PRIOR`. What a
rule found to be wrong is faulty for certain.

Scores of unknown data were calibrated on real predictions of other data sets, so that two things
differ. Faults were as frequent there as they are: nothing is left to be said of their frequency.
And most of an interval's width is what one data set differs from another by, which is the same for
all labels of a structure and shows in their level: only the rest tells them apart.
"""

from collections.abc import Iterable, Sequence
from math import exp, hypot, isnan, log, nan

from segassay.records.findings import Finding
from segassay.records.remarks import UNKNOWN_DATA, comment
from segassay.records.scores import ScoreRow
from segassay.records.usual import Usual, usual_scores
from segassay.types import Remark, Severity, Status

FAULTY_BELOW = 0.8
"""Dice against a correct label below which a label is faulty."""

PRIOR = 0.2
"""Share of faulty labels in a data set of which nothing is known. Judges are calibrated on masks of
any Dice alike; most labels of a data set are correct. What another share changes:
`docs/results/faulty.md`."""

_WITHIN_SET = 0.68
"""What is left of the scale of the judge's error on unknown data where the level of the structure
is known: within a data set real predictions differ by 0.153 in Dice, altogether by 0.225 (standard
deviations, 981 predictions of 64 sets), and the judge explains the same share of both
(`docs/results/leave_set_out.md`)."""

_HALF_WIDTH = 0.35
"""Half of a 90 % interval of judges that give none: as wide as trusted intervals get."""

_EVEN = 0.5
"""The prior that changes nothing."""

_LEAST_SCALE = 1e-6
"""Intervals without a width are none of a judge: nothing is divided by 0."""


def p_faulty(
    score: float, low: float, high: float, usual: Usual, *, unknown: bool = False
) -> float:
    """Return the probability that a label is faulty, in [0, 1]; NaN without a score.

    With intervals of one width it falls as the score rises.

    Args:
        score: Expected Dice in [0, 1]; NaN for none.
        low: Lower end of its 90 % interval; NaN for none.
        high: Upper end.
        usual: What correct labels of the structure score.
        unknown: Whether the score was calibrated on other data sets, the judge knowing none such.
    """
    if isnan(score):
        return nan
    # Intervals are symmetric but end at 0 and 1, so the longer half is the one to believe.
    half = _HALF_WIDTH if isnan(low) or isnan(high) else max(score - low, high - score)
    own = half / log(10)  # of Laplace's errors 90 % are within ln(10) scales
    if unknown and not isnan(usual.here):
        own *= _WITHIN_SET
    scale = max(hypot(own, usual.spread), _LEAST_SCALE)
    distance = (FAULTY_BELOW * usual.level - score) / scale
    tail = exp(-abs(distance)) / 2
    above, below = (tail, 1 - tail) if distance > 0 else (1 - tail, tail)
    prior = _EVEN if unknown else PRIOR
    return prior * below / (prior * below + (1 - prior) * above)


def with_p_faulty(
    rows: Sequence[ScoreRow], findings: Iterable[Finding] = ()
) -> tuple[ScoreRow, ...]:
    """Return rows with `p_faulty`, as it follows from all of them and from what rules found.

    A label with a score and an error by a rule is faulty for certain, and so is one that is invalid
    as stored; an empty one is as probably as its structure is in the image. NaN where
    nothing is known: files that could not be read, empty labels of which the judge cannot tell.
    What an earlier call said of rules is forgotten.
    """
    usual = usual_scores(rows)
    rules = _errors_about_labels(findings)
    return tuple(
        _with_p_faulty(row, usual.get(row.structure), rules.get((row.case_id, row.structure)))
        for row in rows
    )


def _errors_about_labels(findings: Iterable[Finding]) -> dict[tuple[str, str], str]:
    """Return the first rule with an error about each label, by case and structure."""
    rules: dict[tuple[str, str], str] = {}
    for found in findings:
        if found.severity is not Severity.ERROR:
            continue
        names = found.evidence.get("pair", ()) if found.structure is None else (found.structure,)
        for name in names:
            rules.setdefault((found.case_id, name), found.check)
    return rules


def _with_p_faulty(row: ScoreRow, usual: Usual | None, rule: str | None) -> ScoreRow:
    remarks, reason = row.remarks - {Remark.RULE_ERROR}, row.reason
    if row.status is Status.INVALID or Remark.RULE_OVERRIDES in remarks:
        value = 1.0
    elif row.status in (Status.ABSENT_OK, Status.ABSENT_SUSPECT):
        value = row.presence
    elif usual is None or isnan(row.score):
        value = nan
    elif rule is None:
        unknown = not UNKNOWN_DATA.isdisjoint(row.remarks)
        value = p_faulty(row.score, row.score_lo, row.score_hi, usual, unknown=unknown)
    else:
        value, remarks = 1.0, remarks | {Remark.RULE_ERROR}
        why = comment(Remark.RULE_ERROR, rule=rule).text
        reason = reason if why in reason else "; ".join(filter(None, (reason, why)))
    return row.model_copy(update={"p_faulty": value, "remarks": remarks, "reason": reason})
