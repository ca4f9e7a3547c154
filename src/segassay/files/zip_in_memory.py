"""The files in a zip from a stranger, all of them in memory, within limits checked first."""

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from segassay.errors import DatasetError, ModelError
from segassay.files.zip_file import open_zip

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    NotImplementedError,
    OverflowError,
)


def read_zip(file: BinaryIO, name: str, *, most_bytes: int, most_files: int) -> dict[str, bytes]:
    """Return the content of every file in a zip, by its place; checksums are compared.

    Args:
        file: The archive, in a file that can be wound back.
        name: What messages call it.
        most_bytes: Of all files, unpacked; more are not read.
        most_files: More are not looked at.

    Raises:
        ModelError: It is damaged, no zip, packed or encrypted in a way that is not read, holds one
            place twice, or is larger than that.
    """
    try:
        with open_zip(Path(name), within=file, most_members=most_files) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            size = sum(entry.file_size for entry in entries)
            if size > most_bytes or len(entries) > most_files:
                raise ModelError(
                    f"{name}: {len(entries)} files, {size / 2**20:.0f} MiB unpacked; at most "
                    f"{most_files} and {most_bytes / 2**20:.0f} are read"
                )
            return dict(_unique(name, [(e.filename, _content(archive, e)) for e in entries]))
    except DatasetError as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise ModelError(f"{name}: {error.strerror or error}; get it again") from error
    except _DAMAGED as error:
        raise ModelError(f"{name}: a damaged archive ({error}); download it again") from error


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read as much as is announced and not a byte more: what a stream unpacks to is not bound."""
    if entry.compress_type not in _PLAIN:
        raise NotImplementedError(f"{entry.filename!r:.80} is packed in a way that is not read")
    with archive.open(entry) as part:
        content = part.read(entry.file_size)
        # The checksum is compared at the end of a file, which a reader of all its bytes has met.
        if len(content) != entry.file_size or part.read(1):
            raise EOFError(f"{entry.filename!r:.80} has not the size that it announces")
    return content


def _unique(name: str, parts: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    if len({place for place, _ in parts}) < len(parts):
        raise ModelError(f"{name}: holds two files of one name; get it again")
    return parts
