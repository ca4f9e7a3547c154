"""Channels after the first, images without labels and equal ids are looked at, not passed over."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from conftest import write_nifti
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig, Gate
from segassay.auditing.conclude import AuditResult
from segassay.datasets.opening import open_dataset
from segassay.records.findings import Finding
from segassay.runs.configs import SourceConfig
from segassay.types import ExitCode, Severity

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
Array = np.ndarray[Any, Any]


def picture(seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    image = rng.normal(100, 10, (24, 20, 10))
    label = np.zeros(image.shape, dtype=np.uint8)
    label[6 + seed : 14 + seed, 5:15, 2:8] = 1
    return (image + 60 * label).astype(np.float32), label


def described(root: Path, n_channels: int, **about: object) -> Path:
    names = {str(n): f"T{n + 1}" for n in range(n_channels)}
    known = {"channel_names": names, "labels": {"background": 0, "liver": 1}}
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps({**known, "file_ending": ".nii.gz", **about}))
    return root


def checked(root: Path, out: Path, **options: Any) -> AuditResult:
    return audit(AuditConfig(source=SourceConfig(path=root), out=out, judge=None, **options))


def of(result: AuditResult, check: str) -> dict[str, Finding]:
    return {f.case_id: f for f in result.findings if f.check == check}


def test_every_channel_is_opened(tmp_path: Path) -> None:
    root = described(tmp_path / "set", 3)
    moved = AFFINE + np.array([[0, 0, 0, 9.0], [0] * 4, [0] * 4, [0] * 4])
    a_little = AFFINE + np.array([[0, 0, 0, 0.5], [0] * 4, [0] * 4, [0] * 4])
    for n, name in enumerate(("sound", "shape", "moved", "little", "cut", "nan", "gone")):
        image, label = picture(n)
        write_nifti(root / "labelsTr" / f"{name}.nii.gz", label, AFFINE)
        for channel in range(3):
            path = root / "imagesTr" / f"{name}_{channel:04d}.nii.gz"
            write_nifti(path, image + channel, AFFINE)
            if channel == 2 and name == "shape":
                write_nifti(path, image[::2], AFFINE)
            if channel == 2 and name in ("moved", "little"):
                write_nifti(path, image, moved if name == "moved" else a_little)
            if channel == 2 and name == "cut":
                path.write_bytes(path.read_bytes()[:2000])
            if channel == 2 and name == "nan":
                image[3, 3, 3] = np.nan
                write_nifti(path, image, AFFINE)
    result = checked(root, tmp_path / "out")
    found = of(result, "channels")
    assert {name: f.severity for name, f in found.items()} == {
        "shape": Severity.ERROR,
        "moved": Severity.ERROR,
        "little": Severity.WARNING,
        "cut": Severity.ERROR,
        "nan": Severity.ERROR,
    }
    assert {f.evidence["channel"] for f in found.values()} == {2}
    assert [found[name].evidence["readable"] for name in ("shape", "cut", "nan")] == [True, 0, 0]
    assert found["moved"].evidence["distance_mm"] == pytest.approx(9.0)
    assert result.exit_code is ExitCode.CASES_FAILED
    assert result.n_failed == 4
    assert result.n_labels == 7


def test_copies_without_labels_and_equal_ids_are_leaks(tmp_path: Path) -> None:
    root = described(tmp_path / "set", 1)
    for n in range(3):
        image, label = picture(n)
        write_nifti(root / "imagesTr" / f"c{n}_0000.nii.gz", image, AFFINE)
        write_nifti(root / "labelsTr" / f"c{n}.nii.gz", label, AFFINE)
    write_nifti(root / "imagesTs" / "t1_0000.nii.gz", picture(1)[0], AFFINE)
    write_nifti(root / "imagesTs" / "c2_0000.nii.gz", picture(9)[0], AFFINE)
    dataset = open_dataset(root)
    assert [case.case_id for case in dataset.cases] == ["c0", "c1", "c2", "c2 (test)", "t1"]
    assert dataset.unmatched == ()
    result = checked(root, tmp_path / "out")
    (copy,) = of(result, "duplicates").values()
    assert (copy.case_id, copy.severity) == ("t1", Severity.ERROR)
    assert copy.evidence == {"twin_case": "c1", "parts": ["train", "test"]}
    (leak,) = of(result, "split_leakage").values()
    assert leak.severity is Severity.ERROR
    assert leak.evidence["parts"] == {"train": ["c2"], "test": ["c2 (test)"]}
    assert result.n_labels == 3
    assert "unused_structure" not in {f.check for f in result.findings}


def test_the_same_of_a_decathlon_task_and_of_a_manifest(tmp_path: Path) -> None:
    root = tmp_path / "task"
    for n in range(2):
        image, label = picture(n)
        write_nifti(root / "imagesTr" / f"c{n}.nii.gz", image, AFFINE)
        write_nifti(root / "labelsTr" / f"c{n}.nii.gz", label, AFFINE)
    for name, seed in (("t", 0), ("c1", 5)):
        write_nifti(root / "imagesTs" / f"{name}.nii.gz", picture(seed)[0], AFFINE)
    pairs = [
        {"image": f"./imagesTr/c{n}.nii.gz", "label": f"./labelsTr/c{n}.nii.gz"} for n in range(2)
    ]
    about = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "liver"}}
    tests = ["./imagesTs/t.nii.gz", "./imagesTs/c1.nii.gz"]
    (root / "dataset.json").write_text(json.dumps({**about, "training": pairs, "test": tests}))
    result = checked(root, tmp_path / "out")
    assert set(of(result, "duplicates")) == {"t"}
    assert set(of(result, "split_leakage")) == {"c1 (test)"}
    table = root / "set.csv"
    rows = [
        "case_id,image,label,structure,split",
        "a,imagesTr/c0.nii.gz,labelsTr/c0.nii.gz,liver,train",
        "a,imagesTr/c0.nii.gz,,,test",
        "b,imagesTs/t.nii.gz,,,test",
    ]
    table.write_text("\n".join(rows) + "\n")
    result = checked(table, tmp_path / "manifest")
    assert set(of(result, "duplicates")) == {"a (test)", "b"}
    assert set(of(result, "split_leakage")) == {"a (test)"}


def test_a_gate_trips_on_everything_worse(tmp_path: Path) -> None:
    root = described(tmp_path / "set", 1)
    image, label = picture(0)
    write_nifti(root / "imagesTr" / "a_0000.nii.gz", image, AFFINE)
    label[20:23, 17:20, 8:10] = 1  # an island, which is a warning
    write_nifti(root / "labelsTr" / "a.nii.gz", label, AFFINE)
    worst = max(f.severity.rank for f in checked(root, tmp_path / "none").findings)
    assert worst == Severity.WARNING.rank
    for text, code in (("info", 4), ("warning", 4), ("error", 0)):
        result = checked(root, tmp_path / text, fail_on=Gate.parse(text))
        assert result.exit_code == code
    write_nifti(root / "labelsTr" / "a.nii.gz", np.ones_like(label), AFFINE)
    for text in ("info", "warning", "error"):
        result = checked(root, tmp_path / f"worse-{text}", fail_on=Gate.parse(text))
        assert result.exit_code == 4


def refuse(text: str) -> float:
    raise ValueError(text)


def test_strict_readers_take_all_that_is_written(tmp_path: Path) -> None:
    root = described(tmp_path / "set", 1)
    image, label = picture(0)
    write_nifti(root / "imagesTr" / "a_0000.nii.gz", image, AFFINE)
    write_nifti(root / "labelsTr" / "a.nii.gz", label, AFFINE)
    write_nifti(root / "imagesTr" / "b_0000.nii.gz", image[::-1], AFFINE)
    write_nifti(root / "labelsTr" / "b.nii.gz", np.zeros_like(label), AFFINE)
    bounds = tmp_path / "bounds.csv"
    bounds.write_text("label,lower,upper,quantity\nliver,,10,voxels\nliver,9000,,voxels\n")
    out = tmp_path / "out"
    result = checked(root, out, bounds=bounds)
    limits = [f.evidence for f in result.findings if f.check == "user_bounds"]
    assert [(one["lower"], one["upper"]) for one in limits] == [(None, 10.0), (9000.0, None)]
    documents = [*out.rglob("*.json"), *out.rglob("*.jsonl")]
    assert len(documents) >= 3
    for path in documents:
        texts = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        for text in filter(str.strip, texts):
            json.loads(text, parse_constant=refuse)
    table = pl.read_ndjson(out / "findings.jsonl", infer_schema_length=None)
    assert len(table) == len(result.findings)
