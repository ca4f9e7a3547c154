"""Zip and tar files as folders: an index within limits, and members read where they lie.

Archives come from anywhere. One that holds a member outside of itself, a link that leads out of it,
or folders nested without end is refused as a whole; a member that unpacks to far more than an image
holds is refused when it is read. A tar packed with gzip is unpacked once, in memory and piece by
piece, to find its members; one packed otherwise is refused, as nothing of it can be read alone.
"""

import io
import os
import stat
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from segassay.errors import DatasetError, ReadError
from segassay.files.section import Section
from segassay.files.seekable_gzip import SeekableGzip, Stop
from segassay.files.tar_index import tar_entries
from segassay.files.zip_file import MOST_MEMBERS, open_zip, open_zipped

_ZIP = ".zip"
_TAR = ".tar"
_GZIPPED_TARS = (".tar.gz", ".tgz")
_OTHER_TARS = (".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")

_MOST_NAME_BYTES = 2**27
"""Of all names, and of the folders that they imply."""

_LONGEST_NAME = 4096
_DEEPEST = 32
_MOST_LINKS = 8
"""Links that are followed one after the other; more are a circle."""

_MOST_BYTES = 2**34
_SMALL_BYTES = 2**26
_HIGHEST_RATIO = 1000
"""Of unpacked to packed bytes, beyond `_SMALL_BYTES`: nothing but zeros is packed as well."""

_DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    struct.error,
    ValueError,
    zlib.error,
)
"""What the two libraries raise on bytes that are no archive."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive: sizes, where it begins (in a tar), and whether a password is needed."""

    name: str
    n_bytes: int
    packed: int
    begins_at: int = 0
    encrypted: bool = False


def is_archive_name(name: str) -> bool:
    """Whether a file name promises a zip or tar, also a compressed one."""
    return name.lower().endswith((_ZIP, _TAR, *_GZIPPED_TARS, *_OTHER_TARS))


class Archive(ABC):
    """The files of one archive, by name."""

    def __init__(self, path: Path, members: Iterable[Member], links: dict[str, str]):
        self._path = path
        self._time = path.stat().st_mtime_ns
        self._members = {member.name: member for member in members}
        self._links = links
        self._folders: dict[str, set[str]] = {"": set()}
        n_bytes = 0
        for name in (*self._members, *links):
            parts = name.split("/")
            for n in range(len(parts), 0, -1):
                above = "/".join(parts[: n - 1])
                names = self._folders.setdefault(above, set())
                if parts[n - 1] in names:
                    break  # and so are all above it
                names.add(parts[n - 1])
                n_bytes += len(above) + len(parts[n - 1])
            if n_bytes > _MOST_NAME_BYTES:
                raise DatasetError(
                    f"{path.name}: over {_MOST_NAME_BYTES} bytes of names; unpack it"
                )

    def is_dir(self, name: str) -> bool:
        """Whether there is a folder of that name; `.` is the archive itself."""
        return self._real(name) in self._folders

    def is_file(self, name: str) -> bool:
        """Whether there is a file of that name, or a link to one."""
        return self._real(name) in self._members

    def children(self, name: str) -> list[str]:
        """Return the names within a folder, sorted; none if there is no such folder."""
        return sorted(self._folders.get(self._real(name), ()))

    def stamp(self, name: str) -> tuple[int, int]:
        """Return the size of a file and the archive's time of change; -1 twice if there is none."""
        member = self._members.get(self._real(name))
        return (-1, -1) if member is None else (member.n_bytes, self._time)

    def open(self, name: str) -> BinaryIO:
        """Open a file of the archive.

        Raises:
            ReadError: No such file, a password is needed, or it unpacks to more than is read.
        """
        member = self._members.get(self._real(name))
        where = f"{self._path.name}: {PurePosixPath(name).name}"
        if member is None:
            raise ReadError(f"{where}: no such file")
        if member.encrypted:
            raise ReadError(f"{where}: is encrypted; unpack the archive with its password")
        ratio = member.n_bytes / max(member.packed, 1)
        if member.n_bytes > _MOST_BYTES or (
            member.n_bytes > _SMALL_BYTES and ratio > _HIGHEST_RATIO
        ):
            raise ReadError(
                f"{where}: unpacks to {member.n_bytes} bytes, {ratio:.0f} times its size; "
                "unpack the archive if that is meant"
            )
        try:
            return self._open(member)
        except _DAMAGED as error:
            raise ReadError(f"{where}: cannot be read from the archive ({error})") from error

    @abstractmethod
    def _open(self, member: Member) -> BinaryIO:
        """Open a member that is within limits."""

    def _real(self, name: str) -> str:
        """Return the name that a link leads to, links in its folders followed, too."""
        name = "" if name == "." else name
        for _ in range(_MOST_LINKS if self._links else 0):
            above = (name, *map(str, PurePosixPath(name).parents))
            link = next((n for n in above if n in self._links), None)
            if link is None:
                break
            name = self._links[link] + name[len(link) :]
        return name


