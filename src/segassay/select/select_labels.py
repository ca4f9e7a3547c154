"""Select what to look at first within a budget, and say whether that is worth it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from segassay.errors import OutputError, UsageError
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.records.results import Results, open_results
from segassay.records.run import MANIFEST
from segassay.records.table import csv_bytes
from segassay.select.budget import Budget, fitting
from segassay.select.costs import CostModel, fit_costs
from segassay.select.pool import Per, items, label_pool, with_mask_slices
from segassay.select.strategies import Strategy, order

SELECTION_VERSION = 1
"""Version of `selection.json`; goes up when its keys or their meaning change."""

SEED_NOISE = 0.0035
"""Dice by which trainings differ that differ by chance alone: the median standard deviation of a
method in the published semi-supervised comparison on 20 CTs (Quality Sentinel, 0.26 to 0.46
points)."""

_COLUMNS: Mapping[str, type] = {
    "number": int,
    "case_id": str,
    "structure": str,
    "source": str,
    "slice": int,
    "p_wrong": float,
    "loss": float,
    "gain": float,
    "path_mm": float,
    "minutes": float,
    "minutes_so_far": float,
    "gain_so_far": float,
}


class Worth(StrEnum):
    """Whether correcting what was selected is worth it.

    By how much it is expected to raise the mean Dice of all labels: `yes` by at least twice what
    chance alone changes from training to training, `no` by less than once, `unclear` between.
    """

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to look at, in order.

    Attributes:
        frame: `_COLUMNS`: the items with what each is expected to bring and to cost. `gain` is in
            Dice of labels, `minutes` with the opening of the case where it is the first of it.
        strategy: The order they come from.
        per: What an item is.
        budget: What they had to fit into.
        costs: What looking and correcting costs.
        n_pool: Labels that could have been selected.
        gain_of_pool: What correcting all of them is expected to bring.
        noise: Mean Dice that chance alone changes from training to training.
        enough: Number of items after which all that is left would raise the mean Dice of labels by
            less than `noise`: stop there. `None` where the budget ends before.
    """

    frame: pl.DataFrame
    strategy: Strategy
    per: Per
    budget: Budget
    costs: CostModel
    n_pool: int
    gain_of_pool: float
    noise: float
    enough: int | None

    @property
    def minutes(self) -> float:
        """Minutes that all selected items are predicted to take."""
        return float(self.frame["minutes"].sum())

    @property
    def mean_gain(self) -> float:
        """By how much the mean Dice of all labels in the pool is expected to rise."""
        return float(self.frame["gain"].sum()) / self.n_pool if self.n_pool else 0.0

    @property
    def worth(self) -> Worth:
        """Whether that is more than chance changes."""
        if self.mean_gain < self.noise:
            return Worth.NO
        return Worth.YES if self.mean_gain >= 2 * self.noise else Worth.UNCLEAR

    def to_json(self) -> dict[str, Any]:
        """Return the content of `selection.json`."""
        costs = ("minutes_per_case", "minutes_per_label", "mm_per_minute")
        return {
            "version": SELECTION_VERSION,
            "strategy": self.strategy.value,
            "per": self.per.value,
            "budget": {"amount": self.budget.amount, "unit": self.budget.unit.value},
            "costs": {name: getattr(self.costs, name) for name in costs},
            "selected": self.frame.height,
            "minutes": self.minutes,
            "pool": self.n_pool,
            "mean_gain": self.mean_gain,
            "mean_gain_of_pool": self.gain_of_pool / self.n_pool if self.n_pool else 0.0,
            "noise": self.noise,
            "worth": self.worth.value,
            "enough": self.enough,
            "items": self.frame.to_dicts(),
        }


def select_labels(
    results: Results,
    budget: Budget,
    strategy: Strategy = Strategy.EXPECTED_GAIN,
    *,
    per: Per | None = None,
    stratify: bool = False,
    timings: Path | None = None,
    noise: float = SEED_NOISE,
    seed: int = 0,
) -> Selection:
    """Select items of a result.

    Args:
        results: The result of an audit.
        budget: What they have to fit into.
        strategy: In which order they are looked at.
        per: What an item is; what the budget counts by default, of minutes a label.
        stratify: Go round the structures; of cases, which hold all, nothing.
        timings: A table of minutes that labels of the result took, see `costs.fit_costs`; without
            it costs are assumed.
        noise: Mean Dice that chance alone changes from training to training, above 0.
        seed: Seed of what is random.

    Raises:
        UsageError: The strategy asks for several sources, or slices are asked for, and there are
            none.
        DatasetError: The table of minutes cannot be used.
    """
    if noise <= 0:
        raise UsageError(f"--noise {noise}: expected a difference of Dice above 0")
    pool = label_pool(results.frame)
    known = CostModel() if timings is None else fit_costs(timings, pool)
    unit = per or budget.per
    slices = results.slices
    pool = with_mask_slices(pool, results.frame, slices)
    found = items(pool, slices, known, unit)
    opening = known.minutes_per_case
    chosen = order(
        found,
        strategy,
        minutes_per_case=opening,
        stratify=stratify and unit is not Per.CASE,
        seed=seed,
    )
    rows, minutes = fitting(found, chosen, budget, opening)
    frame = (
        found[rows]
        .with_columns(minutes=pl.Series(minutes, dtype=pl.Float64))
        .with_columns(
            number=pl.int_range(1, pl.len() + 1),
            minutes_so_far=pl.col("minutes").cum_sum(),
            gain_so_far=pl.col("gain").cum_sum(),
        )
    )
    whole = float(pool["gain"].sum())
    left = whole - frame["gain_so_far"].to_numpy()
    stops = np.flatnonzero(np.concatenate([[whole], left]) < noise * pool.height)
    return Selection(
        frame.select(list(_COLUMNS)),
        strategy,
        unit,
        budget,
        known,
        pool.height,
        whole,
        noise,
        int(stops[0]) if len(stops) else None,
    )


def write_selection(folder: Path, out: Path, budget: Budget, **options: Any) -> Selection:
    """Select from a result folder; write `selection.csv` and `selection.json`.

    Args:
        folder: Result folder of an audit.
        out: Folder to write to; made if missing.
        budget: What the selection has to fit into.
        options: As of `select_labels`.

    Raises:
        UsageError: It is no finished result, or as in `select_labels`.
        DatasetError: As there.
        OutputError: The folder cannot be written.
    """
    if (out / MANIFEST).exists():
        raise UsageError(f"{out}: holds results of a run, which stay; choose another -o")
    found = select_labels(open_results(folder), budget, **options)
    try:
        out.mkdir(parents=True, exist_ok=True)
        rows = list(found.frame.iter_rows(named=True))
        write_whole(out / "selection.csv", csv_bytes(rows, _COLUMNS))
        text = strict_json(found.to_json(), indent=1)
        write_whole(out / "selection.json", (text + "\n").encode())
    except OSError as error:
        raise OutputError.of(out, error) from error
    return found
