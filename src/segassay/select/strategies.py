"""Orders in which items are looked at. Every strategy is a pure function of items and a seed.

The bar for active learning is random order that is aware of the foreground: of eight methods none
reliably beat it (nnActive, Lüth 2025). `expected_gain` is the one for labels that exist: how much
Dice a minute of looking is expected to bring.
"""

from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segassay.errors import UsageError
from segassay.select.pool import traits

Order = NDArray[np.intp]
Floats = NDArray[np.float64]

_STRATIFIED_SHARE = 0.66
_FOREGROUND_SHARE = 1 / 3
_MOST_APART = 5000
"""Items that are put far apart from one another; who looks at more of them begins anew."""


class Strategy(StrEnum):
    """An order of items.

    `random`: uniform. `foreground_random`: a third of the places go to items that hold mask, all
    structures alike, the rest is uniform (nnActive). `worst_first`: as in the report.
    `expected_gain`: P(wrong) x expected loss of Dice / minutes. `uncertainty`: the widest interval
    first. `entropy`: least certain whether wrong. `disagreement`: sources of one label lie farthest
    apart. `clasp`: two thirds of the places go round the structures, by entropy with power noise
    (after ClaSP PE, 2026). `diversity`: farthest from all before (core-set, Sener and Savarese
    2018). `hybrid`: the same distance times the expected gain of a minute.
    """

    RANDOM = "random"
    FOREGROUND_RANDOM = "foreground_random"
    WORST_FIRST = "worst_first"
    EXPECTED_GAIN = "expected_gain"
    UNCERTAINTY = "uncertainty"
    ENTROPY = "entropy"
    DISAGREEMENT = "disagreement"
    CLASP = "clasp"
    DIVERSITY = "diversity"
    HYBRID = "hybrid"


def order(
    found: pl.DataFrame,
    strategy: Strategy,
    *,
    minutes_per_case: float = 0.0,
    stratify: bool = False,
    seed: int = 0,
) -> Order:
    """Return row numbers of items in the order in which they are looked at, `(n,)`.

    Args:
        found: Items, as `pool.items` gives them; there may be none.
        strategy: The order.
        minutes_per_case: What opening a case adds to the minutes of an item.
        stratify: Go round the structures, the first of each before the second of any.
        seed: Seed of what is random.

    Raises:
        UsageError: Sources cannot disagree as no label has two.
    """
    n = found.height
    rng = np.random.default_rng(seed)
    rate = (found["gain"] / (found["minutes"] + minutes_per_case + 1e-9)).to_numpy()
    if strategy is Strategy.FOREGROUND_RANDOM:
        chosen = _foreground(found, rng)
    elif strategy is Strategy.CLASP:
        chosen = _clasp(found, rng)
    elif strategy is Strategy.DIVERSITY:
        chosen = _far_apart(found, np.ones(n))
    elif strategy is Strategy.HYBRID:
        chosen = _far_apart(found, rate)
    else:
        chosen = _falling(_priority(found, strategy, rate, rng))
    return _round_the_strata(found, chosen) if stratify else chosen


def _priority(
    found: pl.DataFrame, strategy: Strategy, rate: Floats, rng: np.random.Generator
) -> Floats:
    if strategy is Strategy.RANDOM:
        return rng.random(found.height)
    if strategy is Strategy.EXPECTED_GAIN:
        return rate
    if strategy is Strategy.DISAGREEMENT:
        apart = found["disagreement"].to_numpy()
        if np.isnan(apart).all():
            raise UsageError(
                "--strategy disagreement: no label has two sources; audit a data set with several, "
                "or choose another strategy"
            )
        return np.where(np.isnan(apart), -1.0, apart)
    column = {
        Strategy.UNCERTAINTY: pl.col("width"),
        Strategy.ENTROPY: pl.col("entropy"),
        Strategy.WORST_FIRST: -pl.col("place"),
    }[strategy]
    return found.select(column.cast(pl.Float64)).to_series().to_numpy()


def _falling(priority: Floats) -> Order:
    return np.argsort(-priority, kind="stable")


def _round_the_strata(found: pl.DataFrame, chosen: Order) -> Order:
    """Reorder so that structures take turns, each in its own order."""
    names = found["structure"].to_numpy().astype(np.str_)[chosen]
    turn = pl.DataFrame({"name": names}).select(pl.int_range(pl.len()).over("name"))
    return chosen[np.argsort(turn.to_series().to_numpy(), kind="stable")]


def _foreground(found: pl.DataFrame, rng: np.random.Generator) -> Order:
    """Fill a third of the places from what holds mask, structures in turn, the others uniformly."""
    filled = rng.permutation(np.flatnonzero(found["filled"].to_numpy()))
    turns = _round_the_strata(found, filled)
    return _interleaved(turns, rng.permutation(found.height), _FOREGROUND_SHARE, rng)


def _clasp(found: pl.DataFrame, rng: np.random.Generator) -> Order:
    noise = -np.log(-np.log(rng.uniform(1e-12, 1, found.height)))  # Gumbel's
    priority = np.log(found["entropy"].to_numpy() + 1e-12) + noise
    by_power = _falling(priority)
    return _interleaved(_round_the_strata(found, by_power), by_power, _STRATIFIED_SHARE, rng)


def _interleaved(first: Order, second: Order, share: float, rng: np.random.Generator) -> Order:
    """Take the next of the first order with a probability, else of the second; each item once."""
    heads = rng.random(len(second)) < share
    sources, taken = (iter(first.tolist()), iter(second.tolist())), set[int]()
    chosen: list[int] = []
    for head in heads:
        for source in sources if head else sources[::-1]:
            found = next((one for one in source if one not in taken), None)
            if found is not None:
                taken.add(found)
                chosen.append(found)
                break
    return np.asarray(chosen, dtype=np.intp)


def _far_apart(found: pl.DataFrame, weight: Floats) -> Order:
    """Take what lies farthest from all before, times a weight, from the weightiest on."""
    n = found.height
    if not n:
        return np.zeros(0, dtype=np.intp)
    where = traits(found, found["structure"].to_list())
    middle = np.linalg.norm(where - where.mean(axis=0), axis=1)
    first = int(np.argmax(weight - 1e-6 * middle))
    distance = np.full(n, np.inf)
    chosen, left = [], np.ones(n, dtype=np.bool_)
    for _ in range(min(n, _MOST_APART)):
        chosen.append(first)
        left[first] = False
        distance = np.minimum(distance, np.linalg.norm(where - where[first], axis=1))
        first = int(np.argmax(np.where(left, distance * weight, -1.0)))
    rest = np.flatnonzero(left)
    return np.asarray([*chosen, *rest[_falling(weight[rest])]], dtype=np.intp)
