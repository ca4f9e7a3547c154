"""The end of a run: what its page says it looked at, what trips a gate, what is missing."""

import json
from pathlib import Path

import pytest

from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig, Gate
from segassay.auditing.conclude import AuditResult
from segassay.errors import UsageError
from segassay.runs.configs import SourceConfig
from segassay.types import ExitCode, Severity


def header(phantom_set: Path, out: Path, **options: object) -> str:
    source = SourceConfig(path=phantom_set)
    given = {"source": source, "out": out, "judge": None, **options}
    audit(AuditConfig.model_validate(given), command="check")
    page = (out / "index.html").read_text()
    return page[page.index('<p class="about">') :].split("</p>", 1)[0]


def test_the_page_counts_what_was_looked_at(phantom_set: Path, tmp_path: Path) -> None:
    whole = header(phantom_set, tmp_path / "whole")
    assert "<b>4</b> cases" in whole
    assert "<b>32</b> labels" in whole
    part = header(phantom_set, tmp_path / "part", limit=1, structures=("liver", "spleen"))
    assert "<b>1 of 4</b> cases" in part
    assert "<b>1 of 4</b> subjects" in part
    assert "<b>2 of 32</b> labels" in part


def check(root: Path, out: Path, **options: object) -> AuditResult:
    given = {"source": SourceConfig(path=root), "out": out, "judge": None, **options}
    return audit(AuditConfig.model_validate(given), command="check")


def test_files_without_their_other_half_are_findings(phantom_set: Path, tmp_path: Path) -> None:
    (phantom_set / "images" / "p1.nii.gz").unlink()
    (phantom_set / "labels" / "p2.nii.gz").unlink()
    result = check(phantom_set, tmp_path / "out")
    found = {f.check: f for f in result.findings if f.check.startswith("missing_")}
    assert {name: f.case_id for name, f in found.items()} == {
        "missing_image": "labels/p1.nii.gz",
        "missing_label": "p2",
    }
    assert {f.severity for f in found.values()} == {Severity.WARNING}
    assert result.exit_code is ExitCode.DONE
    written = (tmp_path / "out" / "findings.jsonl").read_text().splitlines()
    assert set(found) <= {json.loads(line)["check"] for line in written}
    issues = (tmp_path / "out" / "issues.md").read_text()
    assert "p1.nii.gz" in issues
    assert "p2" in issues


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        (None, ExitCode.DONE),
        (Gate(severity=Severity.ERROR), ExitCode.DONE),
        (Gate(severity=Severity.WARNING), ExitCode.GATE),
    ],
)
def test_a_missing_label_trips_the_gate_of_its_severity(
    phantom_set: Path, tmp_path: Path, gate: Gate | None, code: ExitCode
) -> None:
    (phantom_set / "labels" / "p2.nii.gz").unlink()
    result = check(phantom_set, tmp_path / "out", fail_on=gate, structures=("liver",))
    assert result.exit_code is code


def test_a_label_that_cannot_be_read_comes_before_the_gate(
    phantom_set: Path, tmp_path: Path
) -> None:
    (phantom_set / "labels" / "p2.nii.gz").write_bytes(b"no image")
    gate = Gate(severity=Severity.WARNING)
    result = check(phantom_set, tmp_path / "out", fail_on=gate)
    assert (result.exit_code, result.n_failed) == (ExitCode.CASES_FAILED, 1)
    assert [row.case_id for row in result.unusable] == ["p2"] * len(result.unusable)
    summary = result.to_json()
    assert summary["exit_code"] == 3
    counts = summary["findings"]
    assert isinstance(counts, dict)
    assert list(counts) == [s for s in ("error", "warning", "info") if s in counts]


def test_a_score_below_the_limit_trips_the_gate(phantom_set: Path, tmp_path: Path) -> None:
    given = {"structures": ("liver",), "limit": 1, "judge": "judge-v0", "n_worst": 0}
    worse = check(phantom_set, tmp_path / "a", fail_on=Gate(score_below=1), **given)
    assert worse.exit_code is ExitCode.GATE
    better = check(phantom_set, tmp_path / "b", fail_on=Gate(score_below=0), **given)
    assert better.exit_code is ExitCode.DONE


def test_a_label_that_is_probably_faulty_trips_the_gate(phantom_set: Path, tmp_path: Path) -> None:
    given = {"structures": ("liver",), "limit": 1, "judge": "judge-v0", "n_worst": 0}
    (row,) = check(phantom_set, tmp_path / "a", **given).rows
    assert 0 < row.p_faulty < 1
    for limit, code in ((row.p_faulty - 1e-6, ExitCode.GATE), (row.p_faulty, ExitCode.DONE)):
        gate = Gate(p_faulty_above=limit)
        again = check(phantom_set, tmp_path / str(code), fail_on=gate, **given)
        assert again.exit_code is code


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("p_faulty>0.8", Gate(p_faulty_above=0.8)),
        (" p_faulty > .5", Gate(p_faulty_above=0.5)),
        ("score<0.7", Gate(score_below=0.7)),
        ("warning", Gate(severity=Severity.WARNING)),
    ],
)
def test_a_gate_is_read_as_it_is_typed(text: str, gate: Gate) -> None:
    assert Gate.parse(text) == gate


@pytest.mark.parametrize("text", ["p_faulty<0.8", "score>0.7", "p_faulty>2", "faulty"])
def test_a_gate_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Severity"):
        Gate.parse(text)


def test_nothing_to_look_at_is_no_success(phantom_set: Path, tmp_path: Path) -> None:
    """The first case by name has no label: to look at it alone is to look at nothing."""
    (phantom_set / "labels" / "p1.nii.gz").unlink()
    with pytest.raises(UsageError):
        check(phantom_set, tmp_path / "out", limit=1)
    assert not (tmp_path / "out").exists()
    assert check(phantom_set, tmp_path / "out", limit=2).n_labels > 0
