"""`segassay fix`: looks, copies, repairs in place; loses nothing, and does nothing twice."""

import gzip
import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from conftest import write_picture
from repair_files import moved, save
from segassay.auditing.audit import audit
from segassay.cli.app import main
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.datasets.opening import open_dataset
from segassay.errors import OutputError, UsageError
from segassay.fix import plan_fix
from segassay.fix.fix import FixConfig, FixResult, fix
from segassay.fix.repairs import repaired
from segassay.fix.write_fix import Destination
from segassay.images.formats.registry import encoded, read_stored
from segassay.images.formats.stored_label import StoredLabel
from segassay.images.io import read_labels
from segassay.runs.configs import AuditConfig, SourceConfig


def snapshot(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def lines_of(log: Path) -> list[str]:
    return log.read_text().splitlines()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four cases; of the labels one is stored as floats, one has no header, one is broken."""
    root = tmp_path_factory.mktemp("made") / "phantoms"
    phantom = make_phantom(1)
    for n, dtype in enumerate((np.float32, np.uint8, np.uint8, np.uint8), start=1):
        image = phantom.image.astype(np.float32) + n
        save(root / "images" / f"p{n}.nii.gz", image, phantom.affine, phantom.affine)
        form = np.eye(4) if n == 2 else phantom.affine
        save(root / "labels" / f"p{n}.nii.gz", phantom.labels.astype(dtype), form, None)
    broken = root / "labels" / "p3.nii.gz"
    broken.write_bytes(broken.read_bytes()[:500])
    names = {str(value): name for name, value in LABELS.items()}
    (root / "labels.json").write_text(json.dumps(names))
    return root


@pytest.fixture
def faulty(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "phantoms"))


def config(root: Path, **options: Any) -> FixConfig:
    return FixConfig(source=SourceConfig(path=root), **options)


def told(result: FixResult) -> dict[str, list[str]]:
    return {fixed.file: [change.rule for change in fixed.changes] for fixed in result.fixes}


EXPECTED = {"labels/p1.nii.gz": ["float_storage"], "labels/p2.nii.gz": ["grid_mismatch"]}


def test_a_dry_run_tells_and_writes_nothing(faulty: Path) -> None:
    before = snapshot(faulty.parent)
    result = fix(config(faulty, dry_run=True))
    assert told(result) == EXPECTED
    assert (result.n_files, len(result.failed), result.exit_code) == (4, 1, 3)
    assert "p3.nii.gz" in result.failed[0]
    assert snapshot(faulty.parent) == before


def test_a_copy_opens_as_the_data_set_did_and_originals_are_untouched(
    faulty: Path, tmp_path: Path
) -> None:
    before = snapshot(faulty)
    out = tmp_path / "repaired"
    result = fix(config(faulty, out=out))
    assert told(result) == EXPECTED
    assert snapshot(faulty) == before
    after = snapshot(out)
    assert set(after) == {*before, "fixes.jsonl"}
    assert {name for name in before if after[name] != before[name]} == set(EXPECTED)
    assert open_dataset(out).n_labels == open_dataset(faulty).n_labels
    # what was fixed is no longer found, and no voxel has moved
    source = SourceConfig(path=out)
    checked = audit(AuditConfig(source=source, out=tmp_path / "audit", judge=None))
    found = {f.check for f in checked.findings if f.case_id in ("p1", "p2")}
    assert not found & {"float_storage", "grid_mismatch"}
    for name in EXPECTED:
        old, new = read_labels(faulty / name), read_labels(out / name)
        assert old.counts == new.counts


def test_every_change_has_a_line_with_both_checksums(faulty: Path, tmp_path: Path) -> None:
    before = snapshot(faulty)
    fix(config(faulty, out=tmp_path / "out"))
    after = snapshot(tmp_path / "out")
    lines = [json.loads(line) for line in lines_of(tmp_path / "out" / "fixes.jsonl")]
    assert {line["file"]: (line["before_sha256"], line["after_sha256"]) for line in lines} == {
        name: (before[name], after[name]) for name in EXPECTED
    }
    for line in lines:
        assert line["changes"][0]["why"]
        assert line["at"].startswith("20")


def test_again_changes_nothing(faulty: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fix(config(faulty, out=out))
    before = snapshot(out)
    again = fix(config(faulty, out=out))
    assert (told(again), again.n_before) == ({}, 2)
    assert snapshot(out) == before
    of_the_copy = fix(config(out, dry_run=True))
    assert told(of_the_copy) == {}


def test_in_place_keeps_originals_and_is_idempotent(faulty: Path) -> None:
    before = snapshot(faulty)
    result = fix(config(faulty, in_place=True))
    backup = faulty.with_name("phantoms-before-fix")
    assert result.where == backup
    assert told(result) == EXPECTED
    kept = snapshot(backup)
    assert {name: before[name] for name in EXPECTED} == {n: kept[n] for n in EXPECTED}
    assert {n for n, sha in snapshot(faulty).items() if before[n] != sha} == set(EXPECTED)
    once = snapshot(faulty.parent)
    assert told(fix(config(faulty, in_place=True))) == {}
    assert snapshot(faulty.parent) == once


def test_a_label_that_was_replaced_later_is_kept_as_well(faulty: Path) -> None:
    label = faulty / "labels" / "p1.nii.gz"
    first = label.read_bytes()
    fix(config(faulty, in_place=True))
    image = read_stored(label)
    label.write_bytes(encoded(image.with_array(image.array.astype(np.float64)), label.name))
    second = label.read_bytes()
    fix(config(faulty, in_place=True))
    backup = faulty.with_name("phantoms-before-fix") / "labels"
    assert (backup / "p1.nii.gz").read_bytes() == first
    assert (backup / "p1.nii.gz.2").read_bytes() == second


def test_of_a_manifest_only_what_it_names_is_copied(faulty: Path, tmp_path: Path) -> None:
    (faulty / "diary.txt").write_text("private")
    manifest = faulty / "set.csv"
    manifest.write_text("image,label,structure,value\nimages/p1.nii.gz,labels/p1.nii.gz,liver,1\n")
    fix(config(manifest, out=tmp_path / "out"))
    copied = set(snapshot(tmp_path / "out"))
    assert copied == {"fixes.jsonl", "set.csv", "images/p1.nii.gz", "labels/p1.nii.gz"}
    assert open_dataset(tmp_path / "out" / "set.csv").n_labels == 1


def test_coloured_pictures_are_left_alone_and_no_failure(tmp_path: Path) -> None:
    root = tmp_path / "set"
    Image.new("P", (30, 20), 1).save(_made(root / "labels" / "a.png"))
    Image.new("L", (30, 20), 9).save(_made(root / "images" / "a.png"))
    (root / "labels.json").write_text('{"1": "lesion"}')
    result = fix(config(root, dry_run=True))
    assert (result.exit_code, result.failed, len(result.left)) == (0, [], 1)
    assert "mode P" in result.left[0]


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize("options", [{"out": "out"}, {"in_place": True}])
@pytest.mark.parametrize("where", ["put", "keep_original"])
@pytest.mark.parametrize("moment", [0, 1])
def test_a_stop_at_any_moment_is_made_good(
    faulty: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    where: str,
    moment: int,
) -> None:
    """The end is the same as without a stop, and no change is logged twice."""
    whole, cut = tmp_path / "a" / "set", tmp_path / "b" / "set"
    for root in (whole, cut):
        shutil.copytree(faulty, root)
    real: Callable[..., None] = getattr(Destination, where)
    calls: list[str] = []

    def stop(self: Destination, file: str, *rest: Any) -> None:
        calls.append(file)
        if len(calls) == moment + 1:
            raise KeyboardInterrupt
        real(self, file, *rest)

    def run(root: Path) -> FixResult:
        given = {**options, "out": root.parent / "out"} if "out" in options else options
        return fix(config(root, **given))

    run(whole)
    monkeypatch.setattr(Destination, where, stop)
    with pytest.raises(KeyboardInterrupt):
        run(cut)
    monkeypatch.setattr(Destination, where, real)
    run(cut)
    a, b = (snapshot(root.parent) for root in (whole, cut))
    logs = [name for name in a if name.endswith("fixes.jsonl")]
    assert {n: s for n, s in a.items() if n not in logs} == {
        n: s for n, s in b.items() if n not in logs
    }
    lines = [json.loads(line)["file"] for line in lines_of(cut.parent / logs[0])]
    assert sorted(lines) == sorted(EXPECTED)


def test_a_line_cut_off_by_a_crash(faulty: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fix(config(faulty, out=out))
    log = out / "fixes.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + lines[1][:20])
    again = fix(config(faulty, out=out))
    assert (len(again.fixes), again.n_before) == (1, 1)
    assert json.loads(log.read_bytes().splitlines()[-1])["file"] == "labels/p2.nii.gz"


def test_only_what_was_changed(faulty: Path, tmp_path: Path) -> None:
    fix(config(faulty, out=tmp_path / "out", changed_only=True))
    assert set(snapshot(tmp_path / "out")) == {*EXPECTED, "fixes.jsonl"}


def test_rules_can_be_chosen(faulty: Path) -> None:
    result = fix(config(faulty, dry_run=True, rules=("float_storage",)))
    assert set(told(result)) == {"labels/p1.nii.gz"}
    islands = fix(config(faulty, dry_run=True, rules=("islands",), island_voxels=3))
    assert told(islands) == {}


def test_pictures_that_say_255(tmp_path: Path) -> None:
    """An nnU-Net set of PNG files, as its own check refuses them."""
    root = tmp_path / "Dataset001_Lesion"
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:30] = 255
    write_picture(root / "imagesTr" / "a_0000.png", np.full((40, 50), 9, np.uint8))
    write_picture(root / "labelsTr" / "a.png", mask)
    about = {
        "channel_names": {"0": "photo"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 1,
        "file_ending": ".png",
    }
    (root / "dataset.json").write_text(json.dumps(about))
    assert told(fix(config(root, in_place=True))) == {"labelsTr/a.png": ["mask_coding"]}
    assert read_labels(root / "labelsTr" / "a.png").counts == {0: 1800, 1: 200}


def test_links_are_left_alone(faulty: Path, tmp_path: Path) -> None:
    label = faulty / "labels" / "p1.nii.gz"
    elsewhere = tmp_path / "elsewhere.nii.gz"
    label.rename(elsewhere)
    label.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    result = fix(config(faulty, in_place=True))
    assert "labels/p1.nii.gz" not in told(result)
    assert elsewhere.read_bytes() == before
    assert label.is_symlink()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "choose one"),
        ({"dry_run": True, "in_place": True}, "choose one"),
        ({"dry_run": True, "rules": ("shape",)}, "no rule shape; there are scaled_values"),
        ({"dry_run": True, "rules": ("islands",)}, "--island-voxels"),
        ({"dry_run": True, "backup": Path("b")}, "--in-place"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config(tmp_path, **options)
    assert words in str(caught.value)


def test_places_that_would_be_lost(faulty: Path, tmp_path: Path) -> None:
    for out in (faulty, faulty / "inside", faulty.parent):
        with pytest.raises(UsageError, match="choose another"):
            fix(config(faulty, out=out))
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="choose an empty folder"):
        fix(config(faulty, out=taken))
    assert (taken / "thesis.txt").read_text() == "mine"


def test_on_the_command_line(
    faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["fix", str(faulty), *words])
        code = ended.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    code, out, err = call("--dry-run", "-q")
    assert (code, out) == (3, "")
    assert "2 of 4 label files would be repaired" in err
    assert "labels/p1.nii.gz: whole numbers were stored as float32" in err
    code, out, _ = call("-o", str(tmp_path / "out"), "--json", "-q")
    assert (code, len(json.loads(out)["repaired"])) == (3, 2)
    assert str(tmp_path) not in out
    code, _, err = call()
    assert code == 2
    assert len(err.splitlines()) == 1


def test_a_copy_follows_the_data_set(faulty: Path, tmp_path: Path) -> None:
    fix(config(faulty, out=tmp_path / "out"))
    for folder in ("images", "labels"):
        shutil.copy(faulty / folder / "p4.nii.gz", faulty / folder / "p3.nii.gz")
    shutil.copy(faulty / "labels" / "p4.nii.gz", faulty / "labels" / "p1.nii.gz")  # now sound
    names = faulty / "labels.json"
    before = names.stat()
    names.write_text(names.read_text().replace("liver", "river"))
    os.utime(names, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time
    shutil.copy(faulty / "images" / "p4.nii.gz", faulty / "images" / "p5.nii.gz")
    again = fix(config(faulty, out=tmp_path / "out"))
    fix(config(faulty, out=tmp_path / "fresh"))
    out, fresh = snapshot(tmp_path / "out"), snapshot(tmp_path / "fresh")
    assert {**out, "fixes.jsonl": ""} == {**fresh, "fixes.jsonl": ""}
    changed = {"images/p3.nii.gz", "labels/p3.nii.gz", "labels/p1.nii.gz", "labels.json"}
    assert set(again.rest.renewed) == changed
    assert again.rest.gone == ()


def test_what_a_data_set_no_longer_has_is_told_and_stays(faulty: Path, tmp_path: Path) -> None:
    fix(config(faulty, out=tmp_path / "out"))
    gone = {"images/p1.nii.gz", "labels/p1.nii.gz", "images/p4.nii.gz"}
    for file in gone:
        (faulty / file).unlink()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    again = fix(config(faulty, out=tmp_path / "out"))
    assert set(again.rest.gone) == {*gone, "notes.txt"} == set(again.to_json()["gone"])  # type: ignore[call-overload]
    assert gone <= set(snapshot(tmp_path / "out"))


def test_changed_files_alone_follow_the_data_set(faulty: Path, tmp_path: Path) -> None:
    options = {"out": tmp_path / "out", "changed_only": True}
    fix(config(faulty, **options))
    shutil.copy(faulty / "labels" / "p4.nii.gz", faulty / "labels" / "p1.nii.gz")
    again = fix(config(faulty, **options))
    assert set(snapshot(tmp_path / "out")) == {"labels/p2.nii.gz", "fixes.jsonl"}
    assert again.rest.gone == ()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664])
def test_repaired_files_keep_their_mode(faulty: Path, tmp_path: Path, mode: int) -> None:
    for path in (faulty / "labels").iterdir():
        path.chmod(mode)
    fix(config(faulty, out=tmp_path / "out"))
    fix(config(faulty, in_place=True))
    backup = faulty.with_name("phantoms-before-fix")
    for root in (tmp_path / "out", faulty, backup):
        found = {path.stat().st_mode & 0o777 for path in (root / "labels").iterdir()}
        assert found == {mode}


def test_a_link_in_a_circle_is_left_out(faulty: Path, tmp_path: Path) -> None:
    (faulty / "circle.txt").symlink_to("circle.txt")
    os.mkfifo(faulty / "pipe.txt")
    fix(config(faulty, out=tmp_path / "out"))
    assert not {"circle.txt", "pipe.txt"} & {p.name for p in (tmp_path / "out").iterdir()}


def bad_affine(path: Path, number: float, form: str = "sform") -> None:
    """Write one number all over a form of a packed NIfTI file, and make it the one that counts."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    sform, qform = (1, 0) if form == "sform" else (0, 1)
    struct.pack_into("<hh", raw, 252, qform, sform)
    if form == "sform":
        struct.pack_into("<12f", raw, 280, *[number] * 12)
    else:
        struct.pack_into("<6f", raw, 256, *[number] * 6)
        struct.pack_into("<3f", raw, 80, *[number] * 3)
    path.write_bytes(gzip.compress(bytes(raw)))


@pytest.mark.parametrize("number", [0.0, float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("form", ["sform", "qform"])
@pytest.mark.parametrize("folder", ["images", "labels"])
def test_a_file_without_geometry_costs_itself_alone(
    tmp_path: Path, number: float, form: str, folder: str
) -> None:
    root, affine = tmp_path / "set", np.diag([2.0, 2.0, 2.0, 1.0])
    for name in ("a", "b"):
        array = np.zeros((6, 6, 6), dtype=np.float32)
        array[2:4, 2:4, 2:4] = 1
        save(root / "images" / f"{name}.nii.gz", array.astype(np.int16), affine, affine)
        save(root / "labels" / f"{name}.nii.gz", array, affine, affine)
    bad_affine(root / folder / "a.nii.gz", number, form)
    result = fix(config(root, out=tmp_path / "out"))
    assert [line.split(":")[0] for line in result.failed] == ["a"]
    assert [fix.file for fix in result.fixes] == ["labels/b.nii.gz"]
    assert result.exit_code == 3
    assert (tmp_path / "out" / "labels" / "a.nii.gz").read_bytes() == (
        root / "labels" / "a.nii.gz"
    ).read_bytes()


def test_an_exception_nobody_foresaw_costs_one_file(
    faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(label: StoredLabel, *arguments: Any) -> Any:
        if label.file_name == "p1.nii.gz":
            raise ZeroDivisionError
        return repaired(label, *arguments)

    before = fix(config(faulty, dry_run=True))
    monkeypatch.setattr(plan_fix, "repaired", broken)
    result = fix(config(faulty, dry_run=True))
    assert len(result.failed) == len(before.failed) + 1
    assert {f.file for f in result.fixes} == {f.file for f in before.fixes} - {"labels/p1.nii.gz"}


@pytest.mark.parametrize(
    ("value", "moved_mm", "declared"),
    [(0.5, 0.0, 1), (1.0, 17.0, 1), (np.nan, 0.0, 1), (7.0, 0.0, 1)],
)
def test_what_is_left_is_named_with_its_reason(
    tmp_path: Path, value: float, moved_mm: float, declared: int
) -> None:
    root = tmp_path / "set"
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    array = np.zeros((6, 6, 6), dtype=np.float32)
    array[2:4, 2:4, 2:4], array[0, 0, 0] = value, 1
    save(root / "images" / "a.nii.gz", np.ones((6, 6, 6), np.int16), affine, affine)
    away = moved(affine, moved_mm)
    save(root / "labels" / "a.nii.gz", array, away, away)
    (root / "labels.json").write_text(json.dumps({"liver": declared}))
    result = fix(config(root, dry_run=True))
    assert [line.split(":")[0] for line in result.left] == ["a.nii.gz"]
    assert result.failed == []
