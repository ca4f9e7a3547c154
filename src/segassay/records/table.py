"""The score table as columns; written as CSV for people and Parquet for programs, and read back.

A table may have millions of rows. What follows from all of them is worked out on columns; only rows
that are shown, or that a rule found something about, become a `ScoreRow`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from segassay.files.atomic import whole_file
from segassay.files.parquet import readable, write_parquet
from segassay.records.scores import ScoreRow

_TYPES: dict[Any, Any] = {float: pl.Float64, int: pl.Int64, bool: pl.Boolean}
SCHEMA = pl.Schema(
    {
        name: pl.Datetime(time_unit="us", time_zone="UTC")
        if name == "scored_at"
        else _TYPES.get(field.annotation, pl.String)
        for name, field in ScoreRow.model_fields.items()
    }
)
"""Columns of the table in order. Floats keep NaN: a label without a score has no made-up one."""

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = rf"^( *[{_SIGNS}]|[\t\r\n])"
"""Spreadsheets run what begins like this, some also with the signs' full-width twins."""

_FORMULA_INSIDE = rf"([;\t\r\n])([ \t]*[{_SIGNS}])"
"""The same where a spreadsheet splits a line at semicolons, as is usual in half of Europe."""


_AT_ONCE = 50_000
"""Rows that are turned into text, or into objects, together."""


def to_frame(rows: Iterable[ScoreRow]) -> pl.DataFrame:
    """Return rows as a data frame with the columns of `SCHEMA`, also when there are none."""
    return pl.DataFrame([row.model_dump() for row in rows], schema=SCHEMA, orient="row")


def rows_of(frame: pl.DataFrame) -> Iterator[ScoreRow]:
    """Yield the rows of a frame that holds the columns of `SCHEMA`, and maybe others."""
    return map(ScoreRow.model_validate, frame.select(SCHEMA.names()).iter_rows(named=True))


def with_rows(
    frame: pl.DataFrame, places: pl.Series, change: Callable[[ScoreRow], ScoreRow]
) -> pl.DataFrame:
    """Return a frame some rows of which are changed one by one.

    Args:
        frame: Columns of `SCHEMA`.
        places: Which rows are to be changed, from 0.
        change: Makes the new row of an old one.
    """
    if not len(places):
        return frame
    old = frame[places]
    new = pl.concat([to_frame(map(change, rows_of(some))) for some in old.iter_slices(_AT_ONCE)])
    changed = [name for name in SCHEMA if not new[name].equals(old[name])]
    return frame.with_columns(frame[name].scatter(places, new[name]) for name in changed)


def write_table(frame: pl.DataFrame, folder: Path) -> None:
    """Write `scores.csv` and `scores.parquet`.

    Text in the CSV that a spreadsheet would run as a formula gets an apostrophe in front, also
    inside a cell, behind signs at which some spreadsheets split.

    Raises:
        OSError: The folder cannot be written.
    """
    write_parquet(frame, folder / "scores.parquet")
    with whole_file(folder / "scores.csv") as file:
        for number, some in enumerate(frame.iter_slices(_AT_ONCE) if frame.height else (frame,)):
            file.write(_as_csv(some, header=not number))


def read_table(folder: Path) -> pl.DataFrame:
    """Read the table of a result folder.

    Columns that an older version did not write are there, too: NaN, blank or 0, as for a label
    of which that is not known.
    """
    frame = pl.read_parquet(readable(folder / "scores.parquet"))
    fields = ScoreRow.model_fields
    missing = [name for name in SCHEMA if name not in frame.columns]
    blank = {n: "" if SCHEMA[n] == pl.String else fields[n].default for n in missing}
    frame = frame.with_columns(pl.lit(blank[n], SCHEMA[n]).alias(n) for n in missing)
    return frame.select(SCHEMA.names())


def csv_bytes(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, type]) -> bytes:
    """Return rows of any columns as CSV, text made harmless as in `write_table`.

    Args:
        rows: Values by column; a missing one is a blank cell, as NaN is.
        columns: Names in order, each `str`, `int`, `float` or `bool`.
    """
    schema = {name: _TYPES.get(kind, pl.String) for name, kind in columns.items()}
    listed = [{name: row.get(name) for name in columns} for row in rows]
    frame = pl.DataFrame(listed, schema=schema, orient="row")
    return _as_csv(frame.with_columns(pl.col(pl.Float64).fill_nan(None)))


def _as_csv(frame: pl.DataFrame, *, header: bool = True) -> bytes:
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    harmless = frame.with_columns([_harmless(name) for name in texts])
    return harmless.write_csv(include_header=header).encode()


def _harmless(name: str) -> pl.Expr:
    inside = pl.col(name).str.replace_all(_FORMULA_INSIDE, "${1}'${2}")
    return inside.str.replace(_FORMULA, "'${1}").alias(name)
