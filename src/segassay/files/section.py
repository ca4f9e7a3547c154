"""A part of a stream as a file of its own, read piece by piece."""

import io
from typing import Any, Protocol

_CHUNK_BYTES = 1 << 20


class Stream(Protocol):
    """What a part is taken from: a file, or a member of a zip."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def read1(self, n: int, /) -> bytes:
        """Return some of the next bytes, at most `n`, none at the end."""

    def close(self) -> None:
        """Close it."""


class Section(io.RawIOBase):
    """`size` bytes of a stream from `begin` on; closing it closes the stream.

    However much is asked for, no more than a mebibyte is unpacked at once.

    Raises:
        EOFError: On reading: the stream ends before.
    """

    name = ""
    """Libraries ask whatever they read from for its name."""

    def __init__(self, stream: Stream, begin: int, size: int) -> None:
        self._stream, self._begin, self._size = stream, begin, size
        self._place = 0

    def readable(self) -> bool:
        """Return `True`."""
        return True

    def seekable(self) -> bool:
        """Return `True`."""
        return True

    def tell(self) -> int:
        """Return the number of bytes before the current place."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place counted from the beginning, from here or from the end."""
        self._place = max((0, self._place, self._size)[whence] + offset, 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the next bytes go; 0 at the end."""
        most = min(len(buffer), self._size - self._place, _CHUNK_BYTES)
        if most <= 0:
            return 0
        self._stream.seek(self._begin + self._place)
        data = self._stream.read1(most)
        if not data:
            raise EOFError("it ends too early")
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
        super().close()
