"""What a run has finished, line by line: the reason why an interrupted run loses nothing.

A shard is a file of JSON lines, one per finished case, written and flushed to disk before the next
case begins. A line that was cut in half by a crash, or damaged otherwise, is dropped when the
run goes on, and its case is done again; a case therefore counts exactly once.
"""

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segassay.errors import OutputError
from segassay.files.strict_json import strict_json
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.slices import SliceRow


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """Everything that is kept of one case.

    `facts` are the small numbers that cohort checks need; `error` is the one line that says why
    the case could not be used, or empty. `slices` are the examined slices of its labels.
    """

    case_id: str
    rows: tuple[ScoreRow, ...]
    findings: tuple[Finding, ...]
    facts: tuple[dict[str, Any], ...] = ()
    error: str = ""
    slices: tuple[SliceRow, ...] = ()

    def to_json(self) -> str:
        """Return one line of JSON."""
        data = {
            "case_id": self.case_id,
            "rows": [row.model_dump(mode="json") for row in self.rows],
            "findings": [asdict(finding) for finding in self.findings],
            "facts": list(self.facts),
            "error": self.error,
            "slices": [list(row) for row in self.slices],
        }
        return _with_checksum(strict_json(data))

    @classmethod
    def from_json(cls, line: str) -> "CaseRecord":
        """Rebuild from a line; raises `ValueError` for one that is not what was written."""
        text = line.rstrip("\n")
        data = json.loads(text)
        _, _, rest = text.partition(", ")
        if not isinstance(data, dict) or text != _with_checksum(f"{{{rest}"):
            raise ValueError("a line of another checksum")
        return cls(
            data["case_id"],
            tuple(ScoreRow.model_validate(_nan(row)) for row in data["rows"]),
            tuple(Finding.from_json(finding) for finding in data["findings"]),
            tuple(data["facts"]),
            data["error"],
            tuple(SliceRow(*row) for row in data.get("slices", ())),
        )


class Shard:
    """One part's file. Opening it drops a line that was cut off.

    Raises:
        OutputError: The file cannot be written, on opening as on every `append`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = _whole_bytes(path)
            # Unbuffered: a line that did not fit on the disk is not written again on closing.
            self._file = path.open("ab", buffering=0)
            if whole is not None:
                self._file.truncate(whole)
        except OSError as error:
            raise OutputError.of(path, error) from error

    def append(self, record: CaseRecord) -> None:
        """Write one finished case through to the disk."""
        line = record.to_json().encode() + b"\n"
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError.of(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def shard_path(folder: Path, part: int, parts: int) -> Path:
    """Return the file of part `part` (from 1) of `parts`."""
    return folder / "shards" / f"part-{part:04d}-of-{parts:04d}.jsonl"


def read_records(folder: Path) -> Iterator[CaseRecord]:
    """Return the finished cases of all shards of a result folder, each case once."""
    seen: set[str] = set()
    for path in sorted((folder / "shards").glob("part-*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                record = _parse(line)
                if record is not None and record.case_id not in seen:
                    seen.add(record.case_id)
                    yield record


def _parse(line: bytes) -> CaseRecord | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return CaseRecord.from_json(line.decode())
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _with_checksum(text: str) -> str:
    """Put a checksum first into a JSON object: a changed number would else count as a result."""
    return f'{{"crc32": {zlib.crc32(text.encode("utf-8", "surrogatepass"))}, {text[1:]}'


def _whole_bytes(path: Path) -> int | None:
    """Return the length up to the last complete line, `None` if all of the file is complete."""
    if not path.exists():
        return None
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    return end if end != len(data) else None


def _nan(row: dict[str, Any]) -> dict[str, Any]:
    """Put NaN back where pydantic wrote null: JSON has no NaN."""
    numbers = {name for name, f in ScoreRow.model_fields.items() if f.annotation is float}
    return {k: (float("nan") if v is None and k in numbers else v) for k, v in row.items()}
