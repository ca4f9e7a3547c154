"""What was repaired, line by line: one JSON object per changed file."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segassay.files.strict_json import strict_json
from segassay.fix.repairs import Change

NAME = "fixes.jsonl"


@dataclass(frozen=True, slots=True)
class FileFix:
    """One label file that was changed: its path within the data set, checksums, and the changes."""

    file: str
    before_sha256: str
    after_sha256: str
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as in `fixes.jsonl`."""
        return asdict(self)


def append_fix(path: Path, fix: FileFix, *, version: str, at: str) -> None:
    """Add a line and write it through to the disk; raises `OSError`."""
    line = strict_json({**fix.to_json(), "segassay": version, "at": at})
    with path.open("ab") as file:
        if file.tell() and not _ends_whole(path):
            file.write(b"\n")  # what a crash cut off stays behind as a line of its own
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_fixes(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (file, checksum before, checksum after) of every whole line; none without a log."""
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines():
        try:
            data = json.loads(line)
            yield str(data["file"]), str(data["before_sha256"]), str(data["after_sha256"])
        except (ValueError, KeyError, TypeError):
            continue  # cut off by a crash: that file is repaired again


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
