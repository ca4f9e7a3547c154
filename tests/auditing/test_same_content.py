"""The same content under another file name, from files to the list of findings."""

import gzip
import json
from pathlib import Path

import pytest

from segassay.cli import main


def compress_anew(source: Path, target: Path) -> None:
    target.write_bytes(gzip.compress(gzip.decompress(source.read_bytes()), 1, mtime=12345))


def test_a_case_compressed_anew_is_still_a_copy(phantom_set: Path, tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        compress_anew(phantom_set / folder / "p1.nii.gz", phantom_set / folder / "p9.nii.gz")
    with pytest.raises(SystemExit) as ended:
        main(["check", str(phantom_set), "-o", str(tmp_path / "out"), "-q"])
    assert ended.value.code == 0
    lines = (tmp_path / "out" / "findings.jsonl").read_text().splitlines()
    copies = [f for f in map(json.loads, lines) if f["check"] == "duplicates"]
    assert [(f["case_id"], f["structure"], f["evidence"]["twin_case"]) for f in copies] == [
        ("p9", None, "p1")
    ]


def test_a_label_file_copied_to_another_case(phantom_set: Path, tmp_path: Path) -> None:
    compress_anew(phantom_set / "labels" / "p1.nii.gz", phantom_set / "labels" / "p2.nii.gz")
    with pytest.raises(SystemExit):
        main(["check", str(phantom_set), "-o", str(tmp_path / "out"), "-q"])
    lines = (tmp_path / "out" / "findings.jsonl").read_text().splitlines()
    copies = [f for f in map(json.loads, lines) if f["check"] == "duplicates"]
    assert len(copies) == 8  # one per structure
    assert {(f["case_id"], f["evidence"]["twin_case"]) for f in copies} == {("p2", "p1")}
