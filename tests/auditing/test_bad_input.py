"""Everything bad that users bring: one line each, a documented exit code, the other cases go on."""

import gzip
import io
import json
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from conftest import write_nifti, write_picture
from full_disk import files_end_at
from segassay.cli import main
from segassay.records.shards import read_facts
from segassay.records.table import read_table

MEBI = 1 << 20
GIBI = 1 << 30
NOBODY = 65534


def label() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    array = np.zeros((16, 16, 8), dtype=np.uint8)
    array[4:9, 4:9, 2:6], array[10:14, 10:14, 2:6] = 1, 2
    return array


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """Three cases of noise with two structures each."""
    root = tmp_path / "set"
    for seed, case in enumerate("abc"):
        noise = np.random.default_rng(seed).normal(size=(16, 16, 8)).astype(np.float32)
        write_nifti(root / "images" / f"{case}.nii.gz", noise)
        write_nifti(root / "labels" / f"{case}.nii.gz", np.roll(label(), seed, axis=0))
    (root / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    return root


@pytest.fixture
def small_pictures(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for seed, case in enumerate("abc"):
        noise = np.random.default_rng(seed).integers(0, 255, (16, 16), dtype=np.uint8)
        write_picture(root / "images" / f"{case}.png", noise)
        mask = np.roll(label()[..., 3], seed, axis=0)
        write_picture(root / "masks" / "heart" / f"{case}.png", np.uint8(255) * (mask == 1))
    return root


Told = tuple[int, list[str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Run a command; returns its exit code and what it told, without the lines of a good end."""

    def run(*words: str | Path) -> Told:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words)])
        assert isinstance(ended.value.code, int)
        lines = capsys.readouterr().err.splitlines()
        usual = (
            "labels: ",
            "status: ",
            "findings: ",
            "report: ",
            "note: ",
            "check ",
            "next: ",
            "error: ",
            "warning: ",
        )
        return ended.value.code, [line for line in lines if not line.startswith(usual)]

    return run


def zeros_of_50_gigabytes() -> bytes:
    return gzip.compress(bytes(64 * MEBI), compresslevel=6) * (50 * GIBI // (64 * MEBI))


def header_of(shape: tuple[int, int, int], kind: type = np.uint8) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(kind)
    header.set_sform(np.diag([-1.0, -1.0, 1.0, 1.0]), code=1)
    header["vox_offset"] = 352
    return bytes(header.binaryblock) + b"\0" * 4


def picture_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("folder", ["images", "labels"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zeros_of_50_gigabytes, "is not a NIfTI file"),
        (lambda: header_of((32767, 32767, 32767)) + bytes(200), "header announces 3518"),
        (lambda: gzip.compress(header_of((32767, 32767, 32767))), "header announces 3518"),
        (lambda: gzip.compress(header_of((900, 900, 900))), "ends before its last voxel"),
    ],
    ids=["50 GB of zeros", "32767^3", "32767^3 in gzip", "less than announced"],
)
def test_a_file_that_would_not_fit_is_one_line(
    small_set: Path,
    tmp_path: Path,
    call: Callable[..., Told],
    content: Callable[[], bytes],
    words: str,
    folder: str,
) -> None:
    data = content()
    name = "b.nii.gz" if data[:2] == b"\x1f\x8b" else "b.nii"
    (small_set / folder / "b.nii.gz").unlink()
    (small_set / folder / name).write_bytes(data)
    code, told = call("check", small_set, "-o", tmp_path / "o", "-q")
    assert code == 3
    (line,) = told
    assert line.startswith(f"b 2 labels: failed: {name}: ")
    assert words in line
    assert set(read_table(tmp_path / "o")["case_id"]) == {"b"}
    counts = json.loads((tmp_path / "o" / "manifest.json").read_text())["counts"]
    assert (counts["cases_out"], counts["cases_failed"], counts["labels"]) == (3, 1, 6)


@pytest.mark.parametrize("place", ["images/b.png", "masks/heart/b.png"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: picture_of(30_000, 30_000), "more than 2^27 pixels"),
        (lambda: picture_of(12_000, 12_000), "at most 2^27 pixels"),
        (lambda: picture_of(500, 500), "damaged or unreadable picture"),
        (lambda: b"GIF89a no picture", "is not a picture"),
    ],
    ids=["30000^2", "12000^2", "cut off", "text"],
)
def test_a_picture_over_the_limit_or_broken_is_one_line(
    small_pictures: Path,
    tmp_path: Path,
    call: Callable[..., Told],
    place: str,
    content: Callable[[], bytes],
    words: str,
) -> None:
    (small_pictures / place).write_bytes(content())
    code, told = call("check", small_pictures, "-o", tmp_path / "o", "-q")
    assert code == 3
    (line,) = told
    assert line.startswith("b heart: failed: b.png: ")
    assert words in line


def test_a_coloured_mask_is_one_line_and_a_grey_one_in_colours_is_read(
    small_pictures: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    mask = np.zeros((16, 16, 3), dtype=np.uint8)
    mask[4:9, 4:9] = 255
    write_picture(small_pictures / "masks" / "heart" / "a.png", mask)
    mask[4:9, 4:9, 2] = 0
    write_picture(small_pictures / "masks" / "heart" / "b.png", mask)
    code, told = call("check", small_pictures, "-o", tmp_path / "o", "-q")
    assert code == 3
    assert told == ["b heart: failed: b.png: coloured label picture; expected one number per pixel"]


@pytest.mark.parametrize(("step", "code"), [(0.5, 3), (1.0, 0)], ids=["fractions", "whole floats"])
def test_labels_stored_as_floats(
    small_set: Path, tmp_path: Path, call: Callable[..., Told], step: float, code: int
) -> None:
    write_nifti(small_set / "labels" / "b.nii.gz", label() * np.float32(step))
    found, told = call("check", small_set, "-o", tmp_path / "o", "-q")
    assert found == code
    rules = (tmp_path / "o" / "findings.jsonl").read_text()
    if code:
        (line,) = told
        assert line.startswith("b 2 labels: invalid: ")
        assert "from a whole number" in line
    else:
        assert told == []
        assert '"float_storage"' in rules


def test_sheared_axes_are_told_and_change_no_volume(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    for folder in ("images", "labels"):
        path = small_set / folder / "a.nii.gz"
        affine = np.diag([-1.5, -1.5, 3.0, 1.0])
        affine[1, 2] = 1.0
        write_nifti(path, np.asarray(nib.load(path).dataobj), affine)
    assert call("check", small_set, "-o", tmp_path / "o", "-q") == (0, [])
    (_, _, sheared), *others = read_facts(tmp_path / "o")
    volumes = [fact["size"] for fact in sheared]
    for _, _, facts in others:
        assert volumes == pytest.approx([fact["size"] for fact in facts])
    assert "off the right angle" in (tmp_path / "o" / "findings.jsonl").read_text()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def zips_within_zips(depth: int) -> bytes:
    data = b"the innermost"
    for level in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as file:
            file.writestr(f"{level}.zip", data)
        data = out.getvalue()
    return data


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a/" * 40 + "x.png": b""}, "folders 41 deep; at most 32"),
        ({"inner.zip": zips_within_zips(20)}, "no known layout"),
        ({"../../escaped.png": b"x"}, "lies outside of it"),
        ({"/escaped.png": b"x"}, "lies outside of it"),
    ],
    ids=["deep folders", "zips in zips", "zip-slip", "absolute"],
)
def test_an_archive_that_is_not_safe_is_one_line_and_writes_nothing(
    tmp_path: Path, call: Callable[..., Told], members: dict[str, bytes], words: str
) -> None:
    path = archive(tmp_path / "set.zip", members)
    before = sorted(tmp_path.parent.rglob("*"))
    code, told = call("check", path, "-o", tmp_path / "o", "-q")
    assert code == 2
    (line,) = told
    assert line.startswith("segassay: set.zip: ")
    assert words in line
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_bomb_within_an_archive_costs_its_case_alone(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    files = {str(p.relative_to(small_set)): p for p in small_set.rglob("*") if p.is_file()}
    members = {name: path.read_bytes() for name, path in files.items()}
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, data in members.items():
            file.writestr(name, data if name != "images/b.nii.gz" else bytes(70 * MEBI))
    code, told = call("check", tmp_path / "set.zip", "-o", tmp_path / "o", "-q")
    assert code == 3
    (line,) = told
    assert line.startswith("b 2 labels: failed: set.zip: b.nii.gz: unpacks to ")


def test_a_link_out_of_the_root_is_not_followed_and_told(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    for folder in ("images", "labels"):
        secret = tmp_path / "elsewhere" / f"{folder}.nii.gz"
        secret.parent.mkdir(exist_ok=True)
        (small_set / folder / "b.nii.gz").rename(secret)
        (small_set / folder / "b.nii.gz").symlink_to(secret)
    code, told = call("check", small_set, "-o", tmp_path / "o", "-q")
    assert code == 0
    assert len(told) == 1
    assert "link out of the data set" in (tmp_path / "o" / "index.html").read_text()


def test_paths_of_a_manifest_that_lead_away_give_nothing_away(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    secret = tmp_path / "elsewhere" / "secret.txt"
    secret.parent.mkdir()
    secret.write_text("a word that must not be told")
    up = "../" * 30
    (small_set / "t.csv").write_text(
        "case_id,image,label,structure,value\n"
        "a,images/a.nii.gz,labels/a.nii.gz,liver,1\n"
        f"up,{up}{secret},labels/b.nii.gz,liver,1\n"
        f"absolute,{secret},labels/b.nii.gz,liver,1\n"
        f"label,images/c.nii.gz,{up}{secret},liver,1\n"
        "../../c,images/c.nii.gz,labels/c.nii.gz,liver,1\n"
    )
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    code, told = call("check", small_set / "t.csv", "-o", tmp_path / "o", "-q")
    assert code == 3
    assert [line.partition(":")[0] for line in told] == [
        "up liver",
        "absolute liver",
        "label liver",
    ]
    assert all("secret.txt: unknown ending" in line for line in told)
    made = {p for p in tmp_path.rglob("*") if p.is_file()} - before
    assert all((tmp_path / "o") in p.parents for p in made)
    for path in made:
        content = path.read_bytes()
        assert b"a word that must not be told" not in content
        assert str(tmp_path).encode() not in content


def test_a_manifest_may_name_files_anywhere_on_the_disk(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    elsewhere = tmp_path / "tables"
    elsewhere.mkdir()
    row = f"{small_set}/images/a.nii.gz,../set/labels/a.nii.gz,liver,1"
    (elsewhere / "t.csv").write_text(f"image,label,structure,value\n{row}\n")
    assert call("check", elsewhere / "t.csv", "-o", tmp_path / "o", "-q") == (0, [])


def test_unknown_structure_and_two_images_for_one_case(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    out = tmp_path / "o"
    code, told = call("check", small_set, "-o", out, "-q", "--structures", "lever")
    assert (code, told) == (2, ["segassay: set: no label is called lever; there are liver, spleen"])
    shutil.copy(small_set / "images" / "a.nii.gz", small_set / "images" / "b_twin.nii.gz")
    (small_set / "images" / "b_twin.nii.gz").rename(small_set / "images" / "b.NII.GZ")
    code, told = call("check", small_set, "-o", out, "-q")
    assert (code, len(told)) == (0, 1)
    assert "second file for one case" in (out / "index.html").read_text()
    table = small_set / "t.csv"
    table.write_text("case_id,image\nb,images/a.nii.gz\nb,images/b.nii.gz\n")
    code, told = call("check", table, "-o", tmp_path / "p", "-q")
    assert code == 2
    assert told == ["segassay: t.csv: row 2: case 'b' has a second image; give it another case_id"]


def test_an_image_without_labels_that_cannot_be_read_is_told(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    (small_set / "images" / "d.nii.gz").write_text("no image")
    code, told = call("check", small_set, "-o", tmp_path / "o", "-q")
    assert code == 3
    assert told == ["d image: failed: d.nii.gz: is not a NIfTI file, whatever its name says"]


@pytest.mark.slow
def test_full_disk_at_any_file_is_one_line_and_the_run_goes_on_later(
    small_set: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    whole = tmp_path / "whole"
    words = ("check", small_set, "-q", "-o")
    assert call(*words, whole)[0] == 0
    sizes = {p.name: p.stat().st_size for p in whole.rglob("*") if p.is_file()}
    sizes["half a line of a shard"] = 300
    assert len(sizes) >= 6
    for name, size in sizes.items():
        out = tmp_path / f"full at {name}"
        with files_end_at(size - 1):
            code, told = call(*words, out)
        assert code == 2, name
        (line,) = told
        assert "cannot be written (File too large)" in line, name
        assert call(*words, out) == (0, []), name
        assert read_table(out).equals(read_table(whole)), name
        twin = (out / "findings.jsonl").read_bytes()
        assert twin == (whole / "findings.jsonl").read_bytes(), name


@contextmanager
def not_as_root() -> Iterator[None]:
    """Take the rights of nobody for a while: root may write where nothing may be written."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only(small_set: Path) -> Iterator[Path]:
    """A copy of the set that nobody may change, beside a folder that anybody may."""
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    root = Path(shutil.copytree(small_set, home / "set"))
    write_nifti(root / "labels" / "b.nii.gz", label().astype(np.float32))
    (home / "open").mkdir(mode=0o777)
    (home / "open").chmod(0o777)
    for path in (root, *root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield root
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(home)


def test_a_read_only_data_set_is_read_and_left_as_it_is(
    small_set: Path, read_only: Path, tmp_path: Path, call: Callable[..., Told]
) -> None:
    assert call("check", small_set, "-o", tmp_path / "warm", "-q")[0] == 0  # imports, as root
    assert call("fix", small_set, "--dry-run", "-q")[0] == 0
    before = {p: p.stat().st_mtime_ns for p in (read_only, *read_only.rglob("*"))}
    out = read_only.parent / "open" / "o"
    with not_as_root():
        code, told = call("check", read_only, "-o", out, "-q")
        within = call("check", read_only, "-o", read_only / "o", "-q")
        fixed = call("fix", read_only, "--in-place", "-q")
    assert (code, told) == (0, [])
    for code, told in (within, fixed):
        assert code == 2
        (line,) = told
        assert line.startswith("segassay: ")
        assert "cannot be written (Permission denied)" in line
    assert {p: p.stat().st_mtime_ns for p in (read_only, *read_only.rglob("*"))} == before
