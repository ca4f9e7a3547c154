"""What can be selected: labels, cases or slices, each with what looking at it brings and costs."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segassay.errors import UsageError
from segassay.records.p_faulty import PRIOR
from segassay.records.triage import KEY, Verdict, verdicts, worst_first
from segassay.records.usual import usual_scores
from segassay.select.costs import CostModel, path_mm

_LEFT_OUT = (Verdict.ABSENT, Verdict.EMPTY, Verdict.FAILED, Verdict.INVALID)
"""What nobody corrects by drawing: what is rightly absent, and files for `segassay fix`."""

TRAITS = ("score", "log_size", "expected_volume_error", "expected_nsd", "presence", "context_dice")
"""What labels are told apart by where they shall be unlike, standardised within structures."""


class Per(StrEnum):
    """What is selected one by one; a structure is one label of a case."""

    CASE = "case"
    STRUCTURE = "structure"
    SLICE = "slice"


def label_pool(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the labels that somebody could look at and correct.

    Args:
        frame: Columns of the score table.

    Returns:
        A row for each, by case, structure and source: `KEY`, `subject_id`, `p_wrong` (`p_faulty`,
        `PRIOR` where it is not known), `loss` (Dice that the label is expected to lack of what is
        usual for its structure), `gain` (their product), `path_mm`, `n_slices` (estimated slices
        that hold mask), `place` (in the order of the report), `width` of the interval, `entropy` of
        being wrong in bits, `disagreement` of several sources (NaN with one) and `TRAITS`.
    """
    found = verdicts(frame)
    usual = {name: one.level for name, one in usual_scores(frame).items()}
    level = pl.col("structure").replace_strict(usual, default=None, return_dtype=pl.Float64)
    ranks = np.empty(frame.height, dtype=np.int64)
    ranks[worst_first(frame, found).to_numpy()] = np.arange(frame.height)
    p = pl.col("p_faulty").fill_nan(PRIOR)
    pool = frame.with_columns(
        found,
        place=pl.Series(ranks),
        p_wrong=p,
        loss=(level.fill_null(1.0) - pl.col("score").fill_nan(0.0)).clip(lower_bound=0.0),
        path_mm=path_mm(),
        width=(pl.col("score_hi") - pl.col("score_lo")).fill_nan(0.0),
        entropy=_entropy(p),
        log_size=pl.col("n_voxels").cast(pl.Float64).log1p(),
        disagreement=_disagreement(),
    ).filter(~pl.col("verdict").is_in([kind.value for kind in _LEFT_OUT]))
    return pool.select(
        *KEY,
        "subject_id",
        "p_wrong",
        "loss",
        (pl.col("p_wrong") * pl.col("loss")).alias("gain"),
        "path_mm",
        pl.col("n_slices").cast(pl.Float64).clip(lower_bound=1.0),
        "place",
        "width",
        "entropy",
        "disagreement",
        (pl.col("n_voxels") > 0).alias("filled"),
        *TRAITS,
    ).sort(KEY)


