"""Files and folders wherever they lie: on disk, or in a zip or tar that is read in place.

A path may lead through an archive as through a folder, `set.zip/imagesTr/a_0000.nii.gz`; nothing is
unpacked to disk. Functions here take such paths where those of `pathlib` would see no file.
"""

import hashlib
import io
import os
from pathlib import Path
from typing import BinaryIO

from segassay.data.archives import Archive, is_archive_name, open_archive
from segassay.errors import DatasetError, ReadError

_CHUNK_BYTES = 1 << 20
_SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")


def is_archive(path: Path) -> bool:
    """Whether a path is a zip or tar file, which counts as a folder here."""
    return is_archive_name(path.name) and path.is_file()


def archive_of(path: Path) -> Path | None:
    """Return the archive that a path is or leads into; `None` on plain disk."""
    return next((p for p in (path, *path.parents) if is_archive(p)), None)


def is_dir(path: Path) -> bool:
    """Whether there is a folder, on disk or in an archive, or an archive."""
    if path.is_dir():
        return True
    found = _within(path)
    return found is not None and found[0].is_dir(found[1])


def is_file(path: Path) -> bool:
    """Whether there is a file, on disk or in an archive; an archive is none."""
    if path.is_file():
        return not is_archive(path)
    found = _within(path)
    return found is not None and found[0].is_file(found[1])


def exists(path: Path) -> bool:
    """Whether there is a file or folder, on disk or in an archive; a name too long is none."""
    try:
        return is_dir(path) or is_file(path)
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Whether a file or folder is there, or the file that a path leads into, `x.npz/gts`."""
    return exists(path) or (exists(path.parent) and not is_dir(path.parent))


def children(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name; empty if there is no such folder."""
    if folder.is_dir():
        return sorted(folder.iterdir())
    found = _within(folder)
    return [] if found is None else [folder / name for name in found[0].children(found[1])]


def open_file(path: Path) -> BinaryIO:
    """Open a file to read bytes from it.

    Raises:
        ReadError: It is not there, cannot be read, or its archive is damaged or not safe.
    """
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        try:
            found = _within(path)
        except DatasetError as broken:  # was whole when the data set was opened
            raise ReadError(str(broken)) from broken
        if found is None or not found[0].is_file(found[1]):
            raise ReadError(f"{path.name}: no such file") from error
        return found[0].open(found[1])
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a name that no system has, such as one with a NUL in it
        raise ReadError(f"{path.name!r}: cannot be the name of a file") from error


def read_bytes(path: Path, most: int = -1) -> bytes:
    """Read a file, at most `most` bytes of it; errors as of `open_file`."""
    with open_file(path) as file:
        return _read(path, file, most)


def in_memory(path: Path) -> io.BytesIO:
    """Return the content of a file as a stream that can be wound back; errors as of `open_file`."""
    return io.BytesIO(read_bytes(path))


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder that is one image, that of its files' checksums.

    A path that goes on behind a file, to a part of it, stands for the whole file.

    Raises:
        ReadError: It is not there or cannot be read.
    """
    if not is_file(path) and is_dir(path):
        every = ",".join(checksum(p) for p in children(path) if not is_system(p) and is_file(p))
        return hashlib.sha256(every.encode()).hexdigest()
    if not is_file(path) and is_file(path.parent):
        return checksum(path.parent)
    total = hashlib.sha256()
    with open_file(path) as file:
        while chunk := _read(path, file, _CHUNK_BYTES):
            total.update(chunk)
    return total.hexdigest()


def stamp(path: Path) -> tuple[int, int]:
    """Return size and time of change, in nanoseconds; -1 twice if the file is not there.

    A file in an archive has its own size and the archive's time; a folder that is one image has the
    sum of its files' sizes and the latest time; a part of a file has what the file has.
    """
    if path.is_dir():
        every = [stamp(p) for p in children(path) if p.is_file()]
        return sum(size for size, _ in every), max((time for _, time in every), default=-1)
    try:
        found = path.stat()
    except OSError:
        within = _within(path)
        found_there = (-1, -1) if within is None else within[0].stamp(within[1])
        return stamp(path.parent) if found_there[0] < 0 and is_file(path.parent) else found_there
    return found.st_size, found.st_mtime_ns


def is_system(path: Path) -> bool:
    """Whether a file or folder is hidden, or one that an operating system leaves behind."""
    return path.name.startswith(".") or path.name.lower() in _SYSTEM


def told_path(path: Path, root: Path) -> str:
    """Return a path within a folder as results tell it; of a file outside, its name alone."""
    # `..` may lead out; links are left as they are named
    place, home = (Path(os.path.normpath(p.absolute())) for p in (path, root))
    return place.relative_to(home).as_posix() if place.is_relative_to(home) else place.name


def _read(path: Path, file: BinaryIO, most: int) -> bytes:
    try:
        return file.read(most)
    except Exception as error:  # of many kinds in an archive: zlib, lzma, CRC, end of file
        raise ReadError(f"{path.name}: cannot be read to its end ({error})") from error


def _within(path: Path) -> tuple[Archive, str] | None:
    """Split a path that leads through an archive; `None` for all others."""
    archive = archive_of(path)
    return (
        None if archive is None else (open_archive(archive), path.relative_to(archive).as_posix())
    )
