"""What all cases of a run came to, gathered from its shards: rows as columns, in order."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

import polars as pl

from segassay.checks.base import LabelFacts
from segassay.records.findings import Finding
from segassay.records.shards import read_finished
from segassay.records.slices import SLICES
from segassay.records.table import SCHEMA
from segassay.runs.pseudonyms import Pseudonyms

_REPEATED = ("case_id", "subject_id", "structure", "source", "unit", "image_sha256", "split")
"""Texts that many labels share; each is kept once."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """What is known of finished cases besides their labels, in the order that was asked for.

    Attributes:
        findings: What rules found in each case.
        n_cases: Number of finished cases.
        n_unusable: Labels with a file that cannot be read or judged as it is.
        n_failed: Cases with an image or a label that could not be used.
        bad_images: Cases without rows that could not be used, and why.
    """

    findings: tuple[Finding, ...]
    n_cases: int
    n_unusable: int
    n_failed: int
    bad_images: tuple[tuple[str, str], ...]


class _Case(NamedTuple):
    case_id: str
    error: str
    n_rows: int
    n_unusable: int
    findings: tuple[Finding, ...]


def gather_cases(out: Path, case_ids: Sequence[str], names: Pseudonyms | None = None) -> Finished:
    """Read what is known of finished cases besides their labels.

    Args:
        out: The result folder.
        case_ids: Which cases, in the order in which they are wanted.
        names: What to call them; the shards hold their real names.

    Raises:
        OutputError: A shard is damaged (`records.shards.read_finished`).
    """
    found: dict[str, _Case] = {}
    for some in _finished(out, case_ids, "error", "n_rows", "n_unusable", "findings"):
        for case_id, error, n_rows, n_unusable, told in some.iter_rows():
            findings = tuple(map(Finding.from_json, json.loads(told)))
            case = _Case(case_id, error, n_rows, n_unusable, findings)
            found[case_id] = case if names is None else _renamed(case, names)
    cases = [found[case_id] for case_id in case_ids if case_id in found]
    return Finished(
        findings=tuple(finding for case in cases for finding in case.findings),
        n_cases=len(cases),
        n_unusable=sum(case.n_unusable for case in cases),
        n_failed=sum(bool(case.error or case.n_unusable) for case in cases),
        bad_images=tuple((c.case_id, c.error) for c in cases if c.error and not c.n_rows),
    )


def gather_facts(
    out: Path, case_ids: Sequence[str], names: Pseudonyms | None = None
) -> list[LabelFacts]:
    """Read what the cohort checks need of every label; otherwise as `gather_cases`.

    For a million labels these are half a gigabyte of objects: they are read apart from all that is
    kept for longer, so that their memory can be given back.
    """
    found: dict[str, list[LabelFacts]] = {}
    for some in _finished(out, case_ids, "facts"):
        for case_id, told in some.iter_rows():
            facts = json.loads(told) if names is None else map(names.facts, json.loads(told))
            found[case_id] = list(map(_facts, facts))
    return [facts for case_id in case_ids for facts in found.pop(case_id, ())]


def gather_rows(
    out: Path, case_ids: Sequence[str], names: Pseudonyms | None = None
) -> pl.DataFrame:
    """Read the rows of the score table of finished cases; otherwise as `gather_cases`."""
    order = {case_id: n for n, case_id in enumerate(case_ids)}
    tables, numbers = [SCHEMA.to_frame()], [pl.Series(dtype=pl.UInt32)]
    for some in _finished(out, case_ids, "n_rows", "rows"):
        place = pl.col("case_id").replace_strict(order, return_dtype=pl.UInt32)
        filled = some.filter(pl.col("n_rows") > 0).select("rows", number=place)
        rows = filled.explode("rows").unnest("rows")
        numbers.append(rows["number"])
        table = rows.select(SCHEMA.names())
        tables.append(table if names is None else names.rows(table))
    frame, number = pl.concat(tables), pl.concat(numbers)
    tables.clear()  # else two tables would lie in memory while columns are brought into order
    if not number.is_sorted():
        numbered = number.to_frame("number").with_row_index()
        places = numbered.sort("number", maintain_order=True)["index"]
        for name in frame.columns:
            frame = frame.with_columns(frame[name].gather(places))
    return frame


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


def _renamed(case: _Case, names: Pseudonyms) -> _Case:
    return case._replace(
        case_id=names.cases[case.case_id],
        error=names.told(case.case_id, case.error),
        findings=tuple(map(names.finding, case.findings)),
    )


def _facts(data: dict[str, Any]) -> LabelFacts:
    for name in _REPEATED:
        data[name] = intern(data[name])
    return LabelFacts(**data)
