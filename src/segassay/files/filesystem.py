"""Files and folders wherever they lie: on disk, or in a zip or tar that is read in place.

A path may lead through an archive as through a folder, `set.zip/imagesTr/a_0000.nii.gz`; nothing is
unpacked to disk. Functions here take such paths where those of `pathlib` would see no file.
"""

import hashlib
import io
import os
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from segassay.errors import DatasetError, ReadError
from segassay.files.archives import Archive, is_archive_name, open_archive
from segassay.files.memory_limits import memory_bytes
from segassay.files.read_once import watching

_CHUNK_BYTES = 1 << 20
_MOST_BYTES = 2**35
"""Of a file that is read whole: a sparse one may announce more than any disk holds."""

_OF_THE_KERNEL = ("/proc/", "/sys/")
"""Files there call themselves regular, and hold what the system makes up, without end."""

_SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")


def is_archive(path: Path) -> bool:
    """Whether a path is a zip or tar file, which counts as a folder here."""
    return is_archive_name(path.name) and _is_regular(path, _stat(path))


def archive_of(path: Path) -> Path | None:
    """Return the archive that a path is or leads into; `None` on plain disk."""
    return next((p for p in (path, *path.parents) if is_archive(p)), None)


def is_dir(path: Path) -> bool:
    """Whether there is a folder, on disk or in an archive, or an archive."""
    found = _stat(path)
    if found is not None:
        return S_ISDIR(found.st_mode) or is_archive(path)
    within = _within(path)
    return within is not None and within[0].is_dir(within[1])


def is_file(path: Path) -> bool:
    """Whether there is a regular file, on disk or in an archive; an archive is none."""
    found = _stat(path)
    if found is not None:
        return _is_regular(path, found) and not is_archive_name(path.name)
    within = _within(path)
    return within is not None and within[0].is_file(within[1])


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
    found_there = _stat(folder)
    if found_there is not None and S_ISDIR(found_there.st_mode):
        return sorted(folder.iterdir())
    found = _within(folder)
    return [] if found is None else [folder / name for name in found[0].children(found[1])]


def open_file(path: Path) -> BinaryIO:
    """Open a file to read bytes from it; one that is being watched may come from memory.

    Raises:
        ReadError: It is not there, is no regular file (a folder, a pipe, a device: these are not
            opened), cannot be read, or its archive is damaged or not safe.
    """
    watch = watching()
    return _open(path) if watch is None else watch.open(path, stamp(path)[0], _open)


def _open(path: Path) -> BinaryIO:
    try:
        found = path.stat()
        if _is_regular(path, found):
            return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        return _open_within(path, error)
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a name that no system has, such as one with a NUL in it
        raise ReadError(f"{path.name!r}: cannot be the name of a file") from error
    kind = "a folder" if S_ISDIR(found.st_mode) else "not a regular file"
    raise ReadError(f"{path.name}: is {kind}; expected a file")


def beside(path: Path, name: str) -> Path:
    """Return a further file that `path` names as its own, such as the voxels of a header.

    Files come from anywhere, so they may name nothing but what lies beside them: a plain name, and
    no link to another folder than the one that `path` lies in, or that it leads to itself.

    Raises:
        ReadError: There is no such file, or it lies elsewhere.
    """
    if name in ("", ".", "..") or any(sign in name for sign in "/\\:\0"):
        raise ReadError(f"{path.name}: names {name!r}; expected a file beside it")
    found = path.with_name(name)
    open_file(found).close()  # says why it cannot be read
    real, own, home = (Path(os.path.realpath(p)) for p in (found, path, path.parent))
    if real.parent not in (home, own.parent):
        raise ReadError(f"{path.name}: its file {name!r} is a link that leads elsewhere; copy it")
    return found


def read_bytes(path: Path, most: int = -1) -> bytes:
    """Read a file, at most `most` bytes of it; below 0 the whole file, if memory can hold it.

    Raises:
        ReadError: As of `open_file`, or larger than 32 GiB or all memory.
    """
    watch = watching()
    kept = watch.beginning(path, most) if watch is not None and most >= 0 else None
    if kept is not None:
        return kept
    with open_file(path) as file:
        whole = min(_MOST_BYTES, memory_bytes())
        return read_from(path, file, most if most >= 0 else _require_size(path, whole))


