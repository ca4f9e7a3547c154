"""Files that are whole or absent, whatever interrupts the writing and whoever writes beside us."""

import os
import uuid
from pathlib import Path

_UNFINISHED = ".unfinished"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step: a reader sees the old content or the new, never a part of it.

    Raises:
        OSError: The folder cannot be written; an old file is then still as it was.
    """
    fresh = _write_beside(path, content)
    try:
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def create_whole(path: Path, content: bytes) -> bool:
    """Write a file in one step unless it exists; of many processes at once one wins.

    Returns:
        Whether this call made the file.

    Raises:
        OSError: The folder cannot be written.
    """
    fresh = _write_beside(path, content)
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


def _write_beside(path: Path, content: bytes) -> Path:
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{_UNFINISHED}")
    try:
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def _create_plainly(path: Path, content: bytes) -> bool:
    """Create a file on a disk without hard links, such as a FAT memory stick."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
