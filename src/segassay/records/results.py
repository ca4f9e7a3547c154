"""What a run found, read back: reports, reviews and comparisons need no more than this.

Nothing here knows a model or an image. A run is read as it was written, whichever version wrote it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from segassay.errors import UsageError
from segassay.records.findings import Finding
from segassay.records.run import MANIFEST, RunRecord, read_run
from segassay.records.scores import TABLE_VERSION, ScoreRow
from segassay.records.slices import scan_slices
from segassay.records.table import read_table, rows_of
from segassay.records.triage import verdicts, worst_first

FINDINGS = "findings.jsonl"


@dataclass(frozen=True)
class Results:
    """The results of a finished run.

    Attributes:
        folder: Where they lie.
        run: With what, on what and when the run was made.
        frame: The score table, a row for every label.
    """

    folder: Path
    run: RunRecord
    frame: pl.DataFrame

    @cached_property
    def rows(self) -> tuple[ScoreRow, ...]:
        """The rows of the table, in its order; a million of them take gigabytes."""
        return tuple(rows_of(self.frame))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What rules found, in the order in which it was written.

        Raises:
            UsageError: The file of findings is damaged.
        """
        return tuple(_findings(self.folder / FINDINGS))

    @cached_property
    def slices(self) -> pl.DataFrame:
        """The scores of examined slices, a row for each that holds mask."""
        return scan_slices(self.folder).collect()

    @cached_property
    def verdicts(self) -> pl.Series:
        """What to do with every label, in the order of the table."""
        return verdicts(self.frame, self.findings)

    @cached_property
    def worst_first(self) -> pl.DataFrame:
        """The table with the verdicts as a column, what most probably is wrong first."""
        found = self.frame.with_columns(self.verdicts)
        return found[worst_first(self.frame, self.verdicts)]


def open_results(folder: str | Path) -> Results:
    """Read the results of an audit, a check or a demo.

    Args:
        folder: The result folder, as `--out` named it.

    Returns:
        Its table at once; rows and findings when they are first asked for.

    Raises:
        UsageError: It is no result folder, its run is not finished, or a newer segassay wrote it.
    """
    folder = Path(folder)
    run = read_run(folder)
    if run is None:
        raise UsageError(f"{folder}: no {MANIFEST} of segassay; give the folder that --out named")
    if run.table_version > TABLE_VERSION:
        raise UsageError(
            f"{folder}: version {run.table_version} of the score table, this segassay reads up to "
            f"version {TABLE_VERSION}; update segassay"
        )
    if run.command == "evaluate":
        raise UsageError(
            f"{folder}: an evaluation, which has no score table; give an audit's folder"
        )
    try:
        return Results(folder, run, read_table(folder))
    except OSError as error:
        done = run.counts.get("cases_out")
        known = "" if done is None else f" ({done} of {run.counts.get('cases_in')} cases are done)"
        raise UsageError(
            f"{folder}: the run is not finished{known}; give the same command again to go on"
        ) from error
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            f"{folder}: scores.parquet is damaged; run again with --overwrite"
        ) from error


def _findings(path: Path) -> Iterator[Finding]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; run again with --overwrite") from error
    for number, line in enumerate(lines, start=1):
        try:
            yield Finding.from_json(json.loads(line))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise UsageError(
                f"{path}: line {number} is damaged; run again with --overwrite"
            ) from error
