"""Finding the strength of a fault that gives a wanted Dice."""

from collections.abc import Callable
from math import isnan

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.scene import BoolArray
from segassay.metrics.overlap import dice


def overlap(a: BoolArray, b: BoolArray) -> float:
    """Dice of two masks; 0 when both are empty, which here means a fault erased everything."""
    value = dice(a, b)
    return 0.0 if isnan(value) else value


def solve(
    fault: Callable[[float], BoolArray],
    gold: BoolArray,
    target: float,
    *,
    low: float,
    high: float,
    steps: int = 6,
) -> BoolArray:
    """Bisect the strength of `fault` between `low` (harmless) and `high` until Dice is near.

    Stops early within .02. When even `high` stays above the wanted Dice the strongest fault is
    returned: a target is a wish, the true Dice is always measured on the result.
    """
    best = fault(high)
    if overlap(best, gold) >= target:
        return best
    gap = abs(overlap(best, gold) - target)
    for _ in range(steps):
        middle = (low + high) / 2
        candidate = fault(middle)
        reached = overlap(candidate, gold)
        if abs(reached - target) < gap:
            best, gap = candidate, abs(reached - target)
        if gap < 0.02:
            break
        low, high = (middle, high) if reached > target else (low, middle)
    return best


def take_largest(values: NDArray[np.floating], count: int, among: BoolArray) -> BoolArray:
    """Return the `count` pixels of `among` with the largest values; ties go either way."""
    chosen = np.zeros(among.shape, dtype=np.bool_)
    places = np.flatnonzero(among)
    count = min(max(count, 0), places.size)
    if count:
        flat = values.ravel()[places]
        order = np.argpartition(-flat, count - 1)[:count]
        chosen.ravel()[places[order]] = True
    return chosen
