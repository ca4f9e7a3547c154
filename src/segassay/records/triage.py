"""Which labels a person should look at: verdicts from rows alone, without a judge or an image."""

from collections.abc import Iterable
from enum import StrEnum

import polars as pl

from segassay.records.findings import Finding
from segassay.records.remarks import remarked
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
KEY = ("case_id", "structure", "source")
"""Columns that tell one label of a run from all others."""


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


VERDICTS = pl.Enum([kind.value for kind in Verdict])
"""Verdicts as a column, which sorts the worst first."""


def by_rule() -> pl.Expr:
    """Return whether a rule found an error in a label, whatever the judge says of it."""
    return remarked(Remark.RULE_OVERRIDES, Remark.RULE_ERROR)


def likely(p_faulty: pl.Expr) -> pl.Expr:
    """Return likely wrong, check or plausible for probabilities of being faulty."""
    return _first(
        (p_faulty >= WRONG_FROM, Verdict.LIKELY_WRONG),
        (p_faulty >= CHECK_FROM, Verdict.CHECK),
        otherwise=_is(Verdict.PLAUSIBLE),
    )


def verdict() -> pl.Expr:
    """Return what to do with the labels of a score table, given their `p_faulty`.

    A rule that found an error in the label knows better than the judge's doubts about itself. A
    wide interval says little of the score; where the label nevertheless lies so far below the
    others of its structure that it probably is faulty, that is what a person should know.
    """
    status, n_voxels, p_faulty = (pl.col(name) for name in ("status", "n_voxels", "p_faulty"))
    unscored = p_faulty.is_nan() | pl.col("score").is_nan()
    only_wide = remarked(Remark.WIDE_INTERVAL) & ~remarked(
        Remark.FEW_VOXELS, Remark.STRUCTURE_DIFFERS
    )
    doubted = (status == Status.ABSTAINED.value) & ~(only_wide & (p_faulty >= CHECK_FROM))
    return _first(
        (by_rule(), Verdict.LIKELY_WRONG),
        *((status == kind.value, found) for kind, found in _BY_STATUS.items()),
        (unscored & (n_voxels > 0), Verdict.NOT_SCORED),
        (unscored, Verdict.EMPTY),
        (doubted, Verdict.LOW_CONFIDENCE),
        otherwise=likely(p_faulty),
    )


def verdicts(frame: pl.DataFrame, findings: Iterable[Finding] = ()) -> pl.Series:
    """Return the verdict on every label of a score table, so that each has exactly one.

    A label whose file or case has an error by a rule is never plausible, whatever its score.
    """
    cases = {
        f.case_id
        for f in findings
        if f.severity is Severity.ERROR and f.structure is None and f.check not in _OF_THE_DATA_SET
    }
    own, in_case = verdict(), pl.col("case_id").is_in(list(cases))
    found = _first((in_case & (own == Verdict.PLAUSIBLE.value), Verdict.CHECK), otherwise=own)
    return frame.select(found.alias("verdict")).to_series()


def worst_first(frame: pl.DataFrame, found: pl.Series) -> pl.Series:
    """Return the places of rows by the verdicts `found`, by how probably they are faulty, by score.

    Scores of low confidence so come after all that are likely wrong or to be checked.
    """
    numbers = (pl.col(name).fill_nan(0.0) for name in ("p_faulty", "score"))
    ranked = frame.select(found, *numbers, *KEY, place=pl.int_range(pl.len(), dtype=pl.UInt32))
    falling = [name == "p_faulty" for name in ranked.columns[:-1]]
    return ranked.sort(ranked.columns[:-1], descending=falling)["place"]


def _first(*choices: tuple[pl.Expr, Verdict], otherwise: pl.Expr) -> pl.Expr:
    """Return the verdict of the first condition that holds."""
    found = otherwise
    for condition, kind in reversed(choices):
        found = pl.when(condition).then(_is(kind)).otherwise(found)
    return found


def _is(kind: Verdict) -> pl.Expr:
    return pl.lit(kind.value, dtype=VERDICTS)
