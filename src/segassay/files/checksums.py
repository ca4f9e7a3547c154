"""A folder whose files can be told from changed ones: checksums of all of them in one file."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from segassay.errors import ModelError

CHECKSUMS = "SHA256SUMS"


def write_checksums(folder: Path, first: Iterable[str] = (), without: Iterable[str] = ()) -> None:
    """Write `SHA256SUMS` for all files of a folder but some, those named `first` at its top."""
    first, left_out = tuple(first), {CHECKSUMS, *without}
    present = {p.name for p in folder.iterdir() if p.is_file() and p.name not in left_out}
    names = (*first, *sorted(present - set(first)))
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in names]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_checksums(folder: Path) -> dict[str, str]:
    """Return the checksum of every file of a folder as it was written.

    Raises:
        ModelError: There are none, or their file is damaged.
    """
    try:
        if not (folder / CHECKSUMS).is_file():
            raise FileNotFoundError(CHECKSUMS)  # also for what never ends, as a pipe
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder.name}: {CHECKSUMS} cannot be read; install it again") from error
    fields = [line.split(maxsplit=1) for line in lines if line]
    if any(len(pair) != 2 or pair[1] != Path(pair[1]).name for pair in fields):
        raise ModelError(f"{folder.name}: {CHECKSUMS} is damaged; install it again")
    return {name: digest for digest, name in fields}


def verify_checksums(folder: Path, needed: Iterable[str] = ()) -> None:
    """Compare every file with its checksum.

    Raises:
        ModelError: One is missing or differs, or one that is needed has no checksum.
    """
    sums = read_checksums(folder)
    needed = tuple(needed)
    for name in (*needed, *sorted(set(sums) - set(needed))):
        file = folder / name
        if not file.is_file():
            raise ModelError(f"{folder.name}: {name} is missing; install it again")
        if sums.get(name) != sha256_of(file):
            raise ModelError(
                f"{folder.name}: {name} differs from its checksum in {CHECKSUMS}; "
                "the file was changed or damaged, install it again"
            )


def sha256_of(path: Path) -> str:
    """Return the checksum of a file of a model; `ModelError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"{path.parent.name}: {path.name} cannot be read ({error.strerror}); install it again"
        ) from error
