"""Minutes that looking at a label and correcting it are predicted to take.

The time of a correction follows the length of outline that is redrawn (329 chest CTs corrected by
hand: Spearman 0.69), not Dice (-0.25); J Digit Imaging 2021;34:541. The length is predicted by the
audit, from label and suggestion (`expected_path_mm`), or from size and score where there is none.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import nnls

from segassay.errors import DatasetError
from segassay.files.text_table import read_rows
from segassay.records.triage import KEY

_ROUNDNESS = 1.75
"""How much longer outlines of labels are than circles of their area in a sphere of their volume:
the median of 176 organs of BTCV (`benchmarks/select/planted_edits.py`)."""

_FEWEST_TIMINGS = 8


@dataclass(frozen=True, slots=True)
class CostModel:
    """What looking and correcting cost.

    Only the speed has a source: a scan of BTCV has 78 m of outline (13 organs, in the planes of its
    slices), and drawing a scan's organs by hand takes 30 to 60 minutes (Label Critic, Bassi 2024).
    The other two are assumptions. `fit_costs` replaces all three by measured minutes.

    Attributes:
        minutes_per_case: Opening a case.
        minutes_per_label: Looking at a label and deciding.
        mm_per_minute: Length of outline redrawn in a minute.
    """

    minutes_per_case: float = 0.5
    minutes_per_label: float = 0.25
    mm_per_minute: float = 1700.0

    def minutes(self, p_wrong: pl.Expr, path_mm: pl.Expr) -> pl.Expr:
        """Return expected minutes of labels in an open case: a correct one is only looked at."""
        return self.minutes_per_label + p_wrong * path_mm / self.mm_per_minute


def path_mm() -> pl.Expr:
    """Return the length of outline that a correction redraws, of rows of a score table.

    As the audit expects it; where it does not, what the score leaves of the whole outline, which is
    estimated from the volume as if it were a sphere, and from slices as thick as the largest voxel
    side. In pixels where no spacing is known. A label that is missing costs as much as the median
    outline of its structure in the table; 0 where nothing is known.
    """
    missing_score = pl.col("score").fill_nan(0.0)
    guessed = (1 - missing_score) * outline_mm()
    known = pl.when(pl.col("expected_path_mm").is_not_nan()).then("expected_path_mm")
    own = known.otherwise(guessed)
    whole = pl.when(pl.col("n_voxels") > 0).then(outline_mm()).median().over("structure")
    return pl.when(pl.col("n_voxels") > 0).then(own).otherwise(whole).fill_null(0.0).fill_nan(0.0)


def outline_mm() -> pl.Expr:
    """Return the estimated length of all outlines of labels in their slices, in mm or in pixels."""
    sides = (
        pl.col("spacing_mm").str.split(" ").list.eval(pl.element().cast(pl.Float64, strict=False))
    )
    known = pl.col("volume_ml").is_not_nan() & (pl.col("spacing_mm") != "")
    thick = pl.when(known).then(sides.list.max()).otherwise(1.0)
    volume = pl.when(known).then(1000 * pl.col("volume_ml")).otherwise(pl.col("n_voxels"))
    flat = pl.col("n_slices") <= 1
    diameter = (6 * volume / np.pi) ** (1 / 3)
    n_slices = pl.when(flat).then(1.0).otherwise((diameter / thick).clip(lower_bound=1.0))
    area = volume / (n_slices * thick)
    return _ROUNDNESS * n_slices * 2 * (np.pi * area).sqrt()


def fit_costs(table: Path, labels: pl.DataFrame) -> CostModel:
    """Fit the costs to minutes that somebody took.

    Args:
        table: A row for each label: case_id, structure, minutes and, where labels have several,
            source.
        labels: Labels with `KEY`, `p_wrong` and `path_mm`, as `pool.label_pool` gives them.

    Returns:
        Non-negative least squares of minutes on the expected length of outline. Opening a case is
        part of the minutes of its labels, so it costs nothing by itself.

    Raises:
        DatasetError: The table lacks a column or a number, or fewer than eight of its labels are
            among the labels.
    """
    known = {
        (case_id, structure, source): p * path
        for case_id, structure, source, p, path in labels.select(
            *KEY, "p_wrong", "path_mm"
        ).iter_rows()
    }
    by_name = {(case_id, structure): length for (case_id, structure, _), length in known.items()}
    lengths, minutes = [], []
    for number, row in enumerate(read_rows(table), start=1):
        missing = [name for name in ("case_id", "structure", "minutes") if name not in row]
        if missing:
            raise DatasetError(f"{table.name}: no column {', '.join(missing)}; it has {list(row)}")
        pair = (row["case_id"], row["structure"])
        length = known.get((*pair, row["source"])) if row.get("source") else by_name.get(pair)
        try:
            taken = float(row["minutes"])
        except ValueError:
            taken = -1.0
        if not 0 <= taken < float("inf"):
            raise DatasetError(
                f"{table.name}: row {number}: {row['minutes']!r} is no number of minutes"
            )
        if length is not None:
            lengths.append(length)
            minutes.append(taken)
    if len(minutes) < _FEWEST_TIMINGS:
        raise DatasetError(
            f"{table.name}: {len(minutes)} of its rows are labels of the result; at least "
            f"{_FEWEST_TIMINGS} are needed"
        )
    design = np.column_stack([np.ones(len(lengths)), lengths])
    (each, per_mm), _ = nnls(design, np.asarray(minutes))
    return CostModel(0.0, float(each), 1 / per_mm if per_mm > 0 else float("inf"))
