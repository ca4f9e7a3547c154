"""The record of a run: with what, on what, when, how it ended; nothing of machine or user."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from segassay.files.atomic import create_whole, write_whole
from segassay.records.scores import TABLE_VERSION

MANIFEST = "manifest.json"
_TRIAL = Path("shards") / "trial.json"
_LIBRARIES = ("segassay", "numpy", "scipy", "nibabel", "onnxruntime", "polars")


class RunRecord(BaseModel):
    """Contents of `manifest.json`.

    `config_key` is the checksum of everything that results depend on: data set, options, judge.
    A run only goes on in a folder with the same key. `engine` is what ran the judge's network,
    and in which numbers; empty without a judge. `config` holds all options, and `argv` the
    words of the command that began it, both with paths by name only. `familiarity` is how well
    the judge's scores follow faults planted in labels of the data set, a correlation; `None` where
    it was not tried. `counts` tells what went in
    and what came out. `exit_status` is `None` while cases are missing, and 130 after an
    interruption.

    Parts of one run share the file, side by side: it is written when the first of them begins and
    when one finds that all of them are done, and stays as it is in between.
    """

    model_config = ConfigDict(extra="forbid")

    table_version: int = TABLE_VERSION
    run_id: str
    config_key: str
    command: str
    argv: tuple[str, ...] = ()
    config: dict[str, Any]
    dataset: dict[str, Any]
    model_id: str
    model_sha256: str
    preprocess: str
    engine: str = ""
    versions: dict[str, str]
    started_at: datetime
    finished_at: datetime | None = None
    familiarity: float | None = None
    counts: dict[str, int] = {}
    exit_status: int | None = None

    @field_validator("argv", "config", "dataset", mode="before")
    @classmethod
    def _are_text(cls, value: Any) -> Any:
        return _legible(value)

    @property
    def in_parts(self) -> bool:
        """Whether other processes may be doing other parts of the same run right now."""
        return int(self.config.get("parts", 1)) > 1

    def create(self, folder: Path) -> bool:
        """Write `manifest.json` unless there is one; return whether this record is now the run's.

        Raises:
            OSError: The folder cannot be written.
        """
        return create_whole(folder / MANIFEST, self._content())

    def write(self, folder: Path) -> None:
        """Write `manifest.json` over an older one.

        Raises:
            OSError: The folder cannot be written.
        """
        write_whole(folder / MANIFEST, self._content())

    def _content(self) -> bytes:
        return (self.model_dump_json(indent=2) + "\n").encode()


def _legible(value: Any) -> Any:
    """Write out what is no text: names of folders may be bytes of an old encoding."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_legible(key): _legible(inner) for key, inner in value.items()}
    return [_legible(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_run(folder: Path) -> RunRecord | None:
    """Read the record of an earlier run; `None` if there is none that can be read."""
    try:
        return RunRecord.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None


def keep_trial(folder: Path, familiarity: float) -> None:
    """Keep the outcome of a judge's trial beside the shards; of several parts the first does.

    Raises:
        OSError: The folder cannot be written.
    """
    (folder / _TRIAL).parent.mkdir(parents=True, exist_ok=True)
    create_whole(
        folder / _TRIAL, json.dumps({"familiarity": familiarity}, allow_nan=False).encode()
    )


def read_trial(folder: Path) -> float | None:
    """Return the outcome that `keep_trial` kept; `None` if there is none that can be read."""
    try:
        return float(json.loads((folder / _TRIAL).read_bytes())["familiarity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def config_key(parts: Iterable[Any]) -> str:
    """Return a short checksum of plain data."""
    text = json.dumps(list(parts), sort_keys=True, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def library_versions(engine: str = "") -> dict[str, str]:
    """Return the versions of the libraries that results may depend on, OpenVINO's if it ran."""
    found = {}
    further = ("openvino",) if engine.startswith("openvino") else ()
    for name in (*_LIBRARIES, *further):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def now() -> datetime:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
