"""The issue list: worst first, one line per label or file, harmless in a tracker."""

from collections.abc import Iterator
from math import nan

import pytest

from report_samples import finding, report, row
from segassay.records.findings import Finding
from segassay.report import issues
from segassay.report.issues import issue_list
from segassay.types import Remark, Severity, Status


def lines(text: str, section: str) -> list[str]:
    body = text.split(f"## {section}\n\n")[1].split("\n\n## ")[0]
    return body.strip().splitlines()


def test_sections_and_order() -> None:
    text = issue_list(report())
    assert text.index("Cannot be judged") < text.index("Low scores") < text.index("Found by rules")
    assert lines(text, "Cannot be judged as they are") == [
        "- [ ] `d` liver: **not readable**. d.nii.gz: no such file."
    ]
    worst, *others = lines(text, "Low scores, worst first")
    assert worst == (
        "- [ ] `a` liver: **likely wrong**, faulty: over 99 %, score 0.31 (0.21 to 0.41), "
        "parts are missing, worst slice 3. 12 voxels."
    )
    assert [line.split(": ")[0].split(" ")[-1] for line in others] == ["spleen"]
    assert "3 voxels" not in text


def test_message_and_suggestion_are_sentences_and_commands_stay_code() -> None:
    odd = Finding(
        "grid", Severity.WARNING, "a", "kidney_left", "kidney_left lies 14.2 mm off",
        "look first; `segassay fix DATA --dry-run` copies the header.",
    )  # fmt: skip
    text = issue_list(report(rows=(), findings=(odd,)))
    assert lines(text, "Found by rules") == [
        "- [ ] `a` kidney_left: **warning**. kidney_left lies 14.2 mm off. "
        "Look first; `segassay fix DATA --dry-run` copies the header."
    ]


def test_names_cannot_be_markup() -> None:
    case = "x`](http://a.b)\n- [x] done"
    text = issue_list(report(rows=(row(case, 0.3),), findings=()))
    (line,) = lines(text, "Low scores, worst first")
    assert "<script" not in issue_list(report())
    assert line.count("`") == 2
    assert "](" not in line


def test_a_fault_of_a_file_is_one_line_with_the_step() -> None:
    rows = tuple(
        row("a", nan, structure=name, status=Status.INVALID, reason="corners lie 15 mm apart")
        for name in ("liver", "spleen", "aorta")
    )
    found = finding("a", None, Severity.ERROR, "corners lie 15 mm apart")
    text = issue_list(report(rows=rows, findings=(found,)))
    assert lines(text, "Cannot be judged as they are") == [
        "- [ ] `a` 3 labels: **invalid**. Corners lie 15 mm apart. Fill them."
    ]
    assert "Found by rules" not in text


def test_a_good_score_does_not_hide_what_a_rule_found() -> None:
    found = finding("c", "liver", Severity.WARNING, "many holes")
    text = issue_list(report(rows=(row("c", 0.95),), findings=(found,)))
    assert lines(text, "Found by rules") == ["- [ ] `c` liver: **warning**. Many holes. Fill them."]


def test_a_structure_that_differs_is_one_line() -> None:
    differs = {"status": Status.ABSTAINED, "remarks": {Remark.STRUCTURE_DIFFERS}}
    alike = tuple(row(f"a{n}", 0.3 + n / 100, **differs) for n in range(8))
    doubted = row("z", 0.1, structure="spleen", status=Status.ABSTAINED)
    text = issue_list(report(rows=(*alike, doubted), findings=()))
    assert "Low scores" not in text
    assert [line[7] for line in lines(text, "Scores of low confidence")] == ["z"]
    (line,) = lines(text, "Protocol or domain differences")
    assert line.startswith("- [ ] liver: 8 labels ")


def test_suspected_misses_the_surest_first() -> None:
    rows = tuple(
        row(name, nan, status=Status.ABSENT_SUSPECT, presence=presence, reason="empty")
        for name, presence in (("a", 0.6), ("b", 0.9))
    )
    text = issue_list(report(rows=rows, findings=()))
    first, second = lines(text, "Empty, but the structure seems to be there")
    assert (first[7], second[7]) == ("b", "a")


def test_long_lists_end_and_empty_ones_say_so() -> None:
    found = tuple(finding(f"c{n}", "liver", Severity.ERROR, "holes") for n in range(250))
    rules = lines(issue_list(report(rows=(), findings=found)), "Found by rules")
    assert len(rules) == 201
    assert rules[-1] == "- … and 50 more: see scores.csv, findings.jsonl"
    assert "Nothing" in issue_list(report(rows=(), findings=()))


class Walked(tuple[Finding, ...]):
    """Findings that count how often somebody goes through all of them."""

    times = 0

    def __iter__(self) -> Iterator[Finding]:
        Walked.times += 1
        return super().__iter__()


def test_a_list_takes_no_longer_than_there_are_labels_and_findings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With 100,000 of both it once took minutes: every label's line asked every finding."""
    in_words: list[str] = []
    plain = issues.plain_text

    def told(text: str, **options: bool) -> str:
        in_words.append(text)
        return plain(text, **options)

    monkeypatch.setattr(issues, "plain_text", told)
    rows = tuple(row(f"c{n}", n / 800, structure=f"s{n}") for n in range(400))
    found = Walked(finding(f"c{n}", f"s{n}", Severity.WARNING, f"hole {n}") for n in range(400))
    text = issue_list(report(rows=rows, findings=found))
    assert Walked.times <= 4
    assert len(lines(text, "Low scores, worst first")) == 201
    assert lines(text, "Low scores, worst first")[7].endswith("Hole 7.")
    assert "hole 199" in in_words
    assert "hole 200" not in in_words


def test_findings_of_a_label_come_worst_first_and_else_as_they_were_found() -> None:
    found = tuple(
        finding(case, name, severity, str(number))
        for number, (case, name, severity) in enumerate(
            [
                ("a", "liver", Severity.INFO),
                ("a", "liver", Severity.WARNING),
                ("a", None, Severity.WARNING),
                ("a", "spleen", Severity.ERROR),
                ("b", "liver", Severity.ERROR),
                ("a", "liver", Severity.WARNING),
                ("a", None, Severity.ERROR),
            ]
        )
    )
    own = report(findings=found).findings_of(row("a", 0.5))
    assert "".join(f.message for f in own) == "61250"
    assert report(findings=found).findings_of(row("c", 0.5)) == ()
