"""Files that are none, have no end, or lead elsewhere are refused in one line, and never opened."""

import gzip
import json
import os
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import write_nifti, write_picture
from segassay.datasets.discovery.listing import read_json
from segassay.errors import CaseError, DatasetError, ReadError
from segassay.files import filesystem
from segassay.files.text_table import read_rows
from segassay.images.formats.registry import read_stored
from segassay.images.io import read_image, read_labels

VOXELS = np.arange(64, dtype=np.uint8).reshape(4, 4, 4)


def to_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


STRANGE: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "random": lambda path: path.symlink_to("/dev/urandom"),
    "folder": Path.mkdir,
    "socket": to_socket,
    "kernel": lambda path: path.symlink_to("/proc/self/environ"),
    "circle": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize(
    "name", ["a.nii.gz", "a.nii", "a.png", "a.tif", "a.mha", "a.nrrd", "a.mhd"]
)
@pytest.mark.parametrize("kind", list(STRANGE))
def test_what_is_no_regular_file_is_refused(
    tmp_path: Path, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = Path(name)
    STRANGE[kind](path)
    for read in (read_image, read_labels, read_stored, filesystem.checksum, filesystem.read_bytes):
        if (read, kind) == (filesystem.checksum, "folder"):
            continue  # of a folder that is one image
        with pytest.raises(ReadError) as caught:
            read(path)
        assert "\n" not in str(caught.value)
    assert not filesystem.is_file(path)


@pytest.mark.parametrize("kind", list(STRANGE))
def test_tables_and_descriptions_are_regular_files(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        STRANGE[kind](Path(name))
        with pytest.raises(DatasetError):
            list(read_rows(Path(name)))
    STRANGE[kind](Path("labels.json"))
    with pytest.raises(DatasetError):
        read_json(Path("labels.json"))


def test_files_as_good_as_endless_are_not_read(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "t.csv", "t.jsonl", "labels.json", "t.parquet", "a.dcm"):
        with (tmp_path / name).open("wb") as file:
            file.write(gzip.compress(b"x") if name.endswith("gz") else b"x")
            file.truncate(2**43)
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        with pytest.raises(DatasetError):
            list(read_rows(tmp_path / name))
    with pytest.raises(DatasetError):
        read_json(tmp_path / "labels.json")
    with pytest.raises(ReadError):
        read_image(tmp_path / "a.nii.gz")
    for name in ("a.nii.gz", "a.dcm"):
        for read in (filesystem.checksum, filesystem.in_memory):
            with pytest.raises(ReadError):
                read(tmp_path / name)


@pytest.mark.slow
def test_endless_files_of_a_table_or_a_description_cost_their_case_alone(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_nifti(root / "imagesTr" / "a.nii.gz", VOXELS)
    write_nifti(root / "labelsTr" / "a.nii.gz", VOXELS // 32)
    os.mkfifo(root / "imagesTr" / "p.nii.gz")
    (root / "imagesTr" / "z.nii.gz").symlink_to("/dev/zero")
    places = ("imagesTr/a.nii.gz", "imagesTr/p.nii.gz", "imagesTr/z.nii.gz", "/dev/zero")
    pairs = ",".join(f'{{"image": "{p}", "label": "labelsTr/a.nii.gz"}}' for p in places)
    (root / "dataset.json").write_text(f'{{"labels": {{"liver": 1}}, "training": [{pairs}]}}')
    rows = [f"{n},{p},labelsTr/a.nii.gz,liver,1" for n, p in enumerate(places)]
    (root / "t.csv").write_text("\n".join(["case_id,image,label,structure,value", *rows]))
    for path in (root, root / "t.csv"):
        out = tmp_path / f"out-{path.name}"
        command = [sys.executable, "-m", "segassay", "check", str(path), "-o", str(out), "-q"]
        assert subprocess.run(command, check=False, timeout=120).returncode == 3
        cases = [
            json.loads(x) for p in out.glob("shards/part-*") for x in p.read_text().split("\n") if x
        ]
        assert sum(bool(case["error"]) for case in cases) == 3
        assert len(cases) == 4


def chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def refusal(read: Callable[[Path], object], path: Path) -> str:
    """Return why a file is refused, empty if it is read; any error but ours is a failure."""
    try:
        read(path)
    except CaseError as error:
        return str(error)
    return ""


CHUNKS = [
    *(
        (kind, data)
        for kind in b"pHYs gAMA cHRM sRGB tRNS acTL fcTL fdAT iCCP tEXt zTXt iTXt eXIf PLTE".split()
        for data in (b"", b"\1", b"\0\1\2", b"\xff" * 9)
    ),
    (b"IHDR", b"\0"),
    (b"zTXt", b"a\0\0" + zlib.compress(bytes(3 << 20))),
    (b"iCCP", b"a\0\1" + b"x" * 20),
]


@pytest.mark.parametrize(("kind", "data"), CHUNKS)
def test_a_malformed_chunk_is_read_or_refused_as_a_bad_file(
    tmp_path: Path, kind: bytes, data: bytes
) -> None:
    path = write_picture(tmp_path / "a.png", np.zeros((5, 6), dtype=np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + chunk(kind, data) + whole[33:])
    for read in (read_image, read_labels, read_stored):
        told = refusal(read, path)
        assert "\n" not in told
        assert str(tmp_path) not in told


def test_a_short_chunk_is_a_read_error(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", np.zeros((5, 6), dtype=np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + chunk(b"pHYs", b"\1") + whole[33:])
    for read in (read_image, read_labels, read_stored):
        with pytest.raises(ReadError):
            read(path)


@pytest.mark.parametrize("name", ["a.bmp", "a.tif", "a.gif", "a.jpg"])
def test_pictures_with_any_byte_changed_are_read_or_refused(tmp_path: Path, name: str) -> None:
    array = np.random.default_rng(0).integers(0, 255, (9, 11), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    path = (tmp_path / name).with_suffix(".png" if name == "a.gif" else Path(name).suffix)
    for place in range(0, min(len(whole), 200), 3):
        for value in (0, 1, 255):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            assert "\n" not in refusal(read_labels, path)


def test_postscript_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    with pytest.raises(ReadError, match="is not a picture"):
        read_image(path)


@pytest.mark.parametrize("n_missing", [1, 4, 5, 8, 9, 20])
def test_gzip_without_its_last_bytes_is_truncated(tmp_path: Path, n_missing: int) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOXELS)
    path.write_bytes(path.read_bytes()[:-n_missing])
    for read in (read_image, read_stored):
        with pytest.raises(ReadError):
            read(path)


@pytest.mark.parametrize("place", [-1, -3, -5, -8])
def test_gzip_with_another_checksum_or_length_is_refused(tmp_path: Path, place: int) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOXELS)
    changed = bytearray(path.read_bytes())
    changed[place] ^= 1
    path.write_bytes(changed)
    with pytest.raises(ReadError):
        read_image(path)


@pytest.mark.parametrize("n_cut", [0, 3, 8])
def test_a_second_member_is_checked_too(tmp_path: Path, n_cut: int) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOXELS)
    data = gzip.decompress(path.read_bytes())
    packed = gzip.compress(data[:200]) + gzip.compress(data[200:])
    path.write_bytes(packed[: len(packed) - n_cut])
    if n_cut:
        with pytest.raises(ReadError):
            read_image(path)
    else:
        assert read_image(path).array.sum() == VOXELS.sum()


@pytest.mark.parametrize("behind", [b"\0" * 600, b"garbage behind"])
def test_what_stands_behind_the_last_member_does_not_count(tmp_path: Path, behind: bytes) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOXELS)
    path.write_bytes(path.read_bytes() + behind)
    assert read_image(path).array.sum() == VOXELS.sum()


def test_a_file_beside_is_a_plain_name_in_the_same_folder(tmp_path: Path) -> None:
    for place in ("set/a.mhd", "set/a.raw", "secret.raw", "store/b.mhd", "store/b.raw"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"x")
    header = tmp_path / "set" / "a.mhd"
    assert filesystem.beside(header, "a.raw") == header.with_name("a.raw")
    header.with_name("c.raw").symlink_to("a.raw")
    assert filesystem.beside(header, "c.raw") == header.with_name("c.raw")
    header.with_name("out.raw").symlink_to("../secret.raw")
    header.with_name("twice.raw").symlink_to("out.raw")
    os.mkfifo(header.with_name("pipe.raw"))
    bad = "../secret.raw", str(tmp_path / "secret.raw"), "out.raw", "twice.raw", "pipe.raw"
    for name in (*bad, "", ".", "..", "set\\a.raw", "a.raw\0", "nowhere.raw"):
        with pytest.raises(ReadError):
            filesystem.beside(header, name)
    for name in ("b.mhd", "b.raw"):  # a farm of links, made by whoever has the data
        header.with_name(name).symlink_to(f"../store/{name}")
    assert filesystem.beside(header.with_name("b.mhd"), "b.raw").read_bytes() == b"x"
