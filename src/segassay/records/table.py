"""Writing and reading the score table, as CSV for people and Parquet for programs."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from segassay.files.atomic import write_whole
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


def to_frame(rows: Sequence[ScoreRow]) -> pl.DataFrame:
    """Return rows as a data frame with the columns of `SCHEMA`, also when there are none."""
    return pl.DataFrame([row.model_dump() for row in rows], schema=SCHEMA, orient="row")


def write_table(rows: Sequence[ScoreRow], folder: Path) -> None:
    """Write `scores.csv` and `scores.parquet`.

    Text in the CSV that a spreadsheet would run as a formula gets an apostrophe in front, also
    inside a cell, behind signs at which some spreadsheets split.

    Raises:
        OSError: The folder cannot be written.
    """
    frame = to_frame(rows)
    parquet = BytesIO()
    frame.write_parquet(parquet)
    write_whole(folder / "scores.parquet", parquet.getvalue())
    write_whole(folder / "scores.csv", _as_csv(frame))


def read_table(folder: Path) -> pl.DataFrame:
    """Read the table of a result folder.

    Columns that an older version did not write are there, too: NaN, blank or 0, as for a label
    of which that is not known.
    """
    frame = pl.read_parquet(folder / "scores.parquet")
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


def _as_csv(frame: pl.DataFrame) -> bytes:
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns([_harmless(name) for name in texts]).write_csv().encode()


def _harmless(name: str) -> pl.Expr:
    inside = pl.col(name).str.replace_all(_FORMULA_INSIDE, "${1}'${2}")
    return inside.str.replace(_FORMULA, "'${1}").alias(name)
