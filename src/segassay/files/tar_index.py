"""What a tar file holds, header by header, in little memory.

Python's own reader keeps every header, and takes names of any length into memory before anything
can be said against them; an archive may come from anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_BLOCK = 512
_FILES = (b"0", b"\0", b"7")
_HARD_LINK, _LINK, _SPARSE = b"1", b"2", b"S"
_NAME, _TARGET = b"L", b"K"
"""GNU's kinds of headers whose content is a long name of what follows."""

_PAX, _PAX_FOR_ALL = (b"x", b"X"), b"g"
_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")
_MOST_TOLD = 1 << 16
"""Bytes of a long name or of a pax header; a path has at most 4096."""


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A file, or a link (`target` is not empty; `is_hard`: it counts from the archive's top)."""

    name: str
    n_bytes: int
    begins_at: int
    target: str = ""
    is_hard: bool = False


def tar_entries(stream: BinaryIO) -> Iterator[TarEntry]:
    """Yield the files and links of a tar; folders, devices and sparse files are left out.

    Raises:
        ValueError: A header is damaged, or announces a name beyond all measure.
        EOFError: The archive ends within a header or a file.
    """
    told: dict[str, str] = {}
    for_all: dict[str, str] = {}
    place = 0
    while head := _header(stream, place):
        kind, n_bytes = head[156:157], _number(head[124:136])
        place += _BLOCK
        if kind in (_NAME, _TARGET, *_PAX, _PAX_FOR_ALL):
            if n_bytes > _MOST_TOLD:
                raise ValueError(f"a name of {n_bytes} bytes; at most {_MOST_TOLD}")
            content = _exactly(stream, n_bytes)
            if kind == _PAX_FOR_ALL:
                for_all = _pax(content)
            elif kind in _PAX:
                told.update(_pax(content))
            else:
                key = "path" if kind == _NAME else "linkpath"
                told[key] = _text(content)
        else:
            told = {**for_all, **told}
            n_bytes = int(told.get("size", n_bytes))
            place += _more_headers(stream, head) if kind == _SPARSE else 0
            yield from _entry(head, told, place, n_bytes)
            n_bytes, told = 0 if kind in _WITHOUT_CONTENT else n_bytes, {}
        place = _after(stream, place, n_bytes)
    if place == 0:
        raise EOFError("it is empty")


def _header(stream: BinaryIO, place: int) -> bytes:
    """Return the next header, empty at the end of the archive."""
    head = stream.read(_BLOCK)
    if not head.strip(b"\0"):
        return b"" if len(head) in (0, _BLOCK) or place else head
    if len(head) < _BLOCK:
        raise EOFError("it ends within a header")
    told = _number(head[148:156])
    rest = head[:148] + b" " * 8 + head[156:]
    total = sum(rest)
    # some old programs took bytes for signed numbers
    if told != total and told != total - 256 * sum(n > 127 for n in rest):
        raise ValueError("a header has another checksum than it tells")
    return head


def _entry(head: bytes, told: dict[str, str], place: int, n_bytes: int) -> Iterator[TarEntry]:
    kind = head[156:157]
    prefix = _text(head[345:500]) if head[257:263] == b"ustar\0" else ""
    short = _text(head[:100])
    name = told.get("path", f"{prefix}/{short}" if prefix else short)
    is_sparse = any(key.startswith("GNU.sparse.") for key in told)
    if kind in (_LINK, _HARD_LINK):
        target = told.get("linkpath", _text(head[157:257]))
        yield TarEntry(name, 0, place, target or ".", is_hard=kind == _HARD_LINK)
    elif kind in _FILES and not name.endswith("/") and not is_sparse:
        yield TarEntry(name, n_bytes, place)


def _pax(content: bytes) -> dict[str, str]:
    """Read `length key=value` lines; a `length` counts the line from its first digit."""
    found = {}
    while content.strip(b"\0"):
        length = int(content[: content.index(b" ")])
        key, _, value = content[:length].rstrip(b"\n").partition(b" ")[2].partition(b"=")
        if length <= 0 or not key:
            raise ValueError("a pax header is damaged")
        found[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        content = content[length:]
    return found


def _more_headers(stream: BinaryIO, head: bytes) -> int:
    """Skip what continues the header of a sparse file, and return its size."""
    n_bytes, more = 0, head[482]
    while more:
        more = _exactly(stream, _BLOCK)[504]
        n_bytes += _BLOCK
    return n_bytes


def _after(stream: BinaryIO, place: int, n_bytes: int) -> int:
    """Go behind a content and what fills up its last block, and return that place."""
    if n_bytes < 0:
        raise ValueError(f"a file of {n_bytes} bytes")
    end = place + n_bytes
    if n_bytes:
        stream.seek(end - 1)
        _exactly(stream, 1)
    end += -n_bytes % _BLOCK
    stream.seek(end)
    return end


def _exactly(stream: BinaryIO, n_bytes: int) -> bytes:
    content = stream.read(n_bytes)
    if len(content) < n_bytes:
        raise EOFError("it ends within a file")
    return content


def _number(field: bytes) -> int:
    """Read a number in octal digits, or in binary where the first bit says so."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big") - (1 << (8 * len(field) - 1))
    return int(field.split(b"\0", 1)[0].strip() or b"0", 8)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
