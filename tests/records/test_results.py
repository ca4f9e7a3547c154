"""Results are read back without model or image."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import segassay
from segassay.errors import UsageError
from segassay.files.strict_json import strict_json
from segassay.records.findings import Finding
from segassay.records.results import FINDINGS, open_results
from segassay.records.run import MANIFEST, RunRecord, now
from segassay.records.scores import TABLE_VERSION, ScoreRow
from segassay.records.table import to_frame, write_table
from segassay.records.triage import Verdict
from segassay.types import Remark, Severity, Status

FINDING = Finding("holes", Severity.WARNING, "b", "liver", "m", "s", "label", {"share": 0.1})


def row(case_id: str, p_faulty: float, score: float) -> ScoreRow:
    return ScoreRow(
        case_id=case_id,
        subject_id=case_id,
        structure="liver",
        label_path=f"labels/{case_id}.nii.gz",
        score=score,
        p_faulty=p_faulty,
        status=Status.SCORED,
        remarks=frozenset({Remark.IN_CONTEXT, Remark.NEVER_LEARNED}),
        scored_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


ROWS = (row("a", 0.1, 0.9), row("b", 0.9, 0.3), row("c", 0.5, 0.6))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Ten lines of a finished run, written by hand."""
    write_table(to_frame(ROWS), tmp_path)
    (tmp_path / FINDINGS).write_text(strict_json(FINDING.to_json()) + "\n")
    record("audit").write(tmp_path)
    return tmp_path


def record(command: str, **more: object) -> RunRecord:
    return RunRecord(
        run_id="r",
        config_key="k",
        command=command,
        config={},
        dataset={"name": "d"},
        model_id="m",
        model_sha256="",
        preprocess="",
        versions={},
        started_at=now(),
        **more,
    )


def test_everything_comes_back(out: Path) -> None:
    found = segassay.open_results(out)
    assert [one.model_dump_json() for one in found.rows] == [one.model_dump_json() for one in ROWS]
    assert found.findings == (FINDING,)
    assert found.frame["case_id"].to_list() == ["a", "b", "c"]
    assert found.worst_first["case_id"].to_list() == ["b", "c", "a"]
    assert found.worst_first["verdict"][0] == Verdict.LIKELY_WRONG
    assert found.verdicts[1] == Verdict.LIKELY_WRONG
    assert found.run.dataset == {"name": "d"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (MANIFEST, "{"),
        (MANIFEST, None),
        ("scores.parquet", None),
        ("scores.parquet", "PAR1 not"),
    ],
)
def test_what_cannot_be_read_is_told(out: Path, name: str, content: str | None) -> None:
    if content is None:
        (out / name).unlink()
    else:
        (out / name).write_text(content)
    with pytest.raises(UsageError, match=out.name):
        open_results(out)


@pytest.mark.parametrize("line", ["{", '{"check": "holes"}', "[" * 100_000, "null"])
def test_damaged_findings_cost_nothing_but_themselves(out: Path, line: str) -> None:
    with (out / FINDINGS).open("a") as file:
        file.write(line + "\n")
    found = open_results(out)
    assert len(found.rows) == 3
    with pytest.raises(UsageError, match="line 2"):
        _ = found.findings


@pytest.mark.parametrize(
    "other", [record("audit", table_version=TABLE_VERSION + 1), record("evaluate")]
)
def test_results_of_another_kind_are_refused(out: Path, other: RunRecord) -> None:
    other.write(out)
    with pytest.raises(UsageError, match=out.name):
        open_results(out)


def test_an_unfinished_run_says_how_far_it_is(tmp_path: Path) -> None:
    record("audit", counts={"cases_in": 9, "cases_out": 4}).write(tmp_path)
    with pytest.raises(UsageError, match="4 of 9"):
        open_results(tmp_path)


def test_no_model_and_no_image_library_is_loaded(out: Path) -> None:
    code = (
        "import sys, segassay; r = segassay.open_results(sys.argv[1]); r.worst_first, r.findings;"
        "print(sorted(m for m in ('torch', 'onnxruntime', 'nibabel', 'scipy') if m in sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(out)], capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout.replace("'", '"')) == []
