"""What a run has finished, case by case: the reason why an interrupted run loses nothing.

Every process that does a part of a run writes files of its own, so that any number of them may
write side by side. A finished case is a line of JSON in a journal, flushed to the disk before the
next case is done. When the journal has grown large, and at the end, its cases become one columnar
file, a row for each, whole or absent; then the journal begins anew. What is done is so known from
one column and one short journal, whatever the number of labels.

A line that was cut off by a crash, or damaged otherwise, counts for nothing, and its case is done
again. A case that stands twice, as where a process ended between the two steps, counts once.
"""

import json
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from segassay.errors import OutputError
from segassay.files.atomic import write_whole
from segassay.files.parquet import readable
from segassay.files.strict_json import strict_json
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.slices import SLICES, SliceRow
from segassay.records.table import SCHEMA
from segassay.types import Status

_MOST_BYTES = 2**24
"""Length of a journal that is turned into a columnar file: some ten thousand labels."""

CASES = pl.Schema(
    [
        ("case_id", pl.String),
        ("error", pl.String),
        ("n_rows", pl.Int64),
        ("n_unusable", pl.Int64),
        ("rows", pl.List(pl.Struct(SCHEMA))),
        ("slices", pl.List(pl.Struct(SLICES))),
        ("findings", pl.String),
        ("facts", pl.String),
    ]
)
"""Columns of finished cases, a row for each; findings and facts are lists as JSON.

Of its `n_rows` labels `n_unusable` have a file that cannot be read or judged as it is.
"""

_UNUSABLE = (Status.FAILED, Status.INVALID)


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """Everything that is kept of one case.

    `facts` are the small numbers that cohort checks need, or what another verb keeps; `error` is
    the one line that says why the case could not be used, or empty. `slices` are the examined
    slices of its labels.
    """

    case_id: str
    rows: tuple[ScoreRow, ...]
    findings: tuple[Finding, ...]
    facts: tuple[dict[str, Any], ...] = ()
    error: str = ""
    slices: tuple[SliceRow, ...] = ()

    def to_json(self) -> str:
        """Return one line of JSON that begins with its checksum and the case."""
        data = {
            "case_id": self.case_id,
            "rows": [row.model_dump(mode="json") for row in self.rows],
            "findings": [asdict(finding) for finding in self.findings],
            "facts": list(self.facts),
            "error": self.error,
            "slices": [list(row) for row in self.slices],
        }
        return _with_checksum(strict_json(data))


class Shard:
    """The files of one process that does part `part` (from 1) of `parts`.

    Raises:
        OutputError: They cannot be written, on opening as on every `append`.
    """

    def __init__(self, folder: Path, part: int = 1, parts: int = 1) -> None:
        self._stem = f"part-{part:04d}-of-{parts:04d}-{uuid.uuid4().hex[:8]}"
        self._path = folder / "shards" / f"{self._stem}.jsonl"
        self._n_bytes = self._n_packed = 0
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a line that did not fit on the disk is not written again on closing.
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise OutputError.of(self._path, error) from error

    def append(self, record: CaseRecord) -> None:
        """Write one finished case through to the disk."""
        line = record.to_json().encode() + b"\n"
        try:
            while line:
                written = self._file.write(line)
                self._n_bytes += written
                line = line[written:]
            os.fsync(self._file.fileno())
            if self._n_bytes >= _MOST_BYTES:
                self._pack()
        except OSError as error:
            raise OutputError.of(self._path, error) from error

    def close(self) -> None:
        """Leave one columnar file; on a full disk the journal stays instead."""
        with suppress(OSError):
            self._pack()
            self._path.unlink()
        self._file.close()

    def _pack(self) -> None:
        frame = _read_journal(self._path)
        if frame.height:
            packed = BytesIO()
            frame.write_parquet(packed)
            content = packed.getvalue()
            self._n_packed += 1
            name = f"{self._stem}-{self._n_packed:05d}-{zlib.crc32(content):08x}.parquet"
            write_whole(self._path.with_name(name), content)
        self._file.truncate(0)
        self._n_bytes = 0


def finished_ids(folder: Path, part: int | None = None) -> set[str]:
    """Return the ids of finished cases of a result folder, or of one part; no label is read."""
    found = {
        case_id
        for path in _journals(folder, part)
        for line in _lines(path)
        if (case_id := _id_of(line)) is not None
    }
    packed = _packed(folder, part)
    try:
        known = pl.scan_parquet(readable(*packed)).select("case_id") if packed else None
        ids = None if known is None else known.collect()
    except (pl.exceptions.PolarsError, OSError):
        ids = pl.concat([_unpacked(path, ["case_id"]) for path in packed])
    return found if ids is None else found.union(ids["case_id"])


