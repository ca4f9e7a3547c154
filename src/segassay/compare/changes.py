"""What became of every label from one release of a data set to the next."""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from segassay.records.results import Results
from segassay.records.triage import KEY
from segassay.types import Status

LEAST_DIFFERENCE = 0.01
"""Scores nearer to one another than this are the same to a reader, whatever the noise."""

_NOISE_QUANTILE = 0.95
_FEWEST_UNCHANGED = 20
"""Unchanged labels from which a 95th percentile can be told."""


class Change(StrEnum):
    """What became of a label. A label without a voxel counts as none: it is not there.

    `unknown`: it is there in both results, and neither the mask's checksum nor the file's is, as in
    pseudonymised results.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """Which way the score of a changed label went.

    `equal`: by no more than scores of unchanged labels differ. `not_comparable`: one of the two has
    no score, or the results are of two judges.
    """

    IMPROVED = "improved"
    WORSE = "worse"
    EQUAL = "equal"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True)
class Changes:
    """All labels of two results.

    Attributes:
        frame: A row for every label of either: `KEY`, `subject_id`, `change`, `outcome` (of changed
            labels; empty for others), `by_file` (whether only the checksum of the label's file was
            there to go by), `score_before`, `score_after`, `difference` with `difference_lo` and
            `difference_hi`, `verdict_before` and `verdict_after` (empty where there is no row),
            `n_voxels_before`, `n_voxels_after`. The largest differences come first.
        noise: How far scores of unchanged labels differ, 95 of 100; at least `LEAST_DIFFERENCE`.
        n_noise: Number of unchanged labels that this was measured on.
        comparable: Whether one judge made both results, in one way.
        n_moved: Labels that were removed and added under another name of case, structure or
            source: the same voxels in the same place.
    """

    frame: pl.DataFrame
    noise: float
    n_noise: int
    comparable: bool
    n_moved: int

    def of(self, change: Change) -> pl.DataFrame:
        """Return the labels of which that became."""
        return self.frame.filter(pl.col("change") == change.value)


def label_changes(before: Results, after: Results) -> Changes:
    """Compare two results of one data set label by label, by case, structure and source.

    A label is changed where the checksum of its voxels differs; results of older versions have
    checksums of files alone, in which case all labels of a changed file are. The interval of a
    difference is that of two independent errors of the judge, 90 %; errors on one image are alike,
    so it is rather too wide.
    """
    comparable = _judge_of(before.frame) == _judge_of(after.frame)
    both = _side(before, "before").join(
        _side(after, "after"), on=KEY, how="full", coalesce=True, maintain_order="left_right"
    )
    both = both.with_columns(
        subject_id=pl.coalesce("subject_id_after", "subject_id_before"),
        filled_before=pl.col("filled_before").fill_null(value=False),
        filled_after=pl.col("filled_after").fill_null(value=False),
        **_difference(comparable=comparable),
    ).with_columns(_change())
    unchanged = both.filter(
        pl.col("change") == Change.UNCHANGED.value, pl.col("difference").is_not_nan()
    )
    noise = LEAST_DIFFERENCE
    if unchanged.height >= _FEWEST_UNCHANGED:
        found = unchanged["difference"].abs().quantile(_NOISE_QUANTILE)
        noise = max(noise, found or 0.0)
    told = both.with_columns(_outcome(noise)).sort(
        pl.col("difference").abs().fill_nan(-1.0), *KEY, descending=[True, False, False, False]
    )
    columns = (
        *KEY,
        "subject_id",
        "change",
        "outcome",
        "by_file",
        *(f"score_{side}" for side in ("before", "after")),
        *("difference", "difference_lo", "difference_hi"),
        *(f"verdict_{side}" for side in ("before", "after")),
        *(f"n_voxels_{side}" for side in ("before", "after")),
    )
    return Changes(told.select(columns), noise, unchanged.height, comparable, _n_moved(told))


def _judge_of(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """Return the judges of a table, with the fingerprint of what they see, in order."""
    known = frame.filter(pl.col("model_id") != "")
    return sorted(known.select("model_id", "preprocess").unique().rows())


def _side(results: Results, name: str) -> pl.DataFrame:
    unread = pl.col("status").is_in([Status.FAILED.value, Status.INVALID.value])
    return results.frame.with_columns(results.verdicts).select(
        *KEY,
        pl.col("subject_id").alias(f"subject_id_{name}"),
        pl.col("mask_sha256").alias(f"mask_{name}"),
        pl.col("label_sha256").alias(f"file_{name}"),
        ((pl.col("n_voxels") > 0) | unread).alias(f"filled_{name}"),
        pl.col("score").alias(f"score_{name}"),
        (pl.col("score") - pl.col("score_lo")).alias(f"below_{name}"),
        (pl.col("score_hi") - pl.col("score")).alias(f"above_{name}"),
        pl.col("verdict").cast(pl.String).alias(f"verdict_{name}"),
        pl.col("n_voxels").alias(f"n_voxels_{name}"),
    )


def _difference(*, comparable: bool) -> dict[str, pl.Expr]:
    value = pl.col("score_after") - pl.col("score_before") if comparable else pl.lit(float("nan"))

    def side(down: str, up: str) -> pl.Expr:
        """Return the half-width of the interval of a difference of independent errors."""
        return (pl.col(down).pow(2) + pl.col(up).pow(2)).sqrt()

    return {
        "difference": value.fill_null(float("nan")),
        "difference_lo": (value - side("below_after", "above_before")).fill_null(float("nan")),
        "difference_hi": (value + side("above_after", "below_before")).fill_null(float("nan")),
    }


def _change() -> list[pl.Expr]:
    def known(kind: str) -> pl.Expr:
        """Return whether both results have a checksum of a kind."""
        return (pl.col(f"{kind}_before") != "") & (pl.col(f"{kind}_after") != "")

    def same(kind: str) -> pl.Expr:
        """Return whether both checksums of a kind agree."""
        return pl.col(f"{kind}_before") == pl.col(f"{kind}_after")

    in_both = pl.col("filled_before") & pl.col("filled_after")
    neither = ~pl.col("filled_before") & ~pl.col("filled_after")
    change = (
        pl.when(neither)
        .then(pl.lit(Change.UNCHANGED.value))
        .when(~pl.col("filled_before"))
        .then(pl.lit(Change.ADDED.value))
        .when(~pl.col("filled_after"))
        .then(pl.lit(Change.REMOVED.value))
        # In the same file a label may have been given another value, so masks go first.
        .when(pl.when(known("mask")).then(same("mask")).otherwise(known("file") & same("file")))
        .then(pl.lit(Change.UNCHANGED.value))
        .when(known("mask") | known("file"))
        .then(pl.lit(Change.CHANGED.value))
        .otherwise(pl.lit(Change.UNKNOWN.value))
    )
    return [change.alias("change"), (in_both & ~known("mask") & known("file")).alias("by_file")]


def _outcome(noise: float) -> pl.Expr:
    difference = pl.col("difference")
    found = (
        pl.when(difference.is_nan())
        .then(pl.lit(Outcome.NOT_COMPARABLE.value))
        .when(difference > noise)
        .then(pl.lit(Outcome.IMPROVED.value))
        .when(difference < -noise)
        .then(pl.lit(Outcome.WORSE.value))
        .otherwise(pl.lit(Outcome.EQUAL.value))
    )
    changed = pl.col("change") == Change.CHANGED.value
    return pl.when(changed).then(found).otherwise(pl.lit("")).alias("outcome")


def _n_moved(frame: pl.DataFrame) -> int:
    gone = frame.filter(pl.col("change") == Change.REMOVED.value, pl.col("mask_before") != "")
    come = frame.filter(pl.col("change") == Change.ADDED.value, pl.col("mask_after") != "")
    return gone.join(come, left_on="mask_before", right_on="mask_after", how="semi").height
