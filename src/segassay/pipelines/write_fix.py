"""Where repaired files go: into a copy of the data set, or in place with originals in a backup."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segassay.data.files import checksum
from segassay.errors import OutputError, ReadError
from segassay.records.whole_file import is_unfinished, write_whole
from segassay.repair.log import NAME, read_fixes


@dataclass(frozen=True, slots=True)
class Destination:
    """A folder that gets repaired files, and the folder with the log of them.

    Attributes:
        root: The data set.
        into: Where repaired files are written: the copy, or `root` itself.
        folder: Where the log lies: the copy, or the backup.
    """

    root: Path
    into: Path
    folder: Path

    @property
    def log(self) -> Path:
        """The log of changes."""
        return self.folder / NAME

    def open(self) -> dict[str, tuple[str, str]]:
        """Make the folder, or go on in it; return the checksums before and after that it knows.

        Raises:
            OutputError: The folder holds something else.
            OSError: It cannot be written.
        """
        if self.folder.is_dir() and any(self.folder.iterdir()) and not self.log.is_file():
            raise OutputError(f"{self.folder}: holds no repair's files; choose an empty folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        return {file: (before, after) for file, before, after in read_fixes(self.log)}

    def holds(self, file: str, after_sha256: str) -> bool:
        """Whether the repaired file has been written."""
        path = self.into / file
        try:
            return path.is_file() and checksum(path) == after_sha256
        except ReadError:
            return False

    def keep_original(self, file: str) -> None:
        """Copy the original into the backup, unless it is there: the oldest one is kept."""
        kept = self.folder / file
        if self.into == self.root and not kept.exists():
            _copy(self.root / file, kept)

    def put(self, file: str, content: bytes) -> None:
        """Write a repaired file in one step."""
        path = self.into / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)

    def copy_rest(self) -> None:
        """Copy every file of the data set that is not in the copy yet; links out of it are left."""
        root = self.root.resolve()
        for path in _files(root):
            target = self.into / path.relative_to(root)
            if not target.exists() and path.resolve().is_relative_to(root):
                _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    """Copy a file so that the target is whole or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        shutil.copy2(path, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not is_unfinished(path):
                yield path
