"""What correct labels of a structure score, and where a data set differs from the judge's tests."""

from datetime import UTC, datetime
from math import isnan, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.records.scores import ScoreRow
from segassay.records.table import rows_of, to_frame
from segassay.records.usual import (
    FEWEST_LABELS,
    LARGEST_DROP,
    Usual,
    usual_scores,
    with_low_confidence,
)
from segassay.types import Remark, Status


def row(
    score: float,
    *,
    structure: str = "liver",
    reference: float = nan,
    status: Status = Status.SCORED,
) -> ScoreRow:
    return ScoreRow(
        case_id="a",
        subject_id="a",
        structure=structure,
        label_path="a.nii.gz",
        score=score,
        reference_score=reference,
        status=status,
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_labels_here_and_the_tests_weigh_by_their_numbers() -> None:
    assert Usual((), 0.9).level == 0.9
    assert Usual((0.7,) * FEWEST_LABELS, 0.9).level == pytest.approx(0.8)
    assert Usual((0.7,) * 100 * FEWEST_LABELS, 0.9).level == pytest.approx(0.7, abs=0.01)


def test_what_was_never_tested_is_as_the_labels_here_say() -> None:
    unknown = Usual((), nan).level
    assert Usual((0.3,), nan).level == pytest.approx((0.3 + unknown) / 2)
    assert Usual((0.3,) * 20, nan).level == pytest.approx(0.3, abs=0.03)


def test_half_a_set_of_wrong_labels_does_not_become_usual() -> None:
    correct, wrong = (0.9,) * 50, (0.2,) * 50
    assert Usual((*wrong, *correct), 0.9).level == pytest.approx(0.9)


def test_the_spread_is_that_of_the_upper_half() -> None:
    assert Usual((), 0.9).spread == Usual((0.5,), 0.9).spread == 0
    correct = tuple(0.9 + 0.04 * log(2 * q) for q in (n / 1000 for n in range(1, 500)))
    correct += tuple(0.9 - 0.04 * log(2 - 2 * q) for q in (n / 1000 for n in range(500, 1000)))
    assert Usual(tuple(sorted(correct)), 0.9).spread == pytest.approx(0.04, rel=0.02)
    assert Usual((*(0.1,) * 50, *(0.9,) * 50), 0.9).spread == 0


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 1) | st.just(nan))
def test_the_level_is_a_score(scores: list[float], in_tests: float) -> None:
    assert 0 <= Usual(tuple(sorted(scores)), in_tests).level <= 1


def test_few_labels_have_no_median_to_set_against_the_tests() -> None:
    few = usual_scores(to_frame([row(0.5, reference=0.9)] * (FEWEST_LABELS - 1)))["liver"]
    assert isnan(few.here)
    assert not few.differs
    many = usual_scores(to_frame([row(0.85, reference=0.9)] * FEWEST_LABELS))["liver"]
    assert (many.here, many.in_tests) == (0.85, 0.9)
    assert usual_scores(to_frame([row(nan, status=Status.ABSENT_OK)])) == {}


def test_a_structure_far_below_the_tests_is_of_low_confidence_and_keeps_its_scores() -> None:
    low = [row(0.9 - LARGEST_DROP - 0.01, reference=0.9)] * FEWEST_LABELS
    near = [row(0.9 - LARGEST_DROP + 0.01, structure="spleen", reference=0.9)] * FEWEST_LABELS
    frame = with_low_confidence(to_frame([*low, *near]))
    doubted, kept = list(rows_of(frame[: len(low)])), frame[len(low) :]
    assert {r.status for r in doubted} == {Status.ABSTAINED}
    assert all(Remark.STRUCTURE_DIFFERS in r.remarks for r in doubted)
    assert [r.score for r in doubted] == [r.score for r in low]
    assert kept.equals(to_frame(near))
    assert with_low_confidence(frame).equals(frame)
