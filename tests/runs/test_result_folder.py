"""Whose folder it is, and which run it holds."""

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import write_nifti
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.auditing.begin_run import begin_run
from segassay.corruption.phantoms.simple_phantom import make_phantom
from segassay.errors import OutputError, UsageError
from segassay.judge.documents.judge_folder import find_judge, write_checksums
from segassay.judge.scoring import Judge, load_judge
from segassay.records.run import MANIFEST, RunRecord, keep_trial, read_run
from segassay.runs.configs import SourceConfig
from segassay.runs.result_folder import note_interruption


def begin(root: Path, out: Path, judge: Judge | None = None, **options: Any) -> RunRecord:
    config = AuditConfig.model_validate({"source": SourceConfig(path=root), "out": out, **options})
    return begin_run(config, config.source.open(), command="check", judge=judge)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["mine.txt", "scores.csv", "shards", "manifest.json"])
def test_foreign_files_stop_the_run_and_stay(
    phantom_set: Path, tmp_path: Path, name: str, overwrite: bool
) -> None:
    out = tmp_path / "out"
    if name == "shards":
        (out / name).mkdir(parents=True)
        kept = out / name / "keep"
    else:
        out.mkdir()
        kept = out / name
    kept.write_text("mine")
    with pytest.raises(OutputError):
        begin(phantom_set, out, overwrite=overwrite)
    assert [p for p in out.rglob("*") if p.is_file()] == [kept]
    assert kept.read_text() == "mine"


def test_overwrite_takes_away_all_that_the_old_run_wrote(phantom_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = begin(phantom_set, out)
    (out / "shards").mkdir()
    for name in ("shards/part-0001-of-0001.jsonl", "scores.csv", "index.html", "notes.txt"):
        (out / name).write_text("old")
    second = begin(phantom_set, out, overwrite=True)
    assert second.run_id != first.run_id
    assert {p.name for p in out.iterdir()} == {"manifest.json", "notes.txt"}


def test_a_run_of_another_version_of_the_table_is_not_continued(
    phantom_set: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    begin(phantom_set, out)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["table_version"] -= 1
    (out / "manifest.json").write_text(json.dumps(manifest))
    before = (out / "manifest.json").read_bytes()
    with pytest.raises(UsageError):
        begin(phantom_set, out)
    assert (out / "manifest.json").read_bytes() == before
    assert begin(phantom_set, out, overwrite=True).table_version == manifest["table_version"] + 1


def test_crash_at_the_very_start_does_not_block_the_folder(
    phantom_set: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".manifest.json.0123abcd.unfinished").write_text("{")
    assert begin(phantom_set, tmp_path / "out").exit_status is None


def test_parts_that_begin_at_once_join_one_run(phantom_set: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as threads:
        jobs = [
            threads.submit(begin, phantom_set, tmp_path / "out", part=n, parts=6)
            for n in range(1, 7)
        ]
    assert len({job.result().run_id for job in jobs}) == 1


def test_parts_side_by_side_keep_one_record(phantom_set: Path, tmp_path: Path) -> None:
    """Each part once wrote the whole record, over what the others had written."""
    out = tmp_path / "out"
    first = begin(phantom_set, out, part=1, parts=3)
    keep_trial(out, 0.5)
    content = (out / MANIFEST).read_bytes()
    second = begin(phantom_set, out, part=2, parts=3)
    keep_trial(out, 0.7)  # the first to keep one has decided
    note_interruption(first, out)
    assert second.familiarity == 0.5
    assert (out / MANIFEST).read_bytes() == content
    configs = [
        AuditConfig(source=SourceConfig(path=phantom_set), out=out, judge=None, part=n, parts=3)
        for n in (1, 2, 3)
    ]
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda config: audit(config, command="check"), configs))
    record = read_run(out)
    assert record is not None
    assert (record.run_id, record.familiarity, record.exit_status) == (first.run_id, 0.5, 0)
    assert record.counts["cases_out"] == 4
    assert any(result.n_missing == 0 for result in results)
    assert (out / "index.html").exists()


def mend_label(root: Path) -> None:
    """Change voxels of an uncompressed label: name and size stay."""
    path = root / "labels" / "p2.nii"
    before = path.stat()
    phantom = make_phantom(2)
    write_nifti(path, np.where(phantom.labels == 5, 0, phantom.labels), phantom.affine)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))