def read_finished(folder: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the finished cases of all shards, each case once, some hundreds at a time.

    Args:
        folder: The result folder.
        columns: Which of the columns `CASES`, `case_id` among them.

    Raises:
        OutputError: A columnar file is damaged. It is set aside, so that its cases are done again.
    """
    seen: set[str] = set()
    # Journals first: a case that is moved meanwhile is then seen in one place at least.
    for path in _journals(folder):
        yield from _new(_read_journal(path).select(columns), seen)
    for path in _packed(folder):
        frame = _unpacked(path, columns)
        if not frame.height:
            path.replace(path.with_suffix(".damaged"))
            raise OutputError(
                f"{path}: is damaged and was set aside; give the same command again, its cases are "
                "done anew"
            )
        yield from _new(frame, seen)


def read_facts(folder: Path) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Yield id, error and facts of every finished case; otherwise as `read_finished`."""
    for frame in read_finished(folder, ["case_id", "error", "facts"]):
        for case_id, error, facts in frame.iter_rows():
            yield case_id, error, json.loads(facts)


def _new(frame: pl.DataFrame, seen: set[str]) -> Iterator[pl.DataFrame]:
    fresh = frame.unique("case_id", keep="first", maintain_order=True)
    fresh = fresh.filter(~pl.col("case_id").is_in(list(seen)))
    seen.update(fresh["case_id"])
    if fresh.height:
        yield fresh


def _journals(folder: Path, part: int | None = None) -> list[Path]:
    return sorted((folder / "shards").glob(f"part-{_number(part)}-of-*.jsonl"))


def _packed(folder: Path, part: int | None = None) -> list[Path]:
    return sorted((folder / "shards").glob(f"part-{_number(part)}-of-*.parquet"))


def _number(part: int | None) -> str:
    return "*" if part is None else f"{part:04d}"


def _unpacked(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Read a columnar file; without rows where it is not what was written."""
    content = path.read_bytes()
    if f"{zlib.crc32(content):08x}" != path.stem.rpartition("-")[2]:
        return CASES.to_frame().select(columns)
    return pl.read_parquet(BytesIO(content), columns=list(columns))


def _lines(path: Path) -> list[bytes]:
    """Return the whole lines of a journal; none where its process has just removed it."""
    try:
        *whole, _ = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return whole


def _read_journal(path: Path) -> pl.DataFrame:
    parsed = [data for line in _lines(path) if (data := _parse(line)) is not None]
    return _as_frame(parsed)


def _as_frame(cases: Sequence[dict[str, Any]]) -> pl.DataFrame:
    told = [
        {
            "case_id": data["case_id"],
            "error": data["error"],
            "n_rows": len(data["rows"]),
            "n_unusable": sum(row["status"] in _UNUSABLE for row in data["rows"]),
            "rows": [_typed(row) for row in data["rows"]],
            "slices": [_slice(row) for row in data.get("slices", ())],
            "findings": json.dumps(data["findings"], allow_nan=False),
            "facts": json.dumps(data["facts"], allow_nan=False),
        }
        for data in cases
    ]
    return pl.DataFrame(told, schema=CASES, orient="row")


_FLOATS = [name for name, kind in SCHEMA.items() if kind == pl.Float64]
_NAN = float("nan")


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """Make of a row as JSON what the table holds: JSON has neither NaN nor times."""
    for name in _FLOATS:
        if row.get(name) is None:
            row[name] = _NAN
    row["scored_at"] = datetime.fromisoformat(row["scored_at"])
    return row


def _slice(row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(SLICES, row, strict=True))
    return found if found["score"] is not None else {**found, "score": _NAN}


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return what stands in a line; `None` for one that is not what was written."""
    if _id_of(line) is None:
        return None
    found: dict[str, Any] = json.loads(line)
    return found


def _id_of(line: bytes) -> str | None:
    """Return the case of a line without reading the rest of it; `None` for a damaged line."""
    try:
        head, _, rest = line.partition(b", ")
        if json.loads(head + b"}")["crc32"] != zlib.crc32(b"{" + rest):
            return None
        found = json.JSONDecoder().raw_decode(rest.decode(), len('"case_id": '))[0]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _with_checksum(text: str) -> str:
    """Put a checksum first into a JSON object: a changed number would else count as a result."""
    return f'{{"crc32": {zlib.crc32(text.encode())}, {text[1:]}'
