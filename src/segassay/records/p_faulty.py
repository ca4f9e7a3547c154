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

from collections.abc import Iterable
from math import log

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from segassay.records.findings import Finding
from segassay.records.remarks import UNKNOWN_DATA, comment, remarked, with_remarks
from segassay.records.scores import ScoreRow
from segassay.records.table import with_rows
from segassay.records.usual import Usual, usual_scores
from segassay.types import Remark, Severity, Status

Floats = NDArray[np.float64]

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
    score: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    usual: Usual,
    *,
    unknown: ArrayLike = False,
) -> Floats:
    """Return the probability that labels of a structure are faulty, in [0, 1].

    With intervals of one width it falls as the score rises.

    Args:
        score: Expected Dice in [0, 1], of one label or of many; NaN for none.
        low: Lower end of its 90 % interval; NaN for none.
        high: Upper end.
        usual: What correct labels of the structure score.
        unknown: Whether the score was calibrated on other data sets, the judge knowing none such.

    Returns:
        A probability for each; NaN without a score.
    """
    score, low, high = (np.asarray(given, dtype=np.float64) for given in (score, low, high))
    # Intervals are symmetric but end at 0 and 1, so the longer half is the one to believe.
    half = np.maximum(score - low, high - score)
    half = np.where(np.isnan(half), _HALF_WIDTH, half)
    own = half / log(10)  # of Laplace's errors 90 % are within ln(10) scales
    if not np.isnan(usual.here):
        own = np.where(unknown, own * _WITHIN_SET, own)
    scale = np.maximum(np.hypot(own, usual.spread), _LEAST_SCALE)
    distance = (FAULTY_BELOW * usual.level - score) / scale
    tail = np.exp(-np.abs(distance)) / 2
    below = np.where(distance > 0, 1 - tail, tail)
    above = np.where(distance > 0, tail, 1 - tail)
    prior = np.where(unknown, _EVEN, PRIOR)
    return np.asarray(prior * below / (prior * below + (1 - prior) * above))


def with_p_faulty(frame: pl.DataFrame, findings: Iterable[Finding] = ()) -> pl.DataFrame:
    """Return a score table with `p_faulty`, as it follows from all rows and from what rules found.

    A label with a score and an error by a rule is faulty for certain, and so is one that is invalid
    as stored; an empty one is as probably as its structure is in the image. NaN where
    nothing is known: files that could not be read, empty labels of which the judge cannot tell.
    What an earlier call said of rules is forgotten.
    """
    forgotten = with_remarks(frame["remarks"], lambda own: own - {Remark.RULE_ERROR})
    frame = frame.with_columns(forgotten)
    certain = (pl.col("status") == Status.INVALID) | remarked(Remark.RULE_OVERRIDES)
    empty = pl.col("status").is_in([Status.ABSENT_OK.value, Status.ABSENT_SUSPECT.value])
    frame = frame.with_columns(
        p_faulty=pl.when(certain)
        .then(1.0)
        .when(empty)
        .then("presence")
        .otherwise(pl.Series(_by_score(frame)))
    )
    return _with_errors(frame, findings, pl.col("score").is_not_nan() & ~certain & ~empty)


def _by_score(frame: pl.DataFrame) -> Floats:
    found = np.full(frame.height, np.nan)
    usual = usual_scores(frame)
    said = frame.select(
        "structure",
        "score",
        "score_lo",
        "score_hi",
        unknown=remarked(*UNKNOWN_DATA),
        place=pl.int_range(pl.len()),
    )
    for (structure,), own in said.group_by("structure", maintain_order=True):
        if structure in usual:
            score, low, high = (own[name].to_numpy() for name in ("score", "score_lo", "score_hi"))
            unknown = own["unknown"].to_numpy()
            p = p_faulty(score, low, high, usual[str(structure)], unknown=unknown)
            found[own["place"].to_numpy()] = p
    return found


def _with_errors(frame: pl.DataFrame, findings: Iterable[Finding], may_be: pl.Expr) -> pl.DataFrame:
    rules = _errors_about_labels(findings)
    schema = dict.fromkeys(("case_id", "structure"), pl.String)
    named = pl.DataFrame(list(rules), schema=schema, orient="row")
    numbered = frame.select(*schema, may_be=may_be, place=pl.int_range(pl.len()))
    places = numbered.filter("may_be").join(named, list(schema), how="semi")["place"]

    def faulty(row: ScoreRow) -> ScoreRow:
        """Say which rule makes a label faulty, once."""
        why = comment(Remark.RULE_ERROR, rule=rules[row.case_id, row.structure]).text
        reason = row.reason
        reason = reason if why in reason else "; ".join(filter(None, (reason, why)))
        remarks = row.remarks | {Remark.RULE_ERROR}
        return row.model_copy(update={"p_faulty": 1.0, "remarks": remarks, "reason": reason})

    return with_rows(frame, places, faulty)


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
