"""The probability that a label is faulty follows from score, interval, structure and rules."""

from collections.abc import Iterable
from datetime import UTC, datetime
from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.records.findings import Finding
from segassay.records.p_faulty import FAULTY_BELOW, PRIOR, p_faulty, with_p_faulty
from segassay.records.scores import ScoreRow
from segassay.records.table import rows_of, to_frame
from segassay.records.usual import Usual
from segassay.types import Remark, Severity, Status

UNIT = st.floats(0, 1)


def of_tests(level: float) -> Usual:
    return Usual((), level)


def told(rows: Iterable[ScoreRow], findings: Iterable[Finding] = ()) -> tuple[ScoreRow, ...]:
    """Rows through `with_p_faulty`, which takes columns."""
    return tuple(rows_of(with_p_faulty(to_frame(rows), findings)))


def row(score: float, **options: Any) -> ScoreRow:
    fields: dict[str, Any] = {
        "case_id": "a",
        "subject_id": "a",
        "structure": "liver",
        "label_path": "a.nii.gz",
        "score": score,
        "score_lo": max(score - 0.1, 0),
        "score_hi": min(score + 0.1, 1),
        "status": Status.SCORED,
        "n_voxels": 9,
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ScoreRow(**{**fields, **options})


def error(structure: str | None, **options: Any) -> Finding:
    return Finding("left_right", Severity.ERROR, "a", structure, "exchanged", "swap", **options)


@given(UNIT, UNIT, st.floats(0, 0.9), st.lists(UNIT, max_size=20), UNIT)
def test_a_lower_score_is_never_less_probably_faulty(
    one: float, other: float, half: float, others: list[float], in_tests: float
) -> None:
    low, high = sorted((one, other))
    usual = Usual(tuple(sorted(others)), in_tests)
    worse, better = (p_faulty(s, max(s - half, 0), min(s + half, 1), usual) for s in (low, high))
    assert worse >= better
    assert 0 <= better <= worse <= 1


@given(UNIT, st.floats(0.01, 0.5), UNIT, UNIT)
def test_a_higher_level_is_never_less_probably_faulty(
    score: float, half: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    ends = (score - half, score + half)
    assert p_faulty(score, *ends, of_tests(low)) <= p_faulty(score, *ends, of_tests(high))


@given(UNIT, UNIT | st.just(nan))
def test_a_score_has_a_probability_with_or_without_an_interval(score: float, level: float) -> None:
    found = told([row(score, score_lo=nan, score_hi=nan, reference_score=level)])
    assert 0 <= found[0].p_faulty <= 1
    assert isnan(p_faulty(nan, nan, nan, of_tests(0.9)))


def test_the_same_score_means_different_things() -> None:
    adrenal = row(0.6, structure="adrenal_gland_left", reference_score=0.62)
    liver = row(0.6, reference_score=0.95)
    of_adrenal, of_liver = (one.p_faulty for one in told([adrenal, liver]))
    assert of_adrenal < 0.5 < of_liver


def test_wider_intervals_are_less_sure_both_ways() -> None:
    for score, surer in ((0.2, max), (0.9, min)):
        usual = of_tests(0.9)
        narrow, wide = (p_faulty(score, score - h, score + h, usual) for h in (0.05, 0.3))
        assert surer(narrow, wide) == narrow != wide


@pytest.mark.parametrize("score", [0.1, 0.95])
def test_a_label_with_an_error_is_faulty_and_says_so(score: float) -> None:
    (alone,) = told([row(score)])
    for found in (error("liver"), error(None, evidence={"pair": ["liver", "spleen"]})):
        (one,) = told([alone], [found])
        assert one.p_faulty == 1
        assert Remark.RULE_ERROR in one.remarks
        assert "left_right" in one.reason
        assert to_frame(told([one], [found])).equals(to_frame([one]))
        assert told([one])[0].p_faulty == alone.p_faulty
        assert told([one])[0].remarks == alone.remarks


def test_errors_about_others_and_mere_warnings_change_nothing() -> None:
    rows = told([row(0.9)])
    spleen, case = error("spleen"), error(None)
    warning = Finding("holes", Severity.WARNING, "a", "liver", "holes", "fill")
    elsewhere = Finding("holes", Severity.ERROR, "b", "liver", "holes", "fill")
    again = told(rows, [spleen, case, warning, elsewhere])
    assert to_frame(again).equals(to_frame(rows))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"status": Status.ABSENT_SUSPECT, "presence": 0.9, "n_voxels": 0}, 0.9),
        ({"status": Status.ABSENT_OK, "presence": 0.2, "n_voxels": 0}, 0.2),
        ({"status": Status.INVALID}, 1.0),
        ({"status": Status.FAILED}, nan),
        ({"status": Status.ABSTAINED, "presence": 0.9}, nan),
    ],
)
def test_labels_without_a_score(options: dict[str, Any], expected: float) -> None:
    (found,) = told([row(nan, score_lo=nan, score_hi=nan, **options)])
    assert found.p_faulty == pytest.approx(expected, nan_ok=True)


def test_what_a_rule_overrode_is_faulty_whatever_is_left_of_its_score() -> None:
    (found,) = told([row(0.5, remarks={Remark.RULE_OVERRIDES}, judge_score=0.9)])
    assert found.p_faulty == 1


def odds(probability: float) -> float:
    return probability / (1 - probability)


def test_the_prior_speaks_at_the_limit_and_the_interval_says_nineteen_to_one_at_its_end() -> None:
    limit = FAULTY_BELOW * 0.9
    found = [float(p_faulty(s, s - 0.1, s + 0.1, of_tests(0.9))) for s in (limit, limit - 0.1)]
    assert found[0] == pytest.approx(PRIOR)
    assert odds(found[1]) == pytest.approx(19 * odds(PRIOR))


def test_scores_that_lie_far_apart_make_none_of_them_certain() -> None:
    alike, apart = (0.8,) * 8, (0.5, 0.5, 0.6, 0.6, 0.6, 0.7, 0.9, 0.9)
    of_alike, of_apart = (p_faulty(0.4, 0.35, 0.45, Usual(s, 0.8)) for s in (alike, apart))
    assert of_apart < of_alike


def test_a_score_of_unknown_data_holds_the_share_of_faults_already() -> None:
    limit, usual = FAULTY_BELOW * 0.9, of_tests(0.9)
    assert p_faulty(limit, limit - 0.2, limit + 0.2, usual, unknown=True) == pytest.approx(0.5)


def test_what_data_sets_differ_by_does_not_blur_the_labels_of_one() -> None:
    many, few = Usual((0.8,) * 20, nan), Usual((0.8,) * 3, nan)
    of_many, of_few = (p_faulty(0.4, 0.1, 0.7, one, unknown=True) for one in (many, few))
    known = p_faulty(0.4, 0.1, 0.7, many)
    assert known < of_few < of_many


@pytest.mark.parametrize("remark", [Remark.NEVER_LEARNED, Remark.NO_NAME, Remark.OUT_OF_DOMAIN])
def test_rows_tell_whether_the_judge_knows_such_labels(remark: Remark) -> None:
    known = told([row(0.6)])[0].p_faulty
    assert told([row(0.6, remarks={remark})])[0].p_faulty > known
