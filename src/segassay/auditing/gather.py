"""What all cases of a run came to, gathered from its shards: rows as columns, in order."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any

import polars as pl

from segassay.checks.base import LabelFacts
from segassay.records.findings import Finding
from segassay.records.shards import read_finished
from segassay.records.slices import SLICES
from segassay.records.table import SCHEMA
from segassay.runs.pseudonyms import Pseudonyms

_BESIDES = ("error", "n_rows", "n_unusable", "findings", "facts")
"""Columns of a shard with all but scores."""

_REPEATED = ("case_id", "subject_id", "structure", "source", "unit", "image_sha256", "split")
"""Texts that many labels share; each is kept once."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """What is known of finished cases besides their scores, in the order that was asked for.

    Attributes:
        findings: What rules found in each case.
        facts: What the cohort checks need of each label.
        n_cases: Number of finished cases.
        n_labels: Labels that were looked at, whether or not a judge scored them.
        n_failed: Cases with an image or a label that could not be used.
        bad_images: Cases without rows that could not be used, and why.
    """

    findings: tuple[Finding, ...]
    facts: tuple[LabelFacts, ...]
    n_cases: int
    n_labels: int
    n_failed: int
    bad_images: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Case:
    case_id: str
    error: str
    n_rows: int
    n_unusable: int
    findings: tuple[Finding, ...]
    facts: tuple[LabelFacts, ...]

    @property
    def n_labels(self) -> int:
        """Labels that were looked at: usable ones leave facts, the others leave rows."""
        return sum(bool(facts.structure) for facts in self.facts) + self.n_unusable


def gather_cases(out: Path, case_ids: Sequence[str], names: Pseudonyms | None = None) -> Finished:
    """Read what is known of finished cases besides their scores.

    Args:
        out: The result folder.
        case_ids: Which cases, in the order in which they are wanted.
        names: What to call them; the shards hold their real names.

    Raises:
        OutputError: A shard is damaged (`records.shards.read_finished`).
    """
    found = {
        told[0]: _case(*told, names)
        for some in _finished(out, case_ids, *_BESIDES)
        for told in some.iter_rows()
    }
    cases = [found[case_id] for case_id in case_ids if case_id in found]
    return Finished(
        findings=tuple(finding for case in cases for finding in case.findings),
        facts=tuple(facts for case in cases for facts in case.facts),
        n_cases=len(cases),
        n_labels=sum(case.n_labels for case in cases),
        n_failed=sum(bool(case.error or case.n_unusable) for case in cases),
        bad_images=tuple((c.case_id, c.error) for c in cases if c.error and not c.n_rows),
    )


def gather_rows(
    out: Path, case_ids: Sequence[str], names: Pseudonyms | None = None
) -> pl.DataFrame:
    """Read the rows of the score table of finished cases; otherwise as `gather_cases`."""
    order = {case_id: n for n, case_id in enumerate(case_ids)}
    tables, numbers = [SCHEMA.to_frame()], [pl.Series(dtype=pl.UInt32)]
    for some in _finished(out, case_ids, "n_rows", "rows"):
        number = pl.col("case_id").replace_strict(order, return_dtype=pl.UInt32)
        filled = some.filter(pl.col("n_rows") > 0).select("rows", number=number)
        rows = filled.explode("rows").unnest("rows")
        numbers.append(rows["number"])
        table = rows.select(SCHEMA.names())
        tables.append(table if names is None else names.rows(table))
    return _ordered(pl.concat(tables), pl.concat(numbers))


def gather_slices(
    out: Path, case_ids: Sequence[str], names: Pseudonyms | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the examined slices of some cases, of some hundred cases at a time; see `gather`.

    Yields:
        The case's id and the columns `records.slices.SLICES`.
    """
    for some in _finished(out, case_ids, "slices"):
        filled = some.filter(pl.col("slices").list.len() > 0)
        slices = filled.explode("slices").unnest("slices").select("case_id", *SLICES)
        if names is not None:
            slices = slices.with_columns(pl.col("case_id").replace_strict(names.cases))
        yield slices


def _finished(out: Path, case_ids: Sequence[str], *columns: str) -> Iterator[pl.DataFrame]:
    wanted = pl.col("case_id").is_in(case_ids)
    return (some.filter(wanted) for some in read_finished(out, ["case_id", *columns]))


def _case(
    case_id: str,
    error: str,
    n_rows: int,
    n_unusable: int,
    findings: str,
    facts: str,
    names: Pseudonyms | None,
) -> _Case:
    """Make objects of what stands in the shards."""
    found = tuple(map(Finding.from_json, json.loads(findings)))
    known = json.loads(facts)
    if names is not None:
        error = names.told(case_id, error)
        found = tuple(map(names.finding, found))
        known = map(names.facts, known)
        case_id = names.cases[case_id]
    return _Case(case_id, error, n_rows, n_unusable, found, tuple(map(_facts, known)))


def _facts(data: dict[str, Any]) -> LabelFacts:
    return LabelFacts(**{**data, **{name: intern(data[name]) for name in _REPEATED}})


def _ordered(frame: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """Bring rows into the order of the numbers of their cases, with no second table in memory."""
    if numbers.is_sorted():
        return frame
    places = (
        numbers.to_frame("number").with_row_index().sort("number", maintain_order=True)["index"]
    )
    for name in frame.columns:
        frame = frame.with_columns(frame[name].gather(places))
    return frame
