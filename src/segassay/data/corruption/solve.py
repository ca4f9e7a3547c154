"""Finding the strength of a fault that gives a wanted Dice."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segassay.data.corruption.scene import BoolArray


def overlap(a: BoolArray, b: BoolArray) -> float:
    """Dice of two masks; 0 when both are empty, which here means a fault erased everything."""
    size = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / size if size else 0.0


def solve(
    fault: Callable[[float], BoolArray],
    gold: BoolArray,
    dice: float,
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
    if overlap(best, gold) >= dice:
        return best
    gap = abs(overlap(best, gold) - dice)
    for _ in range(steps):
        middle = (low + high) / 2
        candidate = fault(middle)
        reached = overlap(candidate, gold)
        if abs(reached - dice) < gap:
            best, gap = candidate, abs(reached - dice)
        if gap < 0.02:
            break
        low, high = (middle, high) if reached > dice else (low, middle)
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
