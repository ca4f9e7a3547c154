"""Small files that would become large ones: refused, or read no further than they announce."""

import gzip
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti
from segassay.datasets.opening import open_dataset
from segassay.errors import ContentError, DatasetError, ReadError
from segassay.images.io import read_image

MEBI = 1 << 20


def test_zeros_behind_a_volume_are_not_unpacked(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", np.ones((4, 4, 4), dtype=np.uint8))
    more = gzip.compress(bytes(64 * MEBI), compresslevel=1)
    path.write_bytes(path.read_bytes() + more * 16)  # a gibibyte in five megabytes
    tracemalloc.start()
    try:
        assert read_image(path).array.sum() == 64
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 * MEBI


def test_a_volume_that_the_machine_cannot_hold_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", np.zeros((100, 100, 100)))
    monkeypatch.setattr("segassay.files.memory_limits.memory_bytes", lambda: 11 * MEBI)
    with pytest.raises(ContentError, match="GiB of memory"):
        read_image(path)
    monkeypatch.setattr("segassay.files.memory_limits.memory_bytes", lambda: 12 * MEBI)
    assert read_image(path).array.size == 10**6


def test_less_than_announced_takes_no_memory(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", np.ones((4, 4, 4), dtype=np.uint8))
    head = bytearray(path.read_bytes())
    head[42:48] = np.array([800, 800, 800], dtype="<i2").tobytes()
    path.with_suffix(".nii.gz").write_bytes(gzip.compress(bytes(head)))
    tracemalloc.start()
    try:
        with pytest.raises(ReadError, match="ends before its last voxel"):
            read_image(path.with_suffix(".nii.gz"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 * MEBI


def test_picture_over_the_limit_of_pixels(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    path = tmp_path / "a.png"
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixels + chunk(b"IEND", b""))
    with pytest.raises(ContentError, match=r"2\^27 pixels"):
        read_image(path)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_description_nested_without_end(tmp_path: Path, opening: str) -> None:
    (tmp_path / "dataset.json").write_text(opening * 200_000)
    with pytest.raises(DatasetError, match=r"dataset\.json") as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "t.jsonl").write_text(opening * 200_000)
    with pytest.raises(DatasetError, match=r"t\.jsonl: row 1"):
        open_dataset(tmp_path / "t.jsonl")
