"""Where a new judge folder comes to lie, and how: as a whole or not at all."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from segassay.errors import OutputError
from segassay.models.folder import judge_home, open_judge


def default_place(name: str) -> Path:
    """Return where a judge is found by its name: in $SEGASSAY_HOME, else in the working folder."""
    home = judge_home()
    return Path(name) if home is None else home / name


def require_free(folder: Path) -> None:
    """Raise `OutputError` where a new judge would overwrite something."""
    if folder.exists():
        raise OutputError(f"{folder}: is there already; choose another -o, or remove it first")


def require_writable(folder: Path) -> None:
    """Raise `OutputError` where a new judge could not be written, before it costs minutes."""
    require_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-").cleanup()
    except OSError as error:
        raise OutputError.of(folder, error) from error


def put_in_place(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a new judge folder beside its place, verify it, and move it there as a whole.

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
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
            fresh = Path(work) / folder.name
            fresh.mkdir()
            fill(fresh)
            open_judge(fresh)
            shutil.move(fresh, folder)
    except OSError as error:
        raise OutputError.of(folder, error) from error
    return folder
