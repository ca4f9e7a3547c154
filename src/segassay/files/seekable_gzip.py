"""A gzip file read at any place: places to start from are kept, so little is unpacked twice.

Gzip can only be read from its beginning, unless the state of the unpacker is kept: the last 32 KiB
and where in the packed bytes they ended. One such stop is kept per 32 MiB, about 60 KB each; a read
begins at the last stop before it. The same idea as zlib's example `zran`.
"""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassay.errors import DatasetError

_CHUNK_BYTES = 1 << 14
_STEP_BYTES = 1 << 25
_MAGIC = b"\x1f\x8b"
_WITH_HEADER = 31
"""zlib's word for gzip with its header and its checksum."""

_SMALL_BYTES = 1 << 26
_HIGHEST_RATIO = 1000
"""Of unpacked to packed bytes, beyond `_SMALL_BYTES`: nothing but zeros is packed as well."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A place to start from: bytes unpacked and packed so far, and the unpacker as it was there."""

    unpacked: int
    packed: int
    unpacker: Any


class SeekableGzip(io.RawIOBase):
    """The unpacked bytes of a gzip file, of several members, too, as a file.

    `stops` is shared by all who read one file: what the first one found on its way serves the
    others, who only read it.

    Raises:
        DatasetError: On reading: it unpacks to more than a thousand times its size.
        EOFError: On reading: the file ends too early.
        zlib.error: On reading: it is damaged.
    """

    def __init__(self, path: Path, stops: list[Stop]) -> None:
        self._path = path
        self._file = path.open("rb")
        self._stops = stops
        if not stops:
            stops.append(Stop(0, 0, zlib.decompressobj(_WITH_HEADER)))
        self._begin_at(stops[0])

    def readable(self) -> bool:
        """Return `True`."""
        return True

    def seekable(self) -> bool:
        """Return `True`."""
        return True

    def tell(self) -> int:
        """Return the number of unpacked bytes before the current place."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place counted from the beginning or from here; beyond the end is the end."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end is not known before all is unpacked")
        goal = offset + (self._place if whence == io.SEEK_CUR else 0)
        stop = max((s for s in self._stops if s.unpacked <= goal), key=lambda s: s.unpacked)
        if goal < self._place or stop.unpacked > self._place:
            self._begin_at(stop)
        while self._place < goal and self._more(goal - self._place):
            pass
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the next bytes go; 0 at the end."""
        data = self._more(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _begin_at(self, stop: Stop) -> None:
        self._file.seek(stop.packed)
        self._unpacker = stop.unpacker.copy()
        self._packed = b""
        self._place = stop.unpacked

    def _more(self, most: int) -> bytes:
        """Unpack at most `most` bytes, and at least one before the end."""
        while most > 0:
            if self._unpacker.eof and not self._next_member():
                return b""
            self._packed = self._packed or self._file.read(_CHUNK_BYTES)
            if not self._packed:
                raise EOFError("the file ends too early")
            data: bytes = self._unpacker.decompress(self._packed, min(most, _STEP_BYTES))
            unpacker = self._unpacker
            self._packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if data:
                self._place += len(data)
                self._keep_stop()
                return data
        return b""

    def _next_member(self) -> bool:
        """Begin the next member, if there is one; zeros that fill up a tape are none."""
        while len(self._packed) < len(_MAGIC) and (more := self._file.read(_CHUNK_BYTES)):
            self._packed += more
        if not self._packed.startswith(_MAGIC):
            return False
        self._unpacker = zlib.decompressobj(_WITH_HEADER)
        return True

    def _keep_stop(self) -> None:
        packed = self._file.tell() - len(self._packed)
        if self._place > max(_SMALL_BYTES, _HIGHEST_RATIO * packed):
            raise DatasetError(
                f"{self._path.name}: unpacks to more than {_HIGHEST_RATIO} times its size; "
                "unpack it if that is meant"
            )
        if self._place >= self._stops[-1].unpacked + _STEP_BYTES:
            self._stops.append(Stop(self._place, packed, self._unpacker.copy()))
