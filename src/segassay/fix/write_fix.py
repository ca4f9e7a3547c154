"""Where repaired files go: into a copy of the data set, or in place with originals in a backup."""

import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from segassay.errors import OutputError, ReadError
from segassay.files.atomic import is_unfinished, write_whole
from segassay.files.filesystem import checksum
from segassay.fix.repair_log import NAME, read_fixes


@dataclass(frozen=True, slots=True)
class Rest:
    """How a copy changed since an earlier run: copied anew, and no longer in the data set."""

    renewed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """A folder that gets repaired files, and the folder with the log of them.

    Attributes:
        root: The data set, without links in its path.
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

    def keep_original(self, file: str, sha256: str) -> None:
        """Copy the original into the backup, unless it is there.

        Another original of the same name, from an earlier repair, is kept beside it: `a.nii.gz`,
        then `a.nii.gz.2`.
        """
        if self.into != self.root:
            return
        for number in count(1):
            kept = self.folder / (file if number == 1 else f"{file}.{number}")
            if not kept.exists():
                _copy(self.root / file, kept)
                return
            if checksum(kept) == sha256:
                return

    def put(self, file: str, content: bytes) -> None:
        """Write a repaired file in one step, with the rights of the original."""
        path = self.into / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, like=self.root / file)

    def take_back(self, file: str, sha256: str) -> bool:
        """Remove a file that an earlier run repaired, unless it was changed since."""
        if self.holds(file, sha256):
            (self.into / file).unlink()
        return not (self.into / file).exists()

    def copy_rest(self, files: Iterable[Path], repaired: Iterable[str]) -> Rest:
        """Copy the files of the data set that were not repaired; what lies outside is left.

        Those that the copy has already are compared byte by byte: the data set may have changed.
        """
        filecmp.clear_cache()
        wanted = {NAME, *repaired}
        renewed = []
        for path in files:
            real = Path(os.path.realpath(path))
            if not path.is_file() or not real.is_relative_to(self.root):
                continue
            file = (path if path.is_relative_to(self.root) else real).relative_to(self.root)
            target = self.into / file
            if file.as_posix() in wanted:
                continue
            wanted.add(file.as_posix())
            if not target.exists():
                _copy(path, target)
            elif not filecmp.cmp(path, target, shallow=False):
                _copy(path, target)
                renewed.append(file.as_posix())
        there = (path.relative_to(self.into).as_posix() for path in files_below(self.into))
        return Rest(tuple(renewed), tuple(file for file in there if file not in wanted))


def _copy(path: Path, target: Path) -> None:
    """Copy a file so that the target is whole or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        shutil.copy2(path, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def files_below(root: Path) -> Iterator[Path]:
    """Yield every file of a folder, not those that an interruption left unfinished."""
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder) / name
            if not is_unfinished(path):
                yield path
