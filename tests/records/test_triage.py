"""Verdicts follow from how probably a label is faulty, and so does the order of labels."""

from datetime import UTC, datetime
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.records.findings import Finding
from segassay.records.p_faulty import with_p_faulty
from segassay.records.scores import ScoreRow
from segassay.records.triage import (
    CHECK_FROM,
    WRONG_FROM,
    Verdict,
    likely,
    verdict,
    verdicts,
    worst_first,
)
from segassay.types import Remark, Severity, Status


def row(score: float, p: float = nan, **options: Any) -> ScoreRow:
    fields: dict[str, Any] = {
        "case_id": "a",
        "subject_id": "a",
        "structure": "liver",
        "label_path": "a.nii.gz",
        "score": score,
        "p_faulty": p,
        "status": Status.SCORED,
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ScoreRow(**{**fields, **options})


ORDER = [Verdict.LIKELY_WRONG, Verdict.CHECK, Verdict.PLAUSIBLE]


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_more_probably_faulty_the_worse_the_verdict(one: float, other: float) -> None:
    low, high = sorted((one, other))
    better, worse = (verdict(row(0.5, p)) for p in (low, high))
    assert ORDER.index(worse) <= ORDER.index(better)
    assert (worse is Verdict.LIKELY_WRONG) == (high >= WRONG_FROM)
    assert (worse is Verdict.PLAUSIBLE) == (high < CHECK_FROM)
    assert likely(high) is worse


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
    assert verdict(row(0.1, 0.99, status=status)) is expected


@pytest.mark.parametrize(
    ("p", "remarks", "expected"),
    [
        (0.9, {Remark.WIDE_INTERVAL}, Verdict.LIKELY_WRONG),
        (0.5, {Remark.WIDE_INTERVAL}, Verdict.CHECK),
        (0.1, {Remark.WIDE_INTERVAL}, Verdict.LOW_CONFIDENCE),
        (0.9, {Remark.WIDE_INTERVAL, Remark.STRUCTURE_DIFFERS}, Verdict.LOW_CONFIDENCE),
        (0.9, {Remark.FEW_VOXELS}, Verdict.LOW_CONFIDENCE),
    ],
)
def test_a_wide_interval_hides_no_label_far_below_the_others(
    p: float, remarks: set[Remark], expected: Verdict
) -> None:
    assert verdict(row(0.4, p, status=Status.ABSTAINED, remarks=remarks)) is expected


@pytest.mark.parametrize(("n_voxels", "expected"), [(0, Verdict.EMPTY), (9, Verdict.NOT_SCORED)])
def test_a_label_without_a_score_is_empty_or_not_scored(n_voxels: int, expected: Verdict) -> None:
    assert verdict(row(nan, status=Status.ABSTAINED, n_voxels=n_voxels)) is expected


@pytest.mark.parametrize("remark", [Remark.RULE_OVERRIDES, Remark.RULE_ERROR])
def test_a_rule_knows_better_than_a_judge_in_doubt(remark: Remark) -> None:
    assert verdict(row(0.9, 1.0, remarks={remark}, status=Status.ABSTAINED)) is Verdict.LIKELY_WRONG


def test_a_label_beside_an_error_of_its_case_is_checked_but_not_for_what_concerns_the_set() -> None:
    own, other = row(0.9, 0.01), row(0.9, 0.01, case_id="b")
    of_case = Finding("orientation", Severity.ERROR, "a", None, "odd", "look")
    of_set = Finding("duplicates", Severity.ERROR, "b", None, "twice", "remove")
    found = verdicts([own, other], [of_case, of_set])
    assert list(found.values()) == [Verdict.CHECK, Verdict.PLAUSIBLE]


def test_labels_come_by_how_probably_they_are_faulty_not_by_score() -> None:
    adrenal = row(0.55, case_id="adrenal", structure="adrenal_gland_left", reference_score=0.6)
    liver = row(0.6, case_id="liver", reference_score=0.95)
    missing = row(nan, case_id="missing", status=Status.ABSENT_SUSPECT, presence=0.99)
    doubted = row(0.1, case_id="doubted", status=Status.ABSTAINED, structure="spleen")
    failed = row(nan, case_id="failed", status=Status.FAILED)
    rows = with_p_faulty([adrenal, doubted, failed, missing, liver])
    order = [one.case_id for one in worst_first(rows, verdicts(rows))]
    assert order.index("liver") < order.index("adrenal")
    assert order.index("liver") < order.index("missing") < order.index("failed")
    assert order.index("failed") < order.index("doubted")
