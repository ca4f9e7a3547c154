"""Scores of single slices: where in a volume a label is good and where it is not."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import polars as pl

from segassay.files.atomic import write_whole
from segassay.records.triage import LabelKey

_FILE = "slices.parquet"
_SCHEMA = pl.Schema(
    {
        "case_id": pl.String,
        "structure": pl.String,
        "source": pl.String,
        "slice": pl.Int64,
        "score": pl.Float64,
        "n_pixels": pl.Int64,
    }
)


class SliceRow(NamedTuple):
    """Expected Dice of one examined slice of a label, and how many pixels of the mask lie in it.

    `slice_index` counts along the slicing axis of the RAS+ volume, 0 for a picture.
    """

    structure: str
    source: str
    slice_index: int
    score: float
    n_pixels: int


def by_label(slices: Mapping[str, Iterable[SliceRow]]) -> dict[LabelKey, dict[int, float]]:
    """Return the scores of each label's slices, from the slices of each case."""
    found: dict[LabelKey, dict[int, float]] = {}
    for case_id, rows in slices.items():
        for row in rows:
            found.setdefault((case_id, row.structure, row.source), {})[row.slice_index] = row.score
    return found


def write_slices(slices: Mapping[str, Iterable[SliceRow]], folder: Path) -> None:
    """Write `slices.parquet`: a row for every examined slice that holds mask.

    Raises:
        OSError: The folder cannot be written.
    """
    listed = [(case_id, *row) for case_id, rows in slices.items() for row in rows]
    parquet = BytesIO()
    pl.DataFrame(listed, schema=_SCHEMA, orient="row").write_parquet(parquet)
    write_whole(folder / _FILE, parquet.getvalue())


def read_slices(folder: Path) -> pl.DataFrame:
    """Read what `write_slices` wrote; without rows where an older version wrote none."""
    path = folder / _FILE
    return pl.read_parquet(path) if path.exists() else _SCHEMA.to_frame()
