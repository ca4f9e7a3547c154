"""Scores of single slices: where in a volume a label is good and where it is not."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from segassay.files.parquet import readable, write_parquet
from segassay.records.triage import KEY, LabelKey

_FILE = "slices.parquet"
SLICES = pl.Schema(
    {
        "structure": pl.String,
        "source": pl.String,
        "slice": pl.Int64,
        "score": pl.Float64,
        "n_pixels": pl.Int64,
    }
)
"""Columns of the examined slices of a case's labels, one of `SliceRow` each."""

_SCHEMA = pl.Schema([("case_id", pl.String), *SLICES.items()])


class SliceRow(NamedTuple):
    """Expected Dice of one examined slice of a label, and how many pixels of the mask lie in it.

    `slice_index` counts along the slicing axis of the RAS+ volume, 0 for a picture.
    """

    structure: str
    source: str
    slice_index: int
    score: float
    n_pixels: int


def write_slices(frames: Iterable[pl.DataFrame], folder: Path) -> None:
    """Write `slices.parquet`: a row for every examined slice that holds mask, in any order.

    Args:
        frames: The case's id and the columns `SLICES`; one is in memory at a time.
        folder: The result folder.

    Raises:
        OSError: The folder cannot be written.
    """
    with TemporaryDirectory(dir=folder, prefix=".slices-", suffix=".unfinished") as name:
        place = Path(name)
        for number, frame in enumerate(frames):
            write_parquet(frame.select(_SCHEMA.names()), place / f"{number:06d}.parquet")
        parts = sorted(place.iterdir())
        written = pl.scan_parquet(readable(*parts)) if parts else _SCHEMA.to_frame().lazy()
        write_parquet(written, folder / _FILE)


def scan_slices(folder: Path) -> pl.LazyFrame:
    """Return what `write_slices` wrote; without rows where an older version wrote none."""
    path = folder / _FILE
    return pl.scan_parquet(readable(path)) if path.exists() else _SCHEMA.to_frame().lazy()


def slices_of(folder: Path, labels: pl.DataFrame) -> dict[LabelKey, dict[int, float]]:
    """Return the scores of the slices of some labels, which are named by the columns of a frame."""
    of_cases = scan_slices(folder).filter(
        pl.col("case_id").is_in(labels["case_id"].unique().implode())
    )
    wanted = labels.lazy().select(KEY)
    kept = of_cases.join(wanted, on=KEY, how="semi").collect(engine="streaming")
    found: dict[LabelKey, dict[int, float]] = {}
    for case_id, structure, source, number, score, _ in kept.iter_rows():
        found.setdefault((case_id, structure, source), {})[number] = score
    return found
