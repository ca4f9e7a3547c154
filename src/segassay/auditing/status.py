"""How far a run is that several processes do in parts."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segassay.errors import UsageError
from segassay.records.run import MANIFEST, read_run
from segassay.records.shards import finished_ids
from segassay.types import ExitCode


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part of a run, from 1, with its number of cases and how many of them are finished."""

    part: int
    cases: int
    done: int

    @property
    def missing(self) -> int:
        """Number of cases that are left."""
        return self.cases - self.done


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far a run is. It is `finished` when its tables and its report are written, too."""

    parts: tuple[PartStatus, ...]
    finished: bool

    @property
    def missing(self) -> int:
        """Number of cases that are left in all parts."""
        return sum(part.missing for part in self.parts)

    @property
    def exit_code(self) -> ExitCode:
        """0 where the run is finished, else 6."""
        return ExitCode.DONE if self.finished else ExitCode.INCOMPLETE

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "cases": sum(part.cases for part in self.parts),
            "cases_missing": self.missing,
            "finished": self.finished,
            "parts": [{**asdict(part), "missing": part.missing} for part in self.parts],
            "exit_code": int(self.exit_code),
        }


def run_status(folder: Path) -> RunStatus:
    """Return how far the audit or check into a folder is; its data need not be there.

    Raises:
        UsageError: It is no result folder of an audit or a check.
    """
    run = read_run(folder)
    if run is None or run.command not in ("audit", "check", "demo"):
        raise UsageError(f"{folder}: no {MANIFEST} of an audit; give the folder that --out named")
    total = int(run.dataset["cases"])
    limit, parts = run.config["limit"], int(run.config["parts"])
    n_cases = total if limit is None else min(total, int(limit))
    found = tuple(
        PartStatus(part, len(range(part - 1, n_cases, parts)), len(finished_ids(folder, part)))
        for part in range(1, parts + 1)
    )
    return RunStatus(found, finished=run.exit_status in (0, 3, 4))