class _Zip(Archive):
    def __init__(self, path: Path):
        self._file = open_zip(path)
        infos = self._file.infolist()
        _require_few(path, len(infos))
        members, links = [], {}
        self._infos = {}
        for info in infos:
            name = _safe(path, info.filename)
            if info.is_dir() or not name:
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                target = self._target(path, info).decode("utf-8", errors="replace")
                links[name] = _safe_target(path, name, target)
                continue
            self._infos[name] = info
            encrypted = bool(info.flag_bits & 1)
            members.append(Member(name, info.file_size, info.compress_size, encrypted=encrypted))
        super().__init__(path, members, links)

    def _target(self, path: Path, info: zipfile.ZipInfo) -> bytes:
        if info.file_size > _LONGEST_NAME:
            raise DatasetError(
                f"{path.name}: link {info.filename[:80]!r} of {info.file_size} bytes; pack it anew"
            )
        with open_zipped(self._file, info) as file:
            return file.read(_LONGEST_NAME)

    def _open(self, member: Member) -> BinaryIO:
        return open_zipped(self._file, self._infos[member.name])


class _Tar(Archive):
    def __init__(self, path: Path):
        members, links = [], {}
        with self._bytes_of(path) as stream:
            for n, entry in enumerate(tar_entries(stream), start=1):
                _require_few(path, n)
                name = _safe(path, entry.name)
                if entry.target:
                    is_hard, target = entry.is_hard, entry.target
                    links[name] = (
                        _safe(path, target) if is_hard else _safe_target(path, name, target)
                    )
                else:
                    members.append(Member(name, entry.n_bytes, entry.n_bytes, entry.begins_at))
        super().__init__(path, members, links)

    def _open(self, member: Member) -> BinaryIO:
        stream = self._bytes_of(self._path)
        return io.BufferedReader(Section(stream, member.begins_at, member.n_bytes))

    def _bytes_of(self, path: Path) -> io.BufferedReader:
        return path.open("rb")


class _GzippedTar(_Tar):
    def __init__(self, path: Path):
        self._stops: list[Stop] = []
        super().__init__(path)

    def _bytes_of(self, path: Path) -> io.BufferedReader:
        return io.BufferedReader(SeekableGzip(path, self._stops))


def open_archive(path: Path) -> Archive:
    """Index an archive; the index is kept until the file changes.

    Raises:
        DatasetError: Damaged, packed in a way that cannot be read in place, or not safe to read.
    """
    try:
        found = path.stat()
        # by process, too: after a fork two processes would move one file position
        return _indexed(path, found.st_mtime_ns, found.st_size, os.getpid())
    except _DAMAGED as error:
        raise DatasetError(f"{path.name}: is damaged or no archive ({error})") from error


@lru_cache(maxsize=8)
def _indexed(path: Path, _time: int, _size: int, _process: int) -> Archive:
    name = path.name.lower()
    if name.endswith(_OTHER_TARS):
        raise DatasetError(
            f"{path.name}: a tar packed like this cannot be read in place; "
            "unpack it, or pack a .zip or .tar.gz"
        )
    if name.endswith(_GZIPPED_TARS):
        return _GzippedTar(path)
    return _Zip(path) if name.endswith(_ZIP) else _Tar(path)


def _require_few(path: Path, n_members: int) -> None:
    if n_members > MOST_MEMBERS:
        raise DatasetError(f"{path.name}: more than {MOST_MEMBERS} files; unpack it")


def _safe(path: Path, name: str) -> str:
    """Return a member's name with forward slashes, or refuse the archive."""
    posix = PurePosixPath(name.replace("\\", "/"))
    if posix.is_absolute() or ".." in posix.parts or any(":" in p for p in posix.parts[:1]):
        raise DatasetError(f"{path.name}: holds {name!r}, which lies outside of it; pack it anew")
    if len(name) > _LONGEST_NAME:
        raise DatasetError(f"{path.name}: a name of {len(name)} letters; at most {_LONGEST_NAME}")
    if len(posix.parts) > _DEEPEST:
        raise DatasetError(f"{path.name}: folders {len(posix.parts)} deep; at most {_DEEPEST}")
    return "" if str(posix) == "." else str(posix)


def _safe_target(path: Path, name: str, target: str) -> str:
    """Return what a link leads to, as a name of the archive, or refuse the archive."""
    parts = _parts_after(PurePosixPath(name).parent, target)
    if PurePosixPath(target).is_absolute() or ".." in parts:
        raise DatasetError(f"{path.name}: link {name!r} leads out of it; pack what it leads to")
    return "/".join(parts)


def _parts_after(folder: PurePosixPath, target: str) -> list[str]:
    """Walk from a folder along a relative path; what climbs too far keeps its `..`."""
    walked: list[str] = []
    for part in (*folder.parts, *PurePosixPath(target.replace("\\", "/")).parts):
        if part == ".." and walked and walked[-1] != "..":
            walked.pop()
        elif part != ".":
            walked.append(part)
    return walked
