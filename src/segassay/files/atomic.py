"""Files that are whole or absent, whatever interrupts the writing and whoever writes beside us."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import BinaryIO

_UNFINISHED = ".unfinished"


def write_whole(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Write a file in one step: a reader sees the old content or the new, never a part of it.

    Args:
        path: The file.
        content: All of it.
        like: File whose mode the new one gets; of `path` itself also the owner, where allowed.

    Raises:
        OSError: The folder cannot be written; an old file is then still as it was.
    """
    with whole_file(path, like=like) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path, *, like: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file to be written piece by piece; it takes its place in one step at the end.

    Args and errors as in `write_whole`.
    """
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{_UNFINISHED}")
    try:
        with fresh.open("xb") as file:
            if like is not None and like.exists():
                _take_rights(file.fileno(), like.stat(), owner=like == path)
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def create_whole(path: Path, content: bytes) -> bool:
    """Write a file in one step unless it exists; of many processes at once one wins.

    Returns:
        Whether this call made the file.

    Raises:
        OSError: The folder cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{_UNFINISHED}")
    write_whole(fresh, content)
    try:
        path.hardlink_to(fresh)  # fails where the name is taken, which a rename does not
    except FileExistsError:
        return False
    except OSError:
        return _create_plainly(path, content)
    finally:
        fresh.unlink()
    return True


def is_unfinished(path: Path) -> bool:
    """Whether a file is what an interrupted `write_whole` left behind."""
    return path.name.endswith(_UNFINISHED)


def _take_rights(file: int, like: os.stat_result, *, owner: bool) -> None:
    """Give an open file the mode of another one, before anything is in it."""
    if owner and hasattr(os, "fchown"):
        with suppress(PermissionError):  # who may repair a file may not give it away
            os.fchown(file, like.st_uid, like.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(file, S_IMODE(like.st_mode))


def _create_plainly(path: Path, content: bytes) -> bool:
    """Create a file on a disk without hard links, such as a FAT memory stick."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
