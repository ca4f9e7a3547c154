"""Do labels of some group of cases score lower? By what tables of the data set say of the cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segassay.datasets.splits import natural_key
from segassay.metrics.agreement import Estimate, bootstrap_by_subject
from segassay.report.model import ReportData
from segassay.types import REVIEW_BELOW

LEAST_SUBJECTS = 5
"""Smaller groups get no figures: they would tell of single patients, not of a group."""

_MOST_VALUES = 12
"""A column with more values is no grouping but an identifier."""

_FEW_NUMBERS = 6
"""A column with more different numbers is cut into thirds."""

_DRAWS = 300


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Labels of the cases with one value of a column.

    `difference` is the mean score, each measured from the median of its structure, less that of all
    other labels with a value: a group with more of a difficult structure is not worse for it. Its
    interval comes from resampling subjects.
    """

    column: str
    value: str
    n_subjects: int
    n_labels: int
    median: float
    share_low: float
    difference: Estimate


def subgroups(data: ReportData) -> tuple[Subgroup, ...]:
    """Return the groups of all columns that part the scored labels into two groups or more."""
    scored = data.frame.filter(pl.col("score").is_not_nan()).select(
        "case_id", "subject_id", "source", "score", above=_above_structure()
    )
    columns = dict.fromkeys(name for own in data.about_cases.values() for name in own)
    told: dict[str, list[str]] = {
        name: [data.about_cases.get(case_id, {}).get(name, "") for case_id in scored["case_id"]]
        for name in columns
    }
    told["source"] = scored["source"].to_list()
    return tuple(group for name, values in told.items() for group in _groups(name, scored, values))


def _groups(column: str, scored: pl.DataFrame, values: Sequence[str]) -> list[Subgroup]:
    named, order = _in_thirds(values)
    known = scored.with_columns(value=pl.Series(named, dtype=pl.String)).filter(
        pl.col("value") != ""
    )
    owners = dict(known.group_by("value").agg(pl.col("subject_id").n_unique()).iter_rows())
    large = [value for value in order if owners.get(value, 0) >= LEAST_SUBJECTS]
    if len(large) < 2 or len(owners) > _MOST_VALUES:
        return []
    return [_group(column, value, known) for value in large]


def _group(column: str, value: str, known: pl.DataFrame) -> Subgroup:
    inside = pl.col("value") == value
    own = known.filter(inside)
    # Means over labels follow from the sums of every subject: there may be a million labels.
    sums = known.group_by("subject_id", maintain_order=True).agg(
        inside.sum().alias("n_own"),
        (~inside).sum().alias("n_others"),
        pl.col("above").filter(inside).sum().alias("own"),
        pl.col("above").filter(~inside).sum().alias("others"),
    )
    columns = sums.select("n_own", "n_others", "own", "others").to_numpy()

    def difference(subjects: NDArray[np.intp]) -> float:
        """Return by how much labels of the group lie above the others; NaN without either."""
        n_own, n_others, above, others = columns[subjects].sum(axis=0).tolist()
        return above / n_own - others / n_others if n_own and n_others else float("nan")

    return Subgroup(
        column,
        value,
        own["subject_id"].n_unique(),
        own.height,
        float(np.median(own["score"].to_numpy())),
        float((own["score"].to_numpy() < REVIEW_BELOW).mean()),
        bootstrap_by_subject(sums["subject_id"].to_numpy(), difference, n_draws=_DRAWS),
    )


def _above_structure() -> pl.Expr:
    """Return each score less the median of its structure."""
    return pl.col("score") - pl.col("score").median().over("structure")


def _in_thirds(values: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a group for each value, and the groups in order; many different numbers make three."""
    numbers = {value: _number(value) for value in set(values) if value}
    if len(numbers) <= _FEW_NUMBERS or not all(map(isfinite, numbers.values())):
        return list(values), sorted(numbers, key=natural_key)
    every = [numbers[value] for value in values if value]
    low, high = (float(cut) for cut in np.quantile(every, (1 / 3, 2 / 3)))
    names = [f"up to {low:.4g}", f"above {low:.4g}, up to {high:.4g}", f"above {high:.4g}"]
    third = {value: names[(n > low) + (n > high)] for value, n in numbers.items()}
    return [third.get(value, "") for value in values], names


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
