"""What cases are grouped by: columns of the data set's own tables, and of one that a user gives."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from segassay.errors import DatasetError, UsageError
from segassay.files.text_table import read_rows
from segassay.records.results import Results
from segassay.report.kept import read_kept
from segassay.types import counted

_CASE_KEYS = ("case_id", "case", "image_id")
_SUBJECT_KEYS = ("subject_id", "subject", "participant_id", "patient_id", "patient")
_MOST_TOLD = 20

Columns = dict[str, dict[str, str]]
"""For each column the value of every case that has one, by case id; values are not empty."""


def case_columns(results: Results, table: Path | None = None) -> Columns:
    """Return all that is known of the cases of a result.

    What the data set's own tables say (`meta.csv`, `participants.tsv`, a manifest's further
    columns), the split and the modality are kept by the audit. `source` is there where every case
    has labels of one source and not all of the same. Names of columns are in lower case.

    Args:
        results: The result.
        table: A further table, a row for each case or each subject: one column is called as in
            `_CASE_KEYS` or `_SUBJECT_KEYS`. It goes before what the data set says.

    Raises:
        UsageError: The result keeps no such columns and no table is given.
        DatasetError: The table cannot be read, lacks an id, or matches no case.
    """
    found: Columns = {}
    frame = results.frame
    for case_id, known in _about(results, required=table is None).items():
        for name, value in known.items():
            if value.strip():
                found.setdefault(name.lower(), {})[case_id] = value.strip()
    sources = frame.group_by("case_id").agg(pl.col("source").unique())
    if frame["source"].n_unique() > 1 and (sources["source"].list.len() == 1).all():
        one = sources.select("case_id", pl.col("source").list.first())
        found["source"] = dict(one.iter_rows())
    if table is not None:
        subjects = dict(frame.select("case_id", "subject_id").unique("case_id").iter_rows())
        found |= _of_table(table, subjects)
    return found


def chosen_columns(columns: Columns, by: Sequence[str]) -> Columns:
    """Return the columns that a user names, all of them where none is named.

    Raises:
        UsageError: There is no such column.
    """
    wanted = [name.strip().lower() for name in by if name.strip()]
    missing = [name for name in wanted if name not in columns]
    if missing:
        known = ", ".join(sorted(columns)[:_MOST_TOLD]) or "none"
        raise UsageError(
            f"--by {', '.join(missing)}: the cases have no such column (there are: {known}); give "
            "a --table with case_id or subject_id and this column"
        )
    return {name: columns[name] for name in wanted} if wanted else columns


def _about(results: Results, *, required: bool) -> Mapping[str, dict[str, str]]:
    try:
        about: Mapping[str, dict[str, str]] = read_kept(results.folder)[0]["about_cases"]
    except UsageError:
        if required:
            raise
        return {}
    return about


def _of_table(path: Path, subjects: Mapping[str, str]) -> Columns:
    """Return the columns of a table by case, `subjects` being the subject of every case."""
    rows = list(read_rows(path))
    key = next((k for k in (*_CASE_KEYS, *_SUBJECT_KEYS) if rows and k in rows[0]), None)
    if key is None:
        there = ", ".join(list(rows[0])[:_MOST_TOLD]) if rows else "no row"
        raise DatasetError(
            f"{path.name}: {there}; expected a column case_id or subject_id, and one row for each"
        )
    by_key = {row[key]: row for row in rows}
    if len(by_key) < len(rows):
        raise DatasetError(
            f"{path.name}: {counted(len(rows), 'row')} for {len(by_key)} different values of "
            f"{key}; expected one row for each"
        )
    found: Columns = {}
    matched = False
    for case_id, subject_id in subjects.items():
        row = by_key.get(case_id if key in _CASE_KEYS else subject_id, {})
        matched = matched or bool(row)
        for name, value in row.items():
            if name != key and value:
                found.setdefault(name, {})[case_id] = value
    if not matched:
        own = next(iter(subjects if key in _CASE_KEYS else subjects.values()), "")
        raise DatasetError(
            f"{path.name}: no {key} of the table is one of the result, such as {own!r}; ids must "
            "be as in scores.csv"
        )
    return found
