"""How well predicted scores agree with the truth, and how sure that is.

All functions take arrays `(n,)` of one length without NaN, a value per label: scores and true Dice
in [0, 1], low = bad. A number that is not defined for them is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def pearson(predicted: Floats, true: Floats) -> float:
    """Return the Pearson correlation, -1 to 1; NaN below three values or without spread."""
    if len(predicted) < 3 or np.ptp(predicted) == 0 or np.ptp(true) == 0:
        return nan
    return float(np.corrcoef(predicted, true)[0, 1])


def spearman(predicted: Floats, true: Floats) -> float:
    """Return Spearman's rank correlation, ties sharing their mean rank; NaN as for `pearson`."""
    return pearson(
        np.asarray(rankdata(predicted), dtype=np.float64),
        np.asarray(rankdata(true), dtype=np.float64),
    )


def mean_absolute_error(predicted: Floats, true: Floats) -> float:
    """Return the mean absolute error; NaN without values."""
    return float(np.abs(predicted - true).mean()) if len(true) else nan


def auroc(low_is_bad: Floats, bad: Bools) -> float:
    """Return the area under the ROC curve of telling bad labels by their low scores.

    In [0, 1], by ranks (Mann and Whitney 1947): a tie counts one half. NaN with one class.

    >>> auroc(np.array([0.1, 0.4, 0.9]), np.array([True, False, False]))
    1.0
    """
    n_bad, n_good = int(bad.sum()), int((~bad).sum())
    if not n_bad or not n_good:
        return nan
    ranks = rankdata(-low_is_bad)
    return float((ranks[bad].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * n_good))


def precision_at_worst(low_is_bad: Floats, bad: Bools, k: int) -> float:
    """Return the share of bad labels among the `k` lowest scores, all scores if there are fewer.

    Of equal scores the first ones count as lower. NaN for `k` = 0 and without labels.
    """
    if k < 1 or not len(bad):
        return nan
    worst = np.argsort(low_is_bad, kind="stable")[:k]
    return float(bad[worst].mean())


def recall_at_worst(low_is_bad: Floats, bad: Bools, k: int) -> float:
    """Return the share of all bad labels among the `k` lowest scores; NaN without bad labels."""
    if not bad.any():
        return nan
    worst = np.argsort(low_is_bad, kind="stable")[:k]
    return float(bad[worst].sum() / bad.sum())


def bias_by_bin(predicted: Floats, true: Floats, *, n_bins: int = 10) -> list[tuple[int, float]]:
    """Return count and mean of predicted minus true for equal bins of the prediction over [0, 1].

    Bins hold their lower end, the last one both. The mean of an empty bin is NaN.
    """
    bins = np.minimum((predicted * n_bins).astype(int), n_bins - 1)
    found = []
    for number in range(n_bins):
        own = bins == number
        bias = float((predicted[own] - true[own]).mean()) if own.any() else nan
        found.append((int(own.sum()), bias))
    return found


def interval_coverage(low: Floats, high: Floats, true: Floats) -> tuple[float, float]:
    """Return the share of true values inside their intervals, ends included, and the mean width.

    NaN twice without values.
    """
    if not len(true):
        return nan, nan
    return float(((true >= low) & (true <= high)).mean()), float((high - low).mean())


def risk_coverage(error: Floats, doubt: Floats, shares: Floats) -> Floats:
    """Return the mean error of the least doubtful share of the labels, for every share `(m,)`.

    The risk-coverage curve of El-Yaniv and Wiener 2010. Shares lie in (0, 1]; one that is less than
    a label stands for one label. NaN without labels.
    """
    if not len(error):
        return np.full(len(shares), nan)
    ordered = error[np.argsort(doubt, kind="stable")]
    counts = np.maximum(1, np.rint(shares * len(ordered)).astype(int))
    return np.asarray([ordered[:count].mean() for count in counts])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % bootstrap interval; NaN ends where resampling could not tell."""

    value: float
    low: float
    high: float


def bootstrap_by_subject(
    subjects: NDArray[np.str_],
    measure: Callable[[NDArray[np.intp]], float],
    *,
    n_draws: int = 500,
    seed: int = 0,
) -> Estimate:
    """Resample subjects, not labels: labels of one patient are not independent.

    Args:
        subjects: Subject of every label, at least one.
        measure: Takes indices of labels, of which some come again, and returns the number of
            interest; NaN where it is not defined for them.
        n_draws: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        The number of all labels with the 2.5 and 97.5 percentiles of the resamples (Efron 1979),
        NaN where more than half of these give none.
    """
    everything = np.arange(len(subjects))
    names, owner = np.unique(subjects, return_inverse=True)
    groups = [everything[owner == number] for number in range(len(names))]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(n_draws):
        drawn = rng.integers(len(groups), size=len(groups))
        values.append(measure(np.concatenate([groups[n] for n in drawn])))
    finite = np.array([v for v in values if not np.isnan(v)])
    if finite.size < n_draws // 2:
        return Estimate(measure(everything), nan, nan)
    low, high = np.quantile(finite, (0.025, 0.975))
    return Estimate(measure(everything), float(low), float(high))


FEWEST_SUBJECTS = 5
"""Fewer subjects, resampled, are nearly the same ones again: they give no interval."""

_CELLS_AT_ONCE = 4_000_000
"""Counts of drawn subjects that are in memory together."""


def mean_by_subject(
    values: Floats, subjects: NDArray[np.str_], *, n_draws: int = 2000, seed: int = 0
) -> Estimate:
    """Return the mean over labels with its 95 % interval, subjects being resampled.

    The same as `bootstrap_by_subject` with a mean, from the sums of every subject, so that it costs
    as little for a million labels as for ten.

    Args:
        values: A number of each label, `(n,)`; no NaN.
        subjects: Subject of every label, `(n,)`.
        n_draws: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        The mean; NaN without labels, its ends NaN below `FEWEST_SUBJECTS` subjects.
    """
    if not len(values):
        return Estimate(nan, nan, nan)
    names, owner = np.unique(subjects, return_inverse=True)
    n_subjects = len(names)
    mean = float(values.mean())
    if n_subjects < FEWEST_SUBJECTS:
        return Estimate(mean, nan, nan)
    sums = np.bincount(owner, weights=values)
    counts = np.bincount(owner).astype(np.float64)
    rng = np.random.default_rng(seed)
    even = np.full(n_subjects, 1 / n_subjects)
    means = []
    at_once = max(1, _CELLS_AT_ONCE // n_subjects)
    for start in range(0, n_draws, at_once):
        drawn = rng.multinomial(n_subjects, even, size=min(at_once, n_draws - start))
        means.append((drawn @ sums) / (drawn @ counts))
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return Estimate(mean, float(low), float(high))
