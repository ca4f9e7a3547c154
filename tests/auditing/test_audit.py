"""The audit from end to end: its files, bad input one by one, interruption."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conftest import write_nifti
from segassay.cli import main
from segassay.corruption.phantoms.simple_phantom import make_phantom
from segassay.records.shards import finished_ids
from segassay.records.table import read_table

FILES = {
    "cases",
    "findings.jsonl",
    "index.html",
    "issues.md",
    "manifest.json",
    "report.jsonl",
    "scores.csv",
    "scores.parquet",
    "shards",
    "slices.parquet",
}
TIMES = ["scored_at", "run_id"]


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_audit_writes_these_files_and_nothing_else(
    phantom_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in phantom_set.rglob("*") if p.is_file()}
    out = tmp_path / "out"
    assert run("audit", phantom_set, "-o", out, "--json", "-q") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["cases"], summary["labels"], summary["exit_code"]) == (4, 32, 0)
    assert {p.name for p in out.iterdir()} == FILES
    table = read_table(out)
    assert table.height == 32
    assert table["score"].is_between(0, 1).all()
    assert table["mask_sha256"].n_unique() == 32
    assert table["mask_sha256"].str.len_chars().unique().to_list() == [64]
    assert (table["expected_path_mm"] >= 0).all()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["exit_status"] == 0
    assert str(tmp_path) not in (out / "manifest.json").read_text()
    assert str(tmp_path) not in (out / "scores.csv").read_text()
    assert {p: p.stat().st_mtime_ns for p in phantom_set.rglob("*") if p.is_file()} == before


def test_check_needs_no_judge(
    phantom_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("segassay.judge.documents.judge_folder._packaged", lambda *_: [])
    monkeypatch.delenv("SEGASSAY_HOME", raising=False)
    assert run("check", phantom_set, "-o", tmp_path / "c", "-q", "--json") == 0
    assert json.loads(capsys.readouterr().out)["labels"] == 32
    assert {p.name for p in (tmp_path / "c").iterdir()} == FILES - {"cases"}
    assert run("audit", phantom_set, "-o", tmp_path / "a", "-q") == 5


def spoil(root: Path, kind: str) -> None:
    """Spoil case p2 in one way."""
    image, label = root / "images" / "p2.nii.gz", root / "labels" / "p2.nii.gz"
    phantom = make_phantom(2)
    if kind == "missing file":
        label.unlink()
        label.symlink_to(root / "labels" / "gone.nii.gz")
    elif kind == "truncated gzip":
        label.write_bytes(label.read_bytes()[:-500])
    elif kind == "text":
        image.write_text("not an image " * 99)
    elif kind == "other grid":
        moved = phantom.affine
        moved[0, 3] += 40
        write_nifti(label, phantom.labels, moved)
    elif kind == "4D image":
        write_nifti(image, np.stack([phantom.image] * 2, axis=-1), phantom.affine)
    elif kind == "NaN image":
        holes = phantom.image.astype(np.float32)
        holes[5, 5, 5] = np.nan
        write_nifti(image, holes, phantom.affine)
    elif kind == "fractional label":
        write_nifti(label, phantom.labels * np.float32(0.7), phantom.affine)


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("truncated gzip", "failed", "truncated gzip"),
        ("text", "failed", "not a NIfTI file"),
        ("other grid", "invalid", "corners lie 40 mm"),
        ("4D image", "failed", "4D image of shape"),
        ("NaN image", "failed", "1 voxels are NaN"),
        ("fractional label", "invalid", "from a whole number"),
    ],
)
def test_bad_case_is_one_line_and_the_others_go_on(
    phantom_set: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    status: str,
    words: str,
) -> None:
    spoil(phantom_set, kind)
    base = ("--structures", "liver", "--worst", "0")
    assert run("audit", phantom_set, "-o", tmp_path / "out", *base) == 3
    told = capsys.readouterr().err.splitlines()
    assert any(line.startswith("p2 ") and words in line for line in told)
    table = read_table(tmp_path / "out")
    bad = table.filter(pl.col("case_id") == "p2")
    assert set(bad["status"]) == {status}
    assert bad["score"].is_nan().all()
    assert (~table.filter(pl.col("case_id") != "p2")["score"].is_nan()).all()


def test_label_that_is_gone_counts_as_unlabelled(phantom_set: Path, tmp_path: Path) -> None:
    (phantom_set / "labels" / "p2.nii.gz").unlink()
    assert run("check", phantom_set, "-o", tmp_path / "out", "-q") == 0
    assert "1 image without a label: p2" in (tmp_path / "out" / "index.html").read_text()


def test_manifest_that_names_a_missing_file(phantom_set: Path, tmp_path: Path) -> None:
    table = phantom_set / "table.csv"
    table.write_text(
        "image,label,structure,value\nimages/p1.nii.gz,labels/p1.nii.gz,liver,5\n"
        "images/p3.nii.gz,labels/gone.nii.gz,liver,5\n"
    )
    assert run("audit", table, "-o", tmp_path / "out", "-q", "--worst", "0") == 3
    found = read_table(tmp_path / "out")
    assert found["status"].to_list() == ["scored", "failed"]
    assert found["reason"][1] == "gone.nii.gz: no such file"


def test_all_zero_mask_has_a_status_and_no_score(phantom_set: Path, tmp_path: Path) -> None:
    phantom = make_phantom(2)
    empty = np.where(phantom.labels == 5, 0, phantom.labels)
    write_nifti(phantom_set / "labels" / "p2.nii.gz", empty, phantom.affine)
    assert run("audit", phantom_set, "-o", tmp_path / "o", "-q", "--structures", "liver") == 0
    found = read_table(tmp_path / "o").filter(pl.col("case_id") == "p2")
    assert found["status"][0] in ("absent_ok", "absent_suspect")
    assert found["score"].is_nan().all()
    assert '"empty_mask"' in (tmp_path / "o" / "findings.jsonl").read_text()


@pytest.mark.parametrize(
    ("break_it", "code", "words"),
    [
        (
            lambda root, out: (root / "labels.json").write_text("{oops"),
            2,
            "labels.json: not valid JSON",
        ),
        (lambda root, out: shutil.rmtree(root), 2, "no such file or folder"),
        (lambda root, out: out.write_text("a file"), 2, "cannot be written"),
        (lambda root, out: (root / "labels.json").write_text('{"5": "lever"}'), 2, "called liver"),
        (lambda root, out: (out.mkdir(), (out / "mine.txt").write_text("x")), 2, "segassay: "),
    ],
)
def test_run_that_cannot_begin_says_why(
    phantom_set: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    break_it: object,
    code: int,
    words: str,
) -> None:
    out = tmp_path / "out"
    assert callable(break_it)
    break_it(phantom_set, out)
    assert run("audit", phantom_set, "-o", out, "--structures", "liver") == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("segassay: ")
    assert words in line


def test_gate_and_other_options_in_a_used_folder(phantom_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    base = ("audit", phantom_set, "-o", out, "-q", "--worst", "0", "--limit", "1")
    assert run(*base, "--fail-on", "score<1.0") == 4
    assert run(*base, "--fail-on", "error") == 0
    assert run(*base, "--structures", "liver") == 2
    assert run(*base, "--structures", "liver", "--overwrite") == 0
    assert read_table(out)["structure"].to_list() == ["liver"]


def test_parts_make_one_table(phantom_set: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    base = ("audit", phantom_set, "-q", "--worst", "0", "--structures", "liver")
    assert run(*base, "-o", whole) == 0
    for part in (1, 2, 3):
        assert run(*base, "-o", parts, "--num-parts", "3", "--part-id", str(part)) == 0
        assert (parts / "index.html").exists() == (part == 3)
    assert read_table(whole).drop(TIMES).equals(read_table(parts).drop(TIMES))


@pytest.mark.slow
def test_killed_audit_goes_on_and_ends_the_same(phantom_set: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    base = ("-q", "--worst", "0", "--structures", "liver,spleen")
    assert run("audit", phantom_set, "-o", whole, *base) == 0
    command = [sys.executable, "-m", "segassay", "audit", str(phantom_set), "-o", str(killed)]
    source = str(Path(__file__).parents[2] / "src")
    process = subprocess.Popen([*command, *base], env={**os.environ, "PYTHONPATH": source})
    while process.poll() is None and not finished_ids(killed):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(finished_ids(killed))
    for shard in (killed / "shards").glob("part-*.jsonl"):
        with shard.open("ab") as file:
            file.write(b'{"case_id": "p4", "rows": [{"cas')  # what a crash leaves behind
    assert run("audit", phantom_set, "-o", killed, *base) == 0
    assert 1 <= done <= 4
    assert read_table(killed).drop(TIMES).equals(read_table(whole).drop(TIMES))
    assert len(finished_ids(killed)) == 4


@pytest.mark.slow
def test_interrupted_audit_says_so_and_goes_on(phantom_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    base = ("audit", phantom_set, "-o", out, "--worst", "0", "--structures", "liver")
    source = str(Path(__file__).parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, "-m", "segassay", *map(str, base)],
        env={**os.environ, "PYTHONPATH": source},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert first.startswith("1/4 cases")
    assert process.returncode == 130
    assert told.splitlines()[-1].startswith("segassay: ")
    assert json.loads((out / "manifest.json").read_text())["exit_status"] == 130
    assert run(*base) == 0
    assert read_table(out)["case_id"].to_list() == ["p1", "p2", "p3", "p4"]
    assert json.loads((out / "manifest.json").read_text())["exit_status"] == 0


@pytest.mark.slow
@pytest.mark.data
def test_real_overlapping_masks_on_pictures(shared_data: Path, tmp_path: Path) -> None:
    """Clavicles overlap lungs in JSRT: every mask keeps its own size."""
    assert run("audit", shared_data / "jsrt", "-o", tmp_path / "o", "-q", "--limit", "3") == 0
    table = read_table(tmp_path / "o")
    assert table.height == 15
    assert set(table["status"]) <= {"scored", "abstained"}
    assert table["volume_ml"].is_nan().all()