def read_text(path: Path, *, most: int) -> str:
    """Read a text file of at most `most` bytes, UTF-8 with or without a byte order mark.

    Raises:
        ReadError: As of `open_file`, it is larger, or not UTF-8.
    """
    with open_file(path) as file:
        content = read_from(path, file, _require_size(path, most))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path.name}: is not UTF-8 text ({error.reason})") from error


def read_from(path: Path, file: BinaryIO, most: int) -> bytes:
    """Read at most `most` bytes of a file opened here; a damaged one is a `ReadError`."""
    try:
        return file.read(most)
    except Exception as error:  # of many kinds in an archive: zlib, lzma, CRC, end of file
        raise ReadError(f"{path.name}: cannot be read to its end ({error})") from error


def in_memory(path: Path) -> io.BytesIO:
    """Return the content of a file as a stream that can be wound back; errors as of `open_file`."""
    return io.BytesIO(read_bytes(path))


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder that is one image, that of its files' checksums.

    A path that goes on behind a file, to a part of it, stands for the whole file. A file that was
    read while it was watched (`files.read_once`) is not read again.

    Raises:
        ReadError: It is not there or cannot be read.
    """
    watch = watching()
    passed = None if watch is None else watch.sha256(path)
    if passed is not None:
        return passed
    if not is_file(path) and is_dir(path):
        every = ",".join(checksum(p) for p in children(path) if not is_system(p) and is_file(p))
        return hashlib.sha256(every.encode()).hexdigest()
    if not is_file(path) and is_file(path.parent):
        return checksum(path.parent)
    total = hashlib.sha256()
    with open_file(path) as file:
        _require_size(path, _MOST_BYTES)
        while chunk := read_from(path, file, _CHUNK_BYTES):
            total.update(chunk)
    return total.hexdigest()


def stamp(path: Path) -> tuple[int, int]:
    """Return size and time of change, in nanoseconds; -1 twice if the file is not there.

    A file in an archive has its own size and the archive's time; a folder that is one image has the
    sum of its files' sizes and the latest time; a part of a file has what the file has.
    """
    found = _stat(path)
    if found is not None and S_ISDIR(found.st_mode):
        every = [stamp(p) for p in children(path) if _is_regular(p, _stat(p))]
        return sum(size for size, _ in every), max((time for _, time in every), default=-1)
    if found is None:
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


def _require_size(path: Path, most: int) -> int:
    """Return the size of a file that is there, or refuse one of more than `most` bytes."""
    size = stamp(path)[0]
    if size > most:
        raise ReadError(f"{path.name}: has {size} bytes; at most {most} are read")
    return size


def _open_within(path: Path, missing: Exception) -> BinaryIO:
    try:
        within = _within(path)
    except DatasetError as broken:  # was whole when the data set was opened
        raise ReadError(str(broken)) from broken
    if within is None or not within[0].is_file(within[1]):
        raise ReadError(f"{path.name}: no such file") from missing
    return within[0].open(within[1])


def _stat(path: Path) -> os.stat_result | None:
    """Return what the system knows of a path, `None` if it knows none of that name."""
    try:
        return path.stat()
    except (OSError, ValueError):  # too long a name; one with a NUL, or with half a character
        return None


def _is_regular(path: Path, found: os.stat_result | None) -> bool:
    """Whether what was found at a path, links followed, is a file with an end."""
    if found is None or not S_ISREG(found.st_mode):
        return False
    on_disk = getattr(found, "st_blocks", 1) > 0
    return on_disk or not os.path.realpath(path).startswith(_OF_THE_KERNEL)


def _within(path: Path) -> tuple[Archive, str] | None:
    """Split a path that leads through an archive; `None` for all others."""
    archive = archive_of(path)
    return (
        None if archive is None else (open_archive(archive), path.relative_to(archive).as_posix())
    )
