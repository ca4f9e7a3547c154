"""Files that may be packed with gzip: unpacked with isal, never further than asked for."""

from pathlib import Path

from isal import isal_zlib
from isal.igzip_lib import IsalError

from segassay.errors import ReadError
from segassay.files.filesystem import open_file, read_from, stamp

GZIP = b"\x1f\x8b"
_FIRST_STEP = 1 << 14
"""Bytes of a gzip member after the first that are given to the unpacker at once, to begin with."""

SLACK = 1 << 20
"""Bytes allowed beyond voxels and header."""

FIRST_BYTES = 1 << 17
"""Enough of a file to hold its header, packed or not."""


def unpacked(path: Path, most: int, *, to_end: bool = False) -> bytes:
    """Return the first bytes of a file, at most `most`, unpacked if it is gzip.

    Raises:
        ReadError: Missing or, of gzip, damaged; with `to_end`, if it ends too early.
    """
    with open_file(path) as file:
        head = read_from(path, file, FIRST_BYTES)
        is_packed = head[:2] == GZIP
        limit = min(2 * most + SLACK if is_packed else most, stamp(path)[0])
        raw = head + read_from(path, file, max(limit - len(head), 0))
    if not is_packed:
        return raw[:most]
    try:
        data, whole = gunzip(raw, most + SLACK)
    except IsalError as error:  # type: ignore[misc]  # its stub forgets the base class
        raise ReadError(f"{path.name}: is damaged gzip ({error}); copy it again") from error
    if to_end and not whole and len(data) < most + SLACK:
        raise ReadError(f"{path.name}: truncated gzip, the file ends too early; copy it again")
    return data[:most]


def gunzip(raw: bytes, most: int) -> tuple[bytes, bool]:
    """Unpack at most `most` bytes, and say whether the last gzip member came to its end.

    A gzip file may have several members one after the other, as bgzip and pgzip write them.
    """
    view = memoryview(raw)
    parts: list[bytes] = []
    place, left, step = 0, most, len(raw)  # most files have one member: whole, without a copy
    while left > 0 and raw[place : place + 2] == GZIP:
        member, end = _gunzip_member(view[place:], left, step)
        parts += member
        if end is None:
            return _joined(parts), False
        place, left, step = place + end, left - sum(map(len, member)), _FIRST_STEP
    return _joined(parts), True


def _gunzip_member(view: memoryview, most: int, step: int) -> tuple[list[bytes], int | None]:
    """Unpack at most `most` bytes of a member, and return where it ends; `None` if it goes on.

    It is given piece by piece, each twice as long as the one before: isal copies what it is given
    beyond the end of a member, and there may be thousands of them.
    """
    unpacker = isal_zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    given = 0
    while most > 0 and given < len(view) and not unpacker.eof:
        piece = view[given : given + step]
        parts.append(unpacker.decompress(piece, most))
        most -= len(parts[-1])
        given, step = given + len(piece), 2 * step
    return parts, given - len(unpacker.unused_data) if unpacker.eof else None


def _joined(parts: list[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)