def with_mask_slices(pool: pl.DataFrame, frame: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """Return a pool with `n_slices` of all slices that hold mask, not of the examined ones alone.

    The mask's voxels over the mean area of its examined slices; as it was where there are none.
    """
    areas = slices.group_by(KEY).agg(pl.col("n_pixels").mean().alias("area"))
    sizes = frame.select(*KEY, "n_voxels").join(areas, on=KEY, how="inner")
    held = sizes.select(*KEY, held=(pl.col("n_voxels") / pl.col("area").clip(lower_bound=1.0)))
    joined = pool.join(held, on=KEY, how="left", maintain_order="left")
    return joined.with_columns(
        n_slices=pl.max_horizontal("n_slices", pl.col("held").fill_null(0.0).round())
    ).drop("held")


def items(pool: pl.DataFrame, slices: pl.DataFrame, costs: CostModel, per: Per) -> pl.DataFrame:
    """Return what can be selected, ready to be ordered.

    Args:
        pool: Labels, as `label_pool` gives them.
        slices: Examined slices, as `Results.slices`.
        costs: What looking costs.
        per: What an item is.

    Returns:
        A row for each item in a fixed order: the columns of the pool; `slice` (-1 but for slices),
        `n_labels`, `minutes` in an open case, and for a case `structure` and `source` empty and
        numbers of its labels together: sums of gain, minutes, outline and slices, means of the
        rest, the worst place. A slice has its share of its label's gain and outline, by its wrong
        pixels.

    Raises:
        UsageError: Slices are asked for and there is none, as with single images.
    """
    minutes = costs.minutes(pl.col("p_wrong"), pl.col("path_mm"))
    if per is Per.STRUCTURE:
        return pool.with_columns(slice=pl.lit(-1, pl.Int64), minutes=minutes, n_labels=pl.lit(1))
    if per is Per.CASE:
        return _cases(pool.with_columns(minutes=minutes))
    return _slices(pool, slices).with_columns(minutes=minutes, n_labels=pl.lit(1))


def traits(found: pl.DataFrame, strata: Sequence[str]) -> NDArray[np.float64]:
    """Return what items are told apart by, `(n, t)`: traits in standard deviations, and strata.

    Items of two structures lie two standard deviations apart by that alone.
    """
    shares = [
        (
            (pl.col(name) - pl.col(name).fill_nan(None).mean().over("structure"))
            / pl.col(name).fill_nan(None).std().over("structure")
        ).alias(name)
        for name in TRAITS
    ]
    numbers = found.select(shares).fill_null(0.0).to_numpy()
    numbers = np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0).clip(-5, 5)
    names = np.asarray(strata, dtype=np.str_)
    kinds = np.sqrt(2) * (names[:, None] == np.unique(names)[None, :])
    return np.column_stack([numbers, kinds])


def _entropy(p: pl.Expr) -> pl.Expr:
    q = 1 - p
    bits = [pl.when(x > 0).then(x * x.log(2)).otherwise(0.0) for x in (p, q)]
    return -(bits[0] + bits[1])


def _disagreement() -> pl.Expr:
    """Return how far sources of one label are apart: in score, and in size as a share."""
    label = ("case_id", "structure")
    size = pl.col("n_voxels").cast(pl.Float64)
    spread = (pl.col("score").fill_nan(0.0).max() - pl.col("score").fill_nan(0.0).min()).over(label)
    sizes = ((size.max() - size.min()) / size.max().clip(lower_bound=1.0)).over(label)
    several = pl.len().over(label) > 1
    return pl.when(several).then(spread + sizes).otherwise(float("nan"))


def _cases(pool: pl.DataFrame) -> pl.DataFrame:
    sums, means = (
        ("gain", "minutes", "path_mm", "n_slices"),
        ("p_wrong", "loss", "width", "entropy"),
    )
    return (
        pool.group_by("case_id")
        .agg(
            pl.lit("").first().alias("structure"),
            pl.lit("").first().alias("source"),
            pl.col("subject_id").first(),
            *(pl.col(name).sum() for name in sums),
            *(pl.col(name).mean() for name in means),
            pl.col("place").min(),
            pl.col("disagreement").fill_nan(None).mean().fill_null(float("nan")),
            pl.col("filled").any(),
            *(pl.col(name).fill_nan(None).mean().fill_null(float("nan")) for name in TRAITS),
            pl.lit(-1, pl.Int64).first().alias("slice"),
            pl.len().cast(pl.Int64).alias("n_labels"),
        )
        .sort("case_id")
    )


def _slices(pool: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    known = slices.rename({"score": "slice_score"}).join(pool, on=KEY, how="inner")
    if not known.height:
        raise UsageError(
            "no label has examined slices, as of single images or of an older audit; give --per "
            "structure or --per case"
        )
    wrong = pl.col("n_pixels") * (1 - pl.col("slice_score")) + 1e-9
    # Each examined slice stands for as many as the mask has for one examined.
    share = wrong / wrong.sum().over(KEY) * pl.len().over(KEY) / pl.col("n_slices")
    share = share.clip(upper_bound=1.0)
    return (
        known.with_columns(
            gain=pl.col("gain") * share,
            path_mm=pl.col("path_mm") * share,
            place=pl.col("slice_score").rank("ordinal").cast(pl.Int64) - 1,
            score=pl.col("slice_score"),
            n_slices=pl.lit(1.0),
        )
        .drop("slice_score", "n_pixels")
        .sort(*KEY, "slice")
    )
