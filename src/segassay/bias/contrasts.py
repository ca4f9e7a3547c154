"""Effects of groups on scores: slopes, their intervals, permutation tests and what follows of many.

Everything here is one linear contrast: a number `x` of every unit, and the score regressed on it.
For a group `x` is 1 inside and 0 outside, so the slope is the difference of the means. For a number
such as age the slope is told from its lower to its upper quartile.

A unit is what can be exchanged: a subject, whose labels are not independent, or a case where the
column differs between the cases of a subject. All permutations move whole units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from segassay.metrics.agreement import Estimate

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_UNITS = 10
"""Units that a group needs, and the rest, for a test: fewer would tell of single patients."""

N_PERMUTATIONS = 4999
N_RESAMPLES = 2000

_CELLS_AT_ONCE = 4_000_000
"""Numbers of permuted units that are in memory together."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One group against the rest, or a rise in a number.

    Attributes:
        column: What cases are grouped by.
        value: The group, or the range of a number that the effect is of.
        other: What it is compared with; empty for a number.
        x: The number of every unit, NaN where it is not known.
        scale: What the slope is multiplied by: 1 for a group, the interquartile range of a number.
    """

    column: str
    value: str
    other: str
    x: Floats
    scale: float = 1.0

    @property
    def is_group(self) -> bool:
        """Whether it is a group and not a number."""
        return bool(self.other)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a contrast comes to in one structure, or in all together (`structure` is empty).

    `difference` is in units of score, with its 95 % bootstrap interval; `standardised` is the same
    in standard deviations of a unit's score about the fitted means. `p` is that of the permutation
    test, two-sided, and `q` the same after Benjamini and Hochberg over all tests of the run.
    """

    column: str
    value: str
    other: str
    structure: str
    n_in: int
    n_out: int
    difference: Estimate
    standardised: float
    p: float
    q: float = float("nan")


def effects(
    contrast: Contrast,
    scores: Floats,
    structures: tuple[str, ...],
    *,
    seed: int = 0,
    n_permutations: int = N_PERMUTATIONS,
) -> list[Effect]:
    """Test one contrast in all structures together and in each.

    Args:
        contrast: Its `x` has a number of each of `u` units.
        scores: Mean score of the labels of every unit and structure, `(u, s)`; NaN without one.
        structures: Names of the `s` structures.
        seed: Seed of permutations and resamples.
        n_permutations: Number of permutations.

    Returns:
        What can be tested: at least `LEAST_UNITS` units on both sides, of a number twice as many,
        and some spread. All together comes first: each unit's mean over its structures of the score
        less that structure's mean, so that a group with more of a difficult structure is no worse
        for it. `q` is left out.
    """
    known = ~np.isnan(contrast.x)
    x, y = contrast.x[known], scores[known]
    there = ~np.isnan(y)
    n = there.sum(axis=0)
    means = np.where(there, y, 0).sum(axis=0) / np.maximum(n, 1)
    above = np.where(there, y - means, 0.0)
    n_own = there.sum(axis=1)
    every = np.divide(above.sum(axis=1), n_own, out=np.full(len(x), np.nan), where=n_own > 0)
    names = ("", *structures)
    columns = np.column_stack([every, y])
    testable = [k for k in range(len(names)) if _testable(contrast, x, columns[:, k])]
    if len(structures) == 1 and testable == [0, 1]:
        testable = [1]  # all together is that structure
    if not testable:
        return []
    chosen = columns[:, testable]
    observed = _slopes(x[None], chosen)[0]
    p = _permuted(x, chosen, observed, seed, n_permutations)
    low, high = _resampled(x, chosen, seed)
    found = []
    for k, column in enumerate(testable):
        filled = ~np.isnan(chosen[:, k])
        own_x, own_y = x[filled], chosen[filled, k]
        rest = own_y - own_y.mean() - observed[k] * (own_x - own_x.mean())
        spread = float(np.sqrt((rest**2).sum() / max(len(rest) - 2, 1)))
        ends = sorted((contrast.scale * low[k], contrast.scale * high[k]))
        value = float(contrast.scale * observed[k])
        n_in = int((own_x > 0).sum()) if contrast.is_group else len(own_x)
        found.append(
            Effect(
                contrast.column,
                contrast.value,
                contrast.other,
                names[column],
                n_in,
                len(own_x) - n_in,
                Estimate(value, float(ends[0]), float(ends[1])),
                value / spread if spread else float("nan"),
                float(p[k]),
            )
        )
    return found


