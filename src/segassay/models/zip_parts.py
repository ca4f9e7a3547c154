"""The files in a zip from a stranger, all of them in memory, within limits checked first."""

import zipfile
import zlib
from typing import BinaryIO

from segassay.errors import ModelError

_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_END_SIZE, _LARGE_SIZE = 22, 56 + 20
"""Bytes of the record that ends a zip, and of the two before it in a large one."""

_END_BYTES = (1 << 16) + _END_SIZE + _LARGE_SIZE
"""The longest comment that a zip can end with, and these records."""

_ENTRY_BYTES = 512
"""Of the directory for each file; more than any name of a judge's file needs."""

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    NotImplementedError,
    OverflowError,
)


def read_zip(file: BinaryIO, name: str, *, most_bytes: int, most_files: int) -> dict[str, bytes]:
    """Return the content of every file in a zip, by its place; checksums are compared.

    Args:
        file: The archive, in a file that can be wound back.
        name: What messages call it.
        most_bytes: Of all files, unpacked; more are not read.
        most_files: More are not looked at.

    Raises:
        ModelError: It is damaged, no zip, packed or encrypted in a way that is not read, holds one
            place twice, or is larger than that.
    """
    _require_few(file, name, most_files)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            size = sum(entry.file_size for entry in entries)
            if size > most_bytes or len(entries) > most_files:
                raise ModelError(
                    f"{name}: {len(entries)} files, {size / 2**20:.0f} MiB unpacked; at most "
                    f"{most_files} and {most_bytes / 2**20:.0f} are read"
                )
            return dict(_unique(name, [(e.filename, _content(archive, e)) for e in entries]))
    except OSError as error:
        raise ModelError(f"{name}: {error.strerror or error}; get it again") from error
    except _DAMAGED as error:
        raise ModelError(f"{name}: a damaged archive ({error}); download it again") from error


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read as much as is announced and not a byte more: what a stream unpacks to is not bound."""
    if entry.compress_type not in _PLAIN:
        raise NotImplementedError(f"{entry.filename!r:.80} is packed in a way that is not read")
    with archive.open(entry) as part:
        content = part.read(entry.file_size)
        # The checksum is compared at the end of a file, which a reader of all its bytes has met.
        if len(content) != entry.file_size or part.read(1):
            raise EOFError(f"{entry.filename!r:.80} has not the size that it announces")
    return content


def _unique(name: str, parts: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    if len({place for place, _ in parts}) < len(parts):
        raise ModelError(f"{name}: holds two files of one name; get it again")
    return parts


def _require_few(file: BinaryIO, name: str, most: int) -> None:
    """Look at the size of the directory before the library makes an object of each entry."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES))
    tail = file.read()
    announced = max(_directory_bytes(tail, at) for at in (len(tail) - _END_SIZE, tail.rfind(_END)))
    if announced > most * _ENTRY_BYTES:
        raise ModelError(
            f"{name}: its directory has {announced} bytes, of far more than the {most} files that "
            "are read"
        )
    file.seek(0)


def _directory_bytes(tail: bytes, at: int) -> int:
    """Return what the record at `at` says of the directory's size, or the one for large zips."""
    if at < 0 or tail[at : at + 4] != _END:
        return 0
    large = tail[max(0, at - _LARGE_SIZE) : at]
    found = int.from_bytes(tail[at + 12 : at + 16], "little")
    return int.from_bytes(large[40:48], "little") if large[:4] == _END_64 else found
