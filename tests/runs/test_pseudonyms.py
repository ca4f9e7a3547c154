"""Under pseudonyms no real name leaves the private files, and a name stays the same."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from conftest import write_nifti
from segassay.cli import main
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom

NAMES = ["Mueller_Anna_1971", "Schmidt.Jan", "O'Neil 7"]
LOCAL = ("shards", "private")


@pytest.fixture
def named_set(tmp_path: Path) -> Path:
    """Phantoms called as patients are; one twice, one with a broken label."""
    root = tmp_path / "ward"
    for seed, name in enumerate([*NAMES, "Mueller_Anna_1972"], start=1):
        phantom = make_phantom(1 if name.endswith("1972") else seed)
        write_nifti(root / "images" / f"{name}.nii.gz", phantom.image, phantom.affine)
        write_nifti(root / "labels" / f"{name}.nii.gz", phantom.labels, phantom.affine)
    (root / "labels" / f"{NAMES[1]}.nii.gz").write_bytes(b"\x1f\x8b broken")
    (root / "labels" / "Meier_Otto.nii.gz").write_bytes(b"without image")
    names = ",".join(f'"{value}": "{name}"' for name, value in LABELS.items())
    (root / "labels.json").write_text("{" + names + "}")
    return root


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


FEW = ("-q", "--only", "liver,spleen")


def passed_on(out: Path) -> list[Path]:
    return [p for p in out.rglob("*") if p.is_file() and p.relative_to(out).parts[0] not in LOCAL]


def test_no_name_is_passed_on(
    named_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("audit", named_set, "-o", out, "--pseudonymise", "--json", "-v", *FEW) == 3
    said = capsys.readouterr()
    assert "shards/ and private/ hold the real names" in said.err
    tell_tale = re.compile(r"(?i)mueller|anna|197[12]|schmidt|jan\b|o.{0,6}neil|meier")
    files = passed_on(out)
    assert {"index.html", "issues.md", "scores.csv", "findings.jsonl", "manifest.json"} <= {
        p.name for p in files
    }
    assert len(list((out / "cases").iterdir())) == 4
    for path in files:
        text = re.sub(r"base64,[\w+/=]+", "", path.read_bytes().decode("latin-1"))
        assert not tell_tale.search(text), path
        assert not tell_tale.search(str(path.relative_to(out)))
    assert not tell_tale.search(said.out)
    rows = pl.read_parquet(out / "scores.parquet")
    assert rows["case_id"].is_sorted()
    assert rows["case_id"].n_unique() == 4
    assert set(rows["label_sha256"]) == set(rows["mask_sha256"]) == {""}
    lines = (out / "findings.jsonl").read_text().splitlines()
    twins = [f for f in map(json.loads, lines) if f["check"] == "duplicates"]
    assert twins
    ids = set(rows["case_id"])
    assert {f["case_id"] for f in twins} | {f["evidence"]["twin_case"] for f in twins} <= ids
    assert all(f["evidence"]["twin_case"] in f["message"] for f in twins)


def test_names_stay_the_same_and_another_key_gives_others(
    phantom_set: Path, tmp_path: Path
) -> None:
    def ids(out: Path) -> dict[str, str]:
        assert run("check", phantom_set, "-o", out, "--pseudonymise", *FEW) == 0
        found = json.loads((out / "private" / "pseudonyms.json").read_text())["cases"]
        assert isinstance(found, dict)
        return found

    first, second, third = (tmp_path / name for name in "abc")
    names = ids(first)
    assert sorted(names) == ["p1", "p2", "p3", "p4"]
    assert len(set(names.values())) == 4
    assert ids(first) == names
    assert not set(ids(second).values()) & set(names.values())
    shutil.copytree(first / "private", third / "private")
    assert ids(third) == names


def test_pages_of_a_run_with_real_names_do_not_stay(phantom_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("audit", phantom_set, "-o", out, *FEW, "--worst", "2") == 0
    assert (out / "cases" / "p1.html").exists()
    assert run("audit", phantom_set, "-o", out, *FEW, "--worst", "2", "--pseudonymise") == 0
    assert not (out / "cases" / "p1.html").exists()
    assert len(list((out / "cases").iterdir())) == 4


@pytest.mark.parametrize("content", ["", "{}", '{"version": 1, "key": "xyz"}', '{"version": 9}'])
def test_a_broken_key_is_one_line_and_nothing_is_written(
    phantom_set: Path, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "private").mkdir(parents=True)
    (out / "private" / "pseudonyms.json").write_text(content)
    assert run("check", phantom_set, "-o", out, "--pseudonymise", "-q", "--limit", "1") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "private/pseudonyms.json" in line
    assert not (out / "index.html").exists()
