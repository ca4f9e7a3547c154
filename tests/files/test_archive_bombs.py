"""Small archives that ask for much: refused or read, in memory of the order of their own size."""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from segassay.errors import DatasetError, ReadError
from segassay.files import filesystem, zip_file
from segassay.files.tar_index import tar_entries
from segassay.images.formats.npz import arrays_in, read_npz

MEBI = 1 << 20
ZEROS = bytes(1 << 24)
N = 16
"""A quarter of a gibibyte of zeros, of which some kilobytes are left when packed."""

MOST_MEBI = 250
"""What starting and indexing a small archive may take."""


def zip_with_a_link_of_zeros(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        info = zipfile.ZipInfo("images/l.nii.gz")
        info.external_attr, info.create_system, info.compress_type = 0o120777 << 16, 3, 8
        with file.open(info, "w", force_zip64=True) as member:
            for _ in range(N):
                member.write(ZEROS)


def zip_that_lies(path: Path, method: int) -> None:
    """A description of a quarter of a gibibyte that is said to have ten bytes."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("images/a.png", b"x")
        with file.open("labels.json", "w", force_zip64=True) as member:
            for _ in range(N):
                member.write(ZEROS)
        info = file.getinfo("labels.json")
        info.file_size, info.CRC = 10, zlib.crc32(bytes(10))


def tar_with(path: Path, kind: bytes, blocks: Iterator[bytes] | None = None) -> None:
    head = tarfile.TarInfo("././@LongLink")
    head.size, head.type = N << 24, kind
    with gzip.open(path, "wb", 6) as packed:
        packed.write(head.tobuf(tarfile.GNU_FORMAT))
        for block in blocks or (ZEROS for _ in range(N)):
            packed.write(block)
        packed.write(tarfile.TarInfo("x").tobuf() + bytes(1024))


def zip_of_many(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", b"")
    content = path.read_bytes()
    begin = content.index(b"PK\1\2")
    entry = content[begin : content.index(b"PK\5\6")]
    end = bytearray(content[-22:])
    n = 600_000
    end[8:12] = b"\xff" * 4
    end[12:16] = (n * len(entry)).to_bytes(4, "little")
    path.write_bytes(content[:begin] + entry * n + end)


def zip_laid_over_itself(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(MEBI))
        for number in range(100):
            info = zipfile.ZipInfo(f"images/{number}.png")
            first = file.getinfo("a.png")
            for key in ("header_offset", "compress_type", "compress_size", "file_size", "CRC"):
                setattr(info, key, getattr(first, key))
            file.filelist.append(info)
            file.NameToInfo[info.filename] = info


BOMBS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "link": ("s.zip", zip_with_a_link_of_zeros),
    "lie": ("s.zip", lambda p: zip_that_lies(p, zipfile.ZIP_DEFLATED)),
    "lie of bzip2": ("s.zip", lambda p: zip_that_lies(p, zipfile.ZIP_BZIP2)),
    "long name": ("s.tar.gz", lambda p: tar_with(p, b"L")),
    "long target": ("s.tgz", lambda p: tar_with(p, b"K")),
    "pax": ("s.tar.gz", lambda p: tar_with(p, b"x")),
    "pax for all": ("s.tar.gz", lambda p: tar_with(p, b"g")),
    "solaris": ("s.tar.gz", lambda p: tar_with(p, b"X")),
    "many": ("s.zip", zip_of_many),
    "laid over": ("s.zip", zip_laid_over_itself),
}


def peak_of(path: Path) -> tuple[int, str]:
    """Return exit code of `info`, and the most memory it took in MiB."""
    code = (
        "import re, sys\nfrom segassay.cli import main\ntry: main()\n"
        "except SystemExit as end: code = end.code\n"
        # Not `ru_maxrss`: a child begins with the peak of the process that started it.
        "peak = int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]) // 1024\n"
        "print('peak', peak, file=sys.stderr)\nsys.exit(code)"
    )
    command = [sys.executable, "-c", code, "info", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs resource")
@pytest.mark.parametrize("kind", list(BOMBS))
def test_a_small_archive_takes_little_memory(tmp_path: Path, kind: str) -> None:
    name, make = BOMBS[kind]
    make(tmp_path / name)
    code, told = peak_of(tmp_path / name)
    lines = told.splitlines()
    assert (code, len(lines)) == (2, 2), told
    assert int(lines[-1].removeprefix("peak ")) < MOST_MEBI


def test_a_tar_of_many_files_or_long_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.tar.gz"
    for n_files, name in ((3000, "{}"), (3, "x" * 5000), (50, "a/" * 10 + "x" * 100 + "{}")):
        with tarfile.open(path, "w:gz") as file:
            for number in range(n_files):
                file.addfile(tarfile.TarInfo(name.format(number)))
        with monkeypatch.context() as limits:
            limits.setattr("segassay.files.archives.MOST_MEMBERS", 2000)
            limits.setattr("segassay.files.archives._MOST_NAME_BYTES", 5000)
            with pytest.raises(DatasetError):
                filesystem.is_dir(path / "a")


def test_a_long_name_and_a_pax_header_of_usual_length_are_read(tmp_path: Path) -> None:
    long = "images/" + "x" * 200 + "/a.png"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        path = tmp_path / f"{kind}.tar"
        with tarfile.open(path, "w", format=kind) as file:
            name = long if kind != tarfile.USTAR_FORMAT else "images/" * 10 + "x" * 80
            info = tarfile.TarInfo(name)
            info.size = 5
            file.addfile(info, io.BytesIO(b"hello"))
            info = tarfile.TarInfo("größe.png")
            info.type, info.linkname = tarfile.SYMTYPE, name
            if kind != tarfile.USTAR_FORMAT:  # its links have short targets
                file.addfile(info)
        assert filesystem.read_bytes(path / name) == b"hello"
        if kind == tarfile.USTAR_FORMAT:
            continue
        assert filesystem.read_bytes(path / "größe.png") == b"hello"


def test_a_tar_is_indexed_as_by_pythons_own_reader(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w") as file:
        for number in range(50):
            info = tarfile.TarInfo("d/" * int(rng.integers(0, 9)) + "n" * int(rng.integers(1, 300)))
            info.name = f"{number}/{info.name}"
            info.size = int(rng.integers(0, 2000))
            info.mtime = 1.5
            file.addfile(info, io.BytesIO(rng.bytes(info.size)))
            folder = tarfile.TarInfo(f"{number}/folder")
            folder.type = tarfile.DIRTYPE
            file.addfile(folder)
    with tarfile.open(path) as file:
        own = [(i.name, i.size, i.offset_data) for i in file if i.isreg()]
    with path.open("rb") as stream:
        assert [(e.name, e.n_bytes, e.begins_at) for e in tar_entries(stream)] == own


def test_a_sparse_file_of_a_tar_is_left_out_and_others_are_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse.png").open("wb") as sparse:
        sparse.truncate(1 << 40)
    (tmp_path / "a.png").write_bytes(b"hello")
    for kind in ("gnu", "pax"):
        path = tmp_path / f"{kind}.tar"
        command = ["tar", "-S", f"--format={kind}", "-C", str(tmp_path), "-cf", str(path)]
        subprocess.run([*command, "sparse.png", "a.png"], check=True)
        assert filesystem.read_bytes(path / "a.png") == b"hello"
        assert not filesystem.is_file(path / "sparse.png")


def test_an_array_with_a_header_of_a_gibibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        head = b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little")
        file.writestr("imgs.npy", head + b" " * (64 * MEBI))
        file.writestr("gts.npy", head)
    assert arrays_in(path) == {"imgs", "gts"}
    with pytest.raises(ReadError):
        read_npz(path / "imgs")


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 * MEBI])
def test_members_are_read_from_any_place(tmp_path: Path, size: int) -> None:
    content = np.random.default_rng(0).integers(0, 9, size, dtype=np.uint8).tobytes()
    with zipfile.ZipFile(tmp_path / "s.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a/b", content)
    info = tarfile.TarInfo("a/b")
    info.size = size
    with tarfile.open(tmp_path / "s.tar", "w") as file:
        file.addfile(info, io.BytesIO(content))
    (tmp_path / "s.tar.gz").write_bytes(gzip.compress((tmp_path / "s.tar").read_bytes()))
    for name in ("s.zip", "s.tar", "s.tar.gz"):
        with filesystem.open_file(tmp_path / name / "a" / "b") as stream:
            assert stream.read() == content
            assert stream.seek(size // 2) == size // 2
            assert stream.read() == content[size // 2 :]
            assert stream.seek(0, io.SEEK_END) == size
            assert stream.read(1) == b""


def test_a_zip_with_a_comment_and_one_for_64_bits_are_read(tmp_path: Path) -> None:
    for name, comment in (("a.zip", b""), ("b.zip", b"PK\5\6" * 3), ("c.zip", b"x" * 65535)):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            with file.open("a", "w", force_zip64=True) as member:
                member.write(b"hello")
            file.comment = comment
        if b"PK" not in comment:
            assert filesystem.read_bytes(tmp_path / name / "a") == b"hello"
    assert zip_file.MOST_MEMBERS >= 200_000
