"""Where a new judge folder comes to lie, and how: as a whole or not at all."""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: what a killed process leaves there is cleared by hand
    fcntl = None  # type: ignore[assignment]

from segassay.errors import OutputError
from segassay.judge.documents.judge_folder import judge_home, open_judge

_LOCK = "being-written"
"""Held in a working folder by the process that fills it, for as long as that lives."""

_WORK = re.compile(r"\.(?P<judge>.+)-\w{8}")
_UNLOCKED_S = 60.0
"""A working folder is locked as soon as it is made; one without a lock is given so much time."""


def default_place(name: str) -> Path:
    """Return where a judge is found by its name: in $SEGASSAY_HOME, else in the working folder."""
    home = judge_home()
    return Path(name) if home is None else home / name


def require_free(folder: Path) -> None:
    """Raise `OutputError` where a new judge would overwrite something."""
    if folder.exists():
        raise OutputError(f"{folder}: already exists; choose another -o, or remove it first")


def require_writable(folder: Path) -> None:
    """Raise `OutputError` where a new judge could not be written, before it costs minutes."""
    require_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _working_folder(folder):
            pass
    except OSError as error:
        raise OutputError.of(folder, error) from error


def put_in_place(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a new judge folder beside its place, verify it, and move it there as a whole.

    What a process that was killed left there half-done is removed.

    Args:
        folder: The judge's folder; its name is the judge's.
        fill: Writes the judge's files, checksums included, into the folder it is given.

    Raises:
        ModelError: What `fill` wrote is not a whole judge folder.
        OutputError: The folder exists, or cannot be written.
    """
    require_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _working_folder(folder) as work:
            fresh = work / folder.name
            fresh.mkdir()
            fill(fresh)
            open_judge(fresh)
            shutil.move(fresh, folder)
    except OSError as error:
        raise OutputError.of(folder, error) from error
    return folder


@contextmanager
def _working_folder(folder: Path) -> Iterator[Path]:
    """Make a hidden folder beside a judge's place, and remove it in the end."""
    _remove_left_behind(folder.parent)
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work,
        (Path(work) / _LOCK).open("w", encoding="utf-8") as lock,
    ):
        _take(lock)
        yield Path(work)


def _remove_left_behind(parent: Path) -> None:
    """Remove working folders whose process is gone; only what can be nothing else is touched."""
    for work in parent.iterdir():
        name = _WORK.fullmatch(work.name)
        if name is None or work.is_symlink() or not work.is_dir():
            continue
        if {inside.name for inside in work.iterdir()} <= {_LOCK, name["judge"]} and _is_left(work):
            shutil.rmtree(work, ignore_errors=True)


def _is_left(work: Path) -> bool:
    try:
        with (work / _LOCK).open("r+", encoding="utf-8") as lock:
            return _take(lock)
    except FileNotFoundError:
        return time.time() - work.stat().st_mtime > _UNLOCKED_S


def _take(lock: IO[str]) -> bool:
    """Take a lock that ends with the process; return whether nobody else holds it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
