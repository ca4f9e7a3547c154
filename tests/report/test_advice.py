"""The summary's words follow from the rows."""

from math import nan

from report_samples import finding, report, row
from segassay.report.advice import next_steps, trust
from segassay.types import Remark, Severity, Status


def test_steps_count_what_is_there() -> None:
    texts = [step.text for step in next_steps(report())]
    assert texts == [
        "Mend 1 file that cannot be read or judged as stored.",
        "Settle 1 error that rules found.",
        "Look at 2 labels scored below 0.6, worst first.",
        "Look at 1 label scored 0.6 to 0.8.",
        "Check 1 warning of the rules.",
        "Then audit again, into a new folder.",
    ]


def test_nothing_to_do_is_said() -> None:
    (step,) = next_steps(report(rows=(row("a", 0.9),), findings=()))
    assert step.text.startswith("Nothing stands out")


def test_one_file_with_many_labels_is_one_file_and_no_second_error() -> None:
    rows = tuple(
        row("a", nan, structure=s, status=Status.INVALID, reason="grid") for s in ("x", "y")
    )
    found = (finding("a", None, Severity.ERROR, "grid"),)
    texts = [step.text for step in next_steps(report(rows=rows, findings=found))]
    assert texts[0].startswith("Mend 1 file ")
    assert len(texts) == 2


def test_labels_alike_are_a_decision_not_mistakes() -> None:
    rows = tuple(row(f"a{n}", 0.3) for n in range(8))
    texts = [step.text for step in next_steps(report(rows=rows, findings=()))]
    assert texts[0] == "Decide about 1 structure: see the note below."


def test_trust_names_width_doubt_and_missing_evidence() -> None:
    rows = (
        row("a", 0.5, score_lo=0.2, score_hi=0.6, remarks={Remark.NEVER_TESTED}),
        row("b", 0.5, score_lo=0.4, score_hi=0.6, status=Status.ABSTAINED),
        row("c", nan, status=Status.FAILED),
    )
    assert trust(report(rows=rows)) == (
        "The 90 % intervals are 0.30 wide on average.",
        "Of 2 scores, the judge does not trust 1 itself.",
        "It was never tested on: liver.",
    )
    assert trust(report(rows=rows[2:])) == ()
