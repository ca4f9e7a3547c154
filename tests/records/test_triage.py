"""Verdicts hold a label against what correct labels of its structure score."""

from datetime import UTC, datetime
from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.records.scores import ScoreRow
from segassay.records.triage import (
    CHECK_BELOW,
    FEWEST_LABELS,
    LARGEST_DROP,
    Usual,
    Verdict,
    usual_scores,
    verdict,
    with_low_confidence,
)
from segassay.types import Remark, Status


def row(
    score: float,
    *,
    structure: str = "liver",
    high: float = nan,
    reference: float = nan,
    status: Status = Status.SCORED,
) -> ScoreRow:
    return ScoreRow(
        case_id="a",
        subject_id="a",
        structure=structure,
        label_path="a.nii.gz",
        score=score,
        score_hi=high,
        reference_score=reference,
        status=status,
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_a_score_is_held_against_its_structure() -> None:
    adrenal, liver = Usual(here=0.62, in_tests=0.64), Usual(here=0.95, in_tests=0.91)
    assert verdict(row(0.6), adrenal) is Verdict.PLAUSIBLE
    assert verdict(row(0.6, high=0.8), liver) is Verdict.LIKELY_WRONG
    assert verdict(row(0.8), liver) is Verdict.CHECK


def test_an_interval_that_reaches_correct_labels_is_not_likely_wrong() -> None:
    usual = Usual(here=0.9, in_tests=0.9)
    assert verdict(row(0.5, high=0.89), usual) is Verdict.LIKELY_WRONG
    assert verdict(row(0.5, high=0.9), usual) is Verdict.CHECK


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.ABSTAINED, Verdict.LOW_CONFIDENCE),
        (Status.ABSENT_OK, Verdict.ABSENT),
        (Status.ABSENT_SUSPECT, Verdict.MISSING),
        (Status.INVALID, Verdict.INVALID),
        (Status.FAILED, Verdict.FAILED),
    ],
)
def test_other_statuses_have_their_own_verdict(status: Status, expected: Verdict) -> None:
    assert verdict(row(0.1, status=status), Usual(0.9, 0.9)) is expected


def test_few_labels_are_held_against_the_tests_and_many_against_their_median() -> None:
    few = usual_scores([row(0.5, reference=0.9)] * (FEWEST_LABELS - 1))["liver"]
    assert isnan(few.here)
    assert few.level == 0.9
    many = usual_scores([row(0.85, reference=0.9)] * FEWEST_LABELS)["liver"]
    assert many.level == 0.85
    assert usual_scores([row(nan, status=Status.ABSENT_OK)]) == {}


def test_a_structure_far_below_the_tests_is_of_low_confidence_and_keeps_its_scores() -> None:
    low = [row(0.9 - LARGEST_DROP - 0.01, reference=0.9)] * FEWEST_LABELS
    near = [row(0.9 - LARGEST_DROP + 0.01, structure="spleen", reference=0.9)] * FEWEST_LABELS
    found = with_low_confidence([*low, *near])
    doubted, kept = found[: len(low)], found[len(low) :]
    assert {r.status for r in doubted} == {Status.ABSTAINED}
    assert all(Remark.STRUCTURE_DIFFERS in r.remarks for r in doubted)
    assert [r.score for r in doubted] == [r.score for r in low]
    assert list(kept) == near
    assert with_low_confidence(found) == found


ORDER = [Verdict.LIKELY_WRONG, Verdict.CHECK, Verdict.PLAUSIBLE]
SHARES = st.floats(0, 1)


@given(SHARES, SHARES, st.floats(0.05, 1))
def test_a_better_score_never_has_a_worse_verdict(one: float, other: float, level: float) -> None:
    low, high = sorted((one, other))
    usual = Usual(level, nan)
    worse, better = (verdict(row(s, high=s), usual) for s in (low, high))
    assert ORDER.index(worse) <= ORDER.index(better)
    assert (verdict(row(low), usual) is Verdict.PLAUSIBLE) == (low >= CHECK_BELOW * level)
