"""A file that is watched is opened once, and its checksum is that of all its bytes."""

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from segassay.errors import ReadError
from segassay.files import filesystem, read_once
from segassay.files.filesystem import checksum, open_file, read_bytes
from segassay.files.read_once import ReadOnce, watching

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are really opened."""
    names: list[str] = []
    real = filesystem._open

    def noted(path: Path) -> BinaryIO:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(filesystem, "_open", noted)
    return names


@pytest.fixture(params=["small", "large"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is kept in memory, or one that is too large for it."""
    if request.param == "large":
        monkeypatch.setattr(read_once, "_SMALL_BYTES", 1000)
    (tmp_path / "a.bin").write_bytes(CONTENT)
    return tmp_path / "a.bin"


@pytest.mark.parametrize("order", ["straight", "a part", "back and forth", "nothing"])
def test_its_checksum_is_that_of_all_bytes(path: Path, opened: list[str], order: str) -> None:
    with ReadOnce().watched():
        with open_file(path) as file:
            if order == "straight":
                assert file.read(1000) + file.read() == CONTENT
            if order == "a part":
                assert file.read(70_000) == CONTENT[:70_000]
            if order == "back and forth":
                file.seek(-50_000, io.SEEK_END)
                assert file.read() == CONTENT[-50_000:]
                file.seek(10)
                assert file.read(20) == CONTENT[10:30]
                assert file.tell() == 30
        assert checksum(path) == SHA256
        assert read_bytes(path, 352) == CONTENT[:352]
        assert opened == ["a.bin"]
    assert checksum(path) == SHA256
    assert opened == ["a.bin", "a.bin"]


def test_small_files_come_from_memory_until_others_need_the_room(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_once, "_MOST_BYTES", 250)
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode() * 100)
    with ReadOnce().watched():
        for name in "abcca":
            assert read_bytes(tmp_path / name) == name.encode() * 100
    assert opened == ["a", "b", "c", "a"]


def test_who_does_not_watch_opens_anew(path: Path, opened: list[str]) -> None:
    assert watching() is None
    assert read_bytes(path) == read_bytes(path) == CONTENT
    assert opened == ["a.bin"] * 2


@pytest.mark.parametrize("limit", [1 << 23, 100])
def test_a_damaged_file_of_an_archive_has_no_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(read_once, "_SMALL_BYTES", limit)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.bin", CONTENT)
        archive.writestr("bad.bin", CONTENT)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[-len(CONTENT) // 2] ^= 1
    (tmp_path / "a.zip").write_bytes(bytes(data))
    with ReadOnce().watched():
        assert read_bytes(tmp_path / "a.zip" / "good.bin") == CONTENT
        assert checksum(tmp_path / "a.zip" / "good.bin") == SHA256
        for ask in (read_bytes, checksum):
            with pytest.raises(ReadError):
                ask(tmp_path / "a.zip" / "bad.bin")


@pytest.mark.parametrize("name", ["gone", "folder", "pipe"])
def test_what_is_no_file_is_refused_as_ever(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with ReadOnce().watched(), pytest.raises(ReadError):
        open_file(tmp_path / name)