def adjusted(found: list[Effect]) -> list[Effect]:
    """Return effects with `q`: p after Benjamini and Hochberg (1995) over all of them."""
    if not found:
        return []
    q = false_discovery_control([one.p for one in found])
    return [replace(one, q=float(value)) for one, value in zip(found, q, strict=True)]


def _testable(contrast: Contrast, x: Floats, y: Floats) -> bool:
    filled = ~np.isnan(y)
    own = x[filled]
    if contrast.is_group:
        n_in = int((own > 0).sum())
        enough = min(n_in, len(own) - n_in) >= LEAST_UNITS
    else:
        enough = len(own) >= 2 * LEAST_UNITS and len(np.unique(own)) > 1
    return enough and bool(np.ptp(y[filled]) > 0)


def _slopes(x: Floats, y: Floats) -> Floats:
    """Return slopes of `y` `(u, s)`, NaN where missing, on every row of `x` `(b, u)`, `(b, s)`."""
    there = (~np.isnan(y)).astype(np.float64)
    filled = np.where(np.isnan(y), 0.0, y)
    n, sum_y = there.sum(axis=0), filled.sum(axis=0)
    sum_x = x @ there
    across = x @ filled - sum_x * sum_y / n
    own = (x**2) @ there - sum_x**2 / n
    return np.asarray(np.divide(across, own, out=np.zeros_like(across), where=own > 1e-12))


def _permuted(x: Floats, y: Floats, observed: Floats, seed: int, n_permutations: int) -> Floats:
    """Return two-sided p: how often a permuted slope is as steep, the observed one counted in."""
    rng = np.random.default_rng(seed)
    reached = np.ones(y.shape[1])
    centred = x - x.mean()
    for n in _parts(n_permutations, len(x)):
        shuffled = rng.permuted(np.broadcast_to(centred, (n, len(x))), axis=1)
        # Numbers added in another order differ in their last digits: equal slopes must count.
        reached += (np.abs(_slopes(shuffled, y)) >= np.abs(observed) * (1 - 1e-9)).sum(axis=0)
    return np.asarray(reached / (n_permutations + 1))


def _resampled(x: Floats, y: Floats, seed: int) -> tuple[Floats, Floats]:
    """Return 2.5 and 97.5 percentiles of slopes over resamples of the units (Efron 1979)."""
    rng = np.random.default_rng(seed)
    there = (~np.isnan(y)).astype(np.float64)
    filled = np.where(np.isnan(y), 0.0, y)
    centred = (x - x.mean())[:, None]
    found = []
    for n in _parts(N_RESAMPLES, len(x)):
        drawn = rng.multinomial(len(x), np.full(len(x), 1 / len(x)), size=n).astype(np.float64)
        size = drawn @ there
        sum_x, sum_y = drawn @ (centred * there), drawn @ filled
        with np.errstate(divide="ignore", invalid="ignore"):
            across = drawn @ (centred * filled) - sum_x * sum_y / size
            own = drawn @ (centred**2 * there) - sum_x**2 / size
            found.append(np.where(own > 1e-12, across / own, np.nan))
    low, high = np.nanquantile(np.concatenate(found), (0.025, 0.975), axis=0)
    return low, high


def _parts(total: int, n_units: int) -> Iterator[int]:
    """Yield how many rows to make at once."""
    at_once = max(1, _CELLS_AT_ONCE // max(n_units, 1))
    for start in range(0, total, at_once):
        yield min(at_once, total - start)
