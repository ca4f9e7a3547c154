"""The summary's words follow from the rows."""

from math import nan

import pytest

from report_samples import finding, report, row
from segassay.report.advice import next_steps, trust
from segassay.types import Remark, Severity, Status, counted


def test_steps_count_what_is_there_and_lead_to_it() -> None:
    steps = next_steps(report())
    assert [(step.address, step.n_rows) for step in steps] == [
        ("labels:verdict=failed,invalid", 1),
        ("findings:severity=error", 1),
        ("labels:verdict=likely_wrong", 2),
        ("labels:verdict=check", 1),
        ("findings:severity=warning", 1),
        ("", 0),
    ]
    assert all(str(step.n_rows) in step.text for step in steps if step.n_rows)


def test_nothing_to_do_is_said() -> None:
    (step,) = next_steps(report(rows=(row("a", 0.9),), findings=()))
    assert (step.address, step.n_rows) == ("", 0)


def test_one_file_with_many_labels_is_one_file_and_no_second_error() -> None:
    rows = tuple(
        row("a", nan, structure=s, status=Status.INVALID, reason="grid") for s in ("x", "y")
    )
    found = (finding("a", None, Severity.ERROR, "grid"),)
    first, last = next_steps(report(rows=rows, findings=found))
    assert (first.address, first.n_rows) == ("labels:verdict=failed,invalid", 2)
    assert "1 file " in first.text
    assert last.address == ""


def test_a_structure_that_differs_is_a_decision_not_mistakes() -> None:
    differs = {"status": Status.ABSTAINED, "remarks": {Remark.STRUCTURE_DIFFERS}}
    steps = next_steps(
        report(rows=tuple(row(f"a{n}", 0.3, **differs) for n in range(8)), findings=())
    )
    assert [step.address for step in steps] == ["labels:verdict=low_confidence", "differences", ""]


def test_trust_counts_width_doubt_and_missing_evidence() -> None:
    rows = (
        row("a", 0.5, score_lo=0.2, score_hi=0.6, remarks={Remark.NEVER_TESTED}),
        row("b", 0.5, score_lo=0.4, score_hi=0.6, status=Status.ABSTAINED),
        row("c", nan, status=Status.ABSTAINED),
        row("d", nan, status=Status.FAILED),
    )
    width, doubted, untested = trust(report(rows=rows))
    assert "0.30" in width
    assert "2 scores" in doubted
    assert "1 " in doubted
    assert "liver" in untested
    assert trust(report(rows=rows[2:])) == ()


@pytest.mark.parametrize(("n", "text"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases")])
def test_plurals(n: int, text: str) -> None:
    assert counted(n, "case") == text
