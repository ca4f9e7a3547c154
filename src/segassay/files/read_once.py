"""Files opened once, whoever asks for their bytes meanwhile, with checksums of what passed."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

_SMALL_BYTES = 1 << 23
"""Files up to this size are read whole when they are opened, and given again from memory."""

_MOST_BYTES = 1 << 25
"""Of all such files together; the first ones make room."""

_HEAD_BYTES = 1 << 14
"""So much of the beginning of every file stays: it holds the headers that are asked for again."""

_CHUNK_BYTES = 1 << 20


class ReadOnce:
    """What passed of some files, those of one case: checksums, beginnings, small ones whole.

    Threads may share it; each says with `watched` when it reads.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sums: dict[Path, str] = {}
        self._heads: dict[Path, bytes] = {}
        self._whole: dict[Path, bytes] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Let all that this thread opens in the `with` block pass by here."""
        before = _watching.set(self)
        try:
            yield
        finally:
            _watching.reset(before)

    def open(self, path: Path, size: int, opened: Callable[[Path], BinaryIO]) -> BinaryIO:
        """Open a file of `size` bytes by `opened`, or give it again if it is in memory."""
        kept = self._whole.get(path)
        if kept is not None:
            return io.BytesIO(kept)
        file = opened(path)
        if not 0 <= size <= _SMALL_BYTES:
            return io.BufferedReader(_Passing(file, lambda head, s: self._note(path, head, s)))
        try:
            content = file.read(_SMALL_BYTES + 1)
        except Exception:  # damaged, in an archive: who reads it anew says how
            return opened(path)
        finally:
            file.close()
        self._note(path, content[:_HEAD_BYTES], hashlib.sha256(content).hexdigest())
        with self._lock:
            self._whole[path] = content
            while sum(map(len, self._whole.values())) > _MOST_BYTES:
                del self._whole[next(iter(self._whole))]
        return io.BytesIO(content)

    def beginning(self, path: Path, most: int) -> bytes | None:
        """Return the first `most` bytes of a file that passed; `None` if they are not kept."""
        head = self._heads.get(path)
        return None if head is None or most > _HEAD_BYTES else head[:most]

    def sha256(self, path: Path) -> str | None:
        """Return the checksum of a file that passed to its end; `None` of others."""
        return self._sums.get(path)

    def _note(self, path: Path, head: bytes, sha256: str) -> None:
        self._heads[path], self._sums[path] = head, sha256


def watching() -> ReadOnce | None:
    """Return by whom passes what this thread opens; `None` where nobody asked for it."""
    return _watching.get()


_watching: ContextVar[ReadOnce | None] = ContextVar("_watching", default=None)


class _Passing(io.RawIOBase):
    """A file whose bytes are summed up as they are read; closing it reads the rest."""

    name = ""
    """Libraries ask whatever they read from for its name."""

    def __init__(self, file: BinaryIO, done: Callable[[bytes, str], None]) -> None:
        self._file, self._done = file, done
        self._head, self._sum = b"", hashlib.sha256()
        self._summed = 0

    def readable(self) -> bool:
        """Return `True`."""
        return True

    def seekable(self) -> bool:
        """Return `True`."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place counted from the beginning, from here or from the end."""
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the next bytes go; 0 at the end."""
        begin = self._file.tell()
        n = int(self._file.readinto(buffer))  # type: ignore[attr-defined]  # buffered, all of them
        if begin <= self._summed < begin + n:
            fresh = memoryview(buffer)[self._summed - begin : n]
            self._sum.update(fresh)
            self._head += bytes(fresh[: max(_HEAD_BYTES - len(self._head), 0)])
            self._summed += len(fresh)
        return n

    def close(self) -> None:
        """Sum up what was not read, tell the checksum, and close the file."""
        if self.closed:
            return
        with suppress(Exception):  # damaged, in an archive: it has no checksum
            self._file.seek(self._summed)
            rest = bytearray(_CHUNK_BYTES)
            while self.readinto(rest):
                pass
            self._done(self._head, self._sum.hexdigest())
        self._file.close()
        super().close()
