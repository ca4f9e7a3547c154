"""Zip files that may come from anywhere: Python's reader, kept within bounds."""

import io
import struct
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, cast

from segassay.errors import DatasetError
from segassay.files.section import Section

MOST_MEMBERS = 500_000
MOST_INDEX_BYTES = 2**27
_INDEX_BYTES_EACH = 512
"""Of the index for each file: more than names of any use need."""

_LOCAL_HEADER_BYTES = 30
_ENTRY, _END, _LOCATOR_64 = b"PK\1\2", b"PK\5\6", b"PK\6\7"
_END_BYTES, _END_64_BYTES, _LOCATOR_64_BYTES = 22, 56, 20
_TAIL_BYTES = (1 << 16) + _END_BYTES + _END_64_BYTES + _LOCATOR_64_BYTES


def open_zip(
    path: Path, *, within: BinaryIO | None = None, most_members: int = MOST_MEMBERS
) -> zipfile.ZipFile:
    """Open a zip file whose index is small and whose members share no bytes.

    Args:
        path: The file, or what it is called in errors if it is opened already.
        within: The opened file; whoever opened it closes it.
        most_members: More are refused before the index is read.

    Raises:
        DatasetError: Its index is too large, or members lie over one another.
        zipfile.BadZipFile, ValueError and others: It is damaged, or no zip.
    """
    with nullcontext(within) if within is not None else path.open("rb") as file:
        _require_small_index(path, file, most_members)
    found = zipfile.ZipFile(path if within is None else within)
    end = 0
    for info in sorted(found.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise DatasetError(f"{path.name}: its files lie over one another; pack it anew")
        end = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size
    if end > found.start_dir:
        raise DatasetError(f"{path.name}: is damaged or no archive (a file begins beyond its end)")
    return found


def open_zipped(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    """Open a member of a zip; never is more of it in memory than is asked for.

    Raises:
        NotImplementedError: Packed otherwise than by deflate, the one that unpacks piece by piece.
        zipfile.BadZipFile, RuntimeError and others: It is damaged, or encrypted.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError("packed otherwise than by deflate; unpack it, or pack it anew")
    member = cast(zipfile.ZipExtFile, file.open(info))
    return io.BufferedReader(Section(member, 0, info.file_size))


def _require_small_index(path: Path, file: BinaryIO, most: int) -> None:
    """Look at the index before Python makes objects of it; damage is left for Python to find."""
    size = file.seek(0, io.SEEK_END)
    begin = max(size - _TAIL_BYTES, 0)
    file.seek(begin)
    tail = file.read(_TAIL_BYTES)
    is_last = tail[-_END_BYTES:].startswith(_END)
    end = len(tail) - _END_BYTES if is_last else tail.rfind(_END)
    if end < 0 or len(tail) < end + _END_BYTES:
        return
    n_bytes = struct.unpack_from("<L", tail, end + 12)[0]
    locator = end - _LOCATOR_64_BYTES
    if locator >= _END_64_BYTES and tail.startswith(_LOCATOR_64, locator):
        end = locator - _END_64_BYTES
        n_bytes = struct.unpack_from("<Q", tail, end + 40)[0]
    if n_bytes > min(MOST_INDEX_BYTES, most * _INDEX_BYTES_EACH):
        raise DatasetError(f"{path.name}: its index has {n_bytes} bytes; unpack it")
    file.seek(max(begin + end - n_bytes, 0))
    n_members = file.read(n_bytes).count(_ENTRY)
    if n_members > most:
        raise DatasetError(f"{path.name}: more than {most} files; unpack it")