def swap_names(root: Path) -> None:
    path = root / "labels.json"
    text = path.read_text().replace("liver", "?").replace("spleen", "liver")
    path.write_text(text.replace("?", "spleen"))


@pytest.mark.parametrize("change", [mend_label, swap_names])
def test_changed_data_are_another_run(
    phantom_set: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    phantom = make_phantom(2)
    (phantom_set / "labels" / "p2.nii.gz").unlink()
    write_nifti(phantom_set / "labels" / "p2.nii", phantom.labels, phantom.affine)
    first = begin(phantom_set, tmp_path / "out")
    assert begin(phantom_set, tmp_path / "out").run_id == first.run_id
    change(phantom_set)
    with pytest.raises(UsageError, match="--overwrite"):
        begin(phantom_set, tmp_path / "out")


def test_other_weights_of_the_same_name_are_another_run(phantom_set: Path, tmp_path: Path) -> None:
    copy = tmp_path / "judge-v0"
    shutil.copytree(find_judge("judge-v0"), copy)
    first = begin(phantom_set, tmp_path / "out", load_judge(str(copy)))
    (copy / "card.md").write_text("better words")
    write_checksums(copy)
    same = begin(phantom_set, tmp_path / "out", load_judge(str(copy)))
    assert (same.run_id, same.model_sha256) == (first.run_id, first.model_sha256)
    curve = json.loads((copy / "calibration.json").read_text())
    curve["expected"] = [value / 2 for value in curve["expected"]]
    (copy / "calibration.json").write_text(json.dumps(curve))
    write_checksums(copy)
    changed = load_judge(str(copy))
    assert (changed.model_id, changed.preprocess) == (first.model_id, first.preprocess)
    with pytest.raises(UsageError, match="or judge"):
        begin(phantom_set, tmp_path / "out", changed)


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"jobs": 3}, True),
        ({"n_worst": 5}, True),
        ({"limit": 2}, False),
        ({"structures": ("liver",)}, False),
        ({"part": 2, "parts": 2}, False),
    ],
)
def test_only_options_that_change_results_make_another_run(
    phantom_set: Path, tmp_path: Path, options: dict[str, Any], same: bool
) -> None:
    first = begin(phantom_set, tmp_path / "out")
    if same:
        assert begin(phantom_set, tmp_path / "out", **options).run_id == first.run_id
    else:
        with pytest.raises(UsageError, match="other data, options or judge"):
            begin(phantom_set, tmp_path / "out", **options)


def test_record_tells_all_options_and_no_place(phantom_set: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "judges" / "mine")
    config = AuditConfig(source=SourceConfig(path=phantom_set), out=tmp_path / "out", judge=where)
    begin_run(config, config.source.open(), command="audit", judge=None)
    text = (tmp_path / "out" / "manifest.json").read_text()
    assert str(tmp_path) not in text
    found = read_run(tmp_path / "out")
    assert found is not None
    assert found.config["judge"] == "mine"
    apart = {
        "source",
        "out",
        "part",
        "overwrite",
        "engine",
        "argv",
    }  # told in fields of their own, or not
    assert set(AuditConfig.model_fields) - apart <= {*found.config}


def test_interruption_is_written_down_until_the_run_goes_on(
    phantom_set: Path, tmp_path: Path
) -> None:
    record = begin(phantom_set, tmp_path / "out")
    note_interruption(record, tmp_path / "out")
    stopped = read_run(tmp_path / "out")
    assert stopped is not None
    assert stopped.exit_status == 130
    assert begin(phantom_set, tmp_path / "out").exit_status is None
