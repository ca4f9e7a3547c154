"""The demo tells the truth about what was found: hand-made results, then one whole run."""

import json
from datetime import UTC, datetime
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest

from segassay.demo.planting import Planted
from segassay.demo.run_demo import DemoResult, compare, demo_text, run_demo
from segassay.errors import OutputError
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.triage import key_of
from segassay.types import Severity, Status


def row(case_id: str, structure: str, score: float, status: Status = Status.SCORED) -> ScoreRow:
    return ScoreRow(
        case_id=case_id,
        subject_id=case_id,
        structure=structure,
        label_path=f"{case_id}.nii.gz",
        score=score,
        reference_score=0.9,
        status=status,
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def finding(case_id: str, structure: str | None, severity: Severity) -> Finding:
    return Finding("holes", severity, case_id, structure, "12 voxels", "fill them")


def compared(
    planted: list[Planted], rows: list[ScoreRow], findings: list[Finding] | None = None
) -> DemoResult:
    return compare(planted, rows, findings or [], report=Path("audit/index.html"))


LIVER = Planted("a", "liver", "hollow", True, {"liver": 0.5, "spleen": 0.99})


def test_a_rule_is_credited_for_the_label_that_was_struck_only() -> None:
    hit = compared([LIVER], [], [finding("a", "liver", Severity.WARNING)])
    assert hit.outcomes[0].checks == ("holes",)
    assert hit.false_by_rules == ()
    beside = compared([LIVER], [], [finding("a", "spleen", Severity.WARNING)])
    assert beside.outcomes[0].checks == ()
    assert beside.missed == beside.outcomes
    assert beside.false_by_rules == ("a spleen: holes, 12 voxels",)


def test_a_finding_about_the_file_is_earned_where_a_fault_lies() -> None:
    assert compared([LIVER], [], [finding("a", None, Severity.ERROR)]).outcomes[0].checks
    assert compared([LIVER], [], [finding("b", None, Severity.ERROR)]).false_by_rules
    assert not compared([LIVER], [], [finding("a", "liver", Severity.INFO)]).outcomes[0].checks


def test_scores_are_credited_by_the_changed_label_not_by_its_case() -> None:
    rows = [row("a", "spleen", 0.1), row("c", "liver", 0.2), row("a", "liver", 0.9)]
    result = compared([LIVER], rows)
    (outcome,) = result.outcomes
    assert outcome.row is not None
    assert (outcome.is_listed, key_of(outcome.row)) == (False, key_of(rows[2]))
    assert [key_of(one) for one in result.listed_clean] == [key_of(one) for one in rows[:2]]
    assert result.precision == 0
    found = compared([LIVER], [*rows[:2], row("a", "liver", 0.3)])
    assert found.outcomes[0].is_listed
    assert found.precision == pytest.approx(1 / 3)
    assert found.missed == ()


def test_low_confidence_is_not_on_the_list_and_counted_apart() -> None:
    doubted = [row(case, "liver", 0.02, Status.ABSTAINED) for case in ("a", "b")]
    result = compared([LIVER], doubted)
    assert (result.listed, result.missed) == ((), result.outcomes)
    assert result.low_confidence == {"liver": 2}
    assert isnan(result.precision)
    assert result.to_json()["precision"] is None
    assert "0.02" not in demo_text(result)


def test_an_emptied_mask_is_found_by_its_presence() -> None:
    gone = Planted("a", "liver", "empty_mask", False, {"liver": 0.0})
    rows = [row(case, "liver", nan, Status.ABSENT_SUSPECT) for case in ("a", "b")]
    result = compared([gone], rows)
    assert result.outcomes[0].is_listed
    assert [key_of(one) for one in result.listed_clean] == [key_of(rows[1])]
    quiet = compared([gone], [row("a", "liver", nan, Status.ABSENT_OK)])
    assert quiet.missed == quiet.outcomes


def test_labels_beside_an_error_are_clean() -> None:
    rows = [row("a", "liver", 0.1), *(row(f"c{n}", "liver", 0.9) for n in range(30))]
    result = compared([LIVER], rows)
    assert (result.n_labels, result.n_clean) == (31, 30)


@pytest.mark.slow
def test_whole_demo_finds_what_rules_must_find(tmp_path: Path) -> None:
    seen: list[Any] = []
    result = run_demo(tmp_path / "d", judge="judge-v0", progress=lambda *call: seen.append(call))
    assert len(result.outcomes) >= 8
    for outcome in result.outcomes:
        assert outcome.checks or not outcome.planted.by_rules, outcome
        dice = outcome.planted.true_dice
        assert all(dice[name] < 0.75 for name in outcome.planted.struck), outcome
    assert result.false_by_rules == ()
    assert seen[-1][1] == seen[-1][2]
    assert result.report.is_file()
    summary = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert summary["report"] == "audit/index.html"
    assert str(tmp_path) not in json.dumps(summary)


def test_demo_does_not_write_into_a_folder_of_yours(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="choose an empty folder"):
        run_demo(tmp_path, judge="judge-v0")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    with pytest.raises(OutputError, match="cannot be written"):
        run_demo(tmp_path / "thesis.tex", judge="judge-v0")
