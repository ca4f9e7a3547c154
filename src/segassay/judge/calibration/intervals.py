"""From raw to calibrated scores, with an interval, as measured on subjects unseen in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize

from segassay.judge.documents.corrections import CalibrationFile

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LEAST_PER_BIN = 20
_MOST_BINS = 10
_FOLDS = 5
_SPREADS = (0.005, 0.5)
_LEAST_DOUBT = 0.02
_LEAST_ERROR = 0.003
_RIDGE = 1e-3
_LINEAR = 3
"""How many coefficients judges have whose spread is c0 + c1 v (1 - v) + c2 u, not below .01."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Expected Dice by raw score, and how far off it is by score and doubt.

    The expected error is the `spread` of a score v and a doubt u: exp(c0 + c1 v + c2 v² +
    c3 log(u + .02)). Intervals are multiples of it, found as in split conformal prediction (Lei
    2018) with residuals of subjects that the fit did not see. Every subject counts the same,
    however many labels it has: subjects are what is exchangeable, not labels (Dunn 2022).

    Attributes:
        raw: Knots in rising order.
        expected: Expected Dice at the knots.
        coefficients: c0, c1, c2, c3; three of a linear spread in earlier judges.
        below: How many spreads the truth lies below the score at most; `above` is the same, and
            90 of 100 labels lie between.
        above: How many above.
        margin: What an interval's halves have besides, in Dice, added as independent errors are:
            for what the labels measured cannot show.
    """

    raw: Floats
    expected: Floats
    coefficients: Floats
    below: float
    above: float
    margin: float = 0.0

    def __call__(self, raw: float, doubt: float) -> tuple[float, float, float]:
        """Return (value, low, high) for a raw score and its doubt, all in [0, 1]."""
        value = self.value(raw)
        spread = float(_spread(self.coefficients, np.array([value]), np.array([doubt]))[0])
        below, above = (hypot(n * spread, self.margin) for n in (self.below, self.above))
        return value, max(value - below, 0.0), min(value + above, 1.0)

    def value(self, raw: float) -> float:
        """Return the expected Dice of a raw score."""
        return float(np.interp(raw, self.raw, self.expected))

    @classmethod
    def fit(
        cls,
        raw: Floats,
        doubt: Floats,
        true: Floats,
        subjects: Sequence[str],
        *,
        level: float = 0.9,
        curved: bool = True,
    ) -> "Calibration":
        """Fit on raw scores, doubts and true Dice of the same labels, at least 40 of them.

        Bins hold equal shares of all subjects; expected Dice is the bin's mean, made monotone, and
        goes on rising beyond the outermost bins as the score does. With `curved` false the scores
        stay as they are: those of a regression are expected Dice already, and the steps of a
        curve would only make unequal scores equal. Residuals and their spreads are
        taken across folds of `subjects`, so that nobody's labels vouch for themselves; with one
        subject they do.
        Intervals are symmetric, a multiple of the spread that holds for a share `level` of the
        labels, every subject counted once, with the finite-sample correction (n + 1) / n for n
        subjects: they are what is exchangeable.
        """
        weights = _equal_subjects(subjects)
        folds = _folds(subjects)
        curve = _curve if curved else _straight
        judged, spread = np.zeros(len(raw)), np.zeros(len(raw))
        for held, rest in folds:
            judged[held] = np.interp(raw[held], *curve(raw[rest], true[rest], weights[rest]))
        error = np.abs(judged - true)
        for held, rest in folds:
            found = _fit_spread(judged[rest], doubt[rest], error[rest], weights[rest])
            spread[held] = _spread(found, judged[held], doubt[held])
        coefficients = _fit_spread(judged, doubt, error, weights)
        n_subjects = len(set(subjects))
        share = min(1.0, level * (n_subjects + 1) / n_subjects)
        reach = _quantile(error / spread, weights, share)
        return cls(*curve(raw, true, weights), coefficients, reach, reach)

    @classmethod
    def identity(cls) -> "Calibration":
        """Return the calibration that leaves scores raw and knows nothing of their errors."""
        return cls(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.zeros(4), 2.0, 2.0)

    def to_document(self) -> CalibrationFile:
        """Return the numbers as they are written."""
        return CalibrationFile(
            raw=tuple(np.round(self.raw, 5).tolist()),
            expected=tuple(np.round(self.expected, 5).tolist()),
            coefficients=tuple(np.round(self.coefficients, 6).tolist()),
            below=round(self.below, 5),
            above=round(self.above, 5),
            margin=self.margin,
        )

    @classmethod
    def from_document(cls, file: CalibrationFile) -> "Calibration":
        """Rebuild from `to_document`."""
        raw, expected = np.asarray(file.raw), np.asarray(file.expected)
        coefficients = np.asarray(file.coefficients)
        return cls(raw, expected, coefficients, file.below, file.above, file.margin)


def _equal_subjects(subjects: Sequence[str]) -> Floats:
    """Return the weight of every label `(n,)`: one over its subject's labels; their sum is 1."""
    _, number, count = np.unique(np.asarray(subjects), return_inverse=True, return_counts=True)
    weights = 1.0 / count[number]
    return np.asarray(weights / weights.sum())


def _curve(raw: Floats, true: Floats, weights: Floats) -> tuple[Floats, Floats]:
    n_bins = max(2, min(_MOST_BINS, len(raw) // _LEAST_PER_BIN))
    order = np.argsort(raw, kind="stable")
    passed = np.cumsum(weights[order]) - weights[order] / 2
    ends = np.searchsorted(passed / weights.sum(), np.arange(1, n_bins) / n_bins)
    bins = [part for part in np.split(order, ends) if len(part)]
    means = [np.average(true[part], weights=weights[part]) for part in bins]
    rising = isotonic_regression(means, weights=[weights[part].sum() for part in bins]).x
    knots = np.array([np.average(raw[part], weights=weights[part]) for part in bins])
    lowest, highest = max(rising[0] - knots[0], 0.0), min(rising[-1] + 1 - knots[-1], 1.0)
    return np.array([0.0, *knots, 1.0]), np.array([lowest, *rising, highest])


def _straight(raw: Floats, true: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the knots of a curve that leaves every score as it is."""
    del raw, true, weights
    ends = np.array([0.0, 1.0])
    return ends, ends


def _folds(subjects: Sequence[str]) -> list[tuple[Bools, Bools]]:
    """Return labels held out and the others, fold by fold; with one subject all are both."""
    numbers = np.unique(np.asarray(subjects), return_inverse=True)[1]
    n_folds = min(_FOLDS, int(numbers.max()) + 1)
    if n_folds < 2:
        everything = np.ones(len(numbers), dtype=np.bool_)
        return [(everything, everything)]
    return [(numbers % n_folds == fold, numbers % n_folds != fold) for fold in range(n_folds)]


def _features(value: Floats, doubt: Floats) -> Floats:
    log_doubt = np.log(doubt + _LEAST_DOUBT)
    return np.stack([np.ones_like(value), value, value**2, log_doubt], axis=1)


def _spread(coefficients: Floats, value: Floats, doubt: Floats) -> Floats:
    if len(coefficients) == _LINEAR:
        linear = np.stack([np.ones_like(value), value * (1 - value), doubt], axis=1)
        return np.maximum(linear @ coefficients, 0.01)
    return np.clip(np.exp(_features(value, doubt) @ coefficients), *_SPREADS)


def _fit_spread(value: Floats, doubt: Floats, error: Floats, weights: Floats) -> Floats:
    """Return the coefficients under which errors, taken for Laplace's, are the most likely."""
    features, weights = _features(value, doubt), weights / weights.sum()
    error = error + _LEAST_ERROR

    def cost(c: Floats) -> tuple[float, Floats]:
        """Return minus the log-likelihood with a small ridge, and its slope; both are convex."""
        scale = features @ c
        ratio = error * np.exp(-scale)
        slope = features.T @ (weights * (1 - ratio)) + 2 * _RIDGE * c * ridged
        return float(weights @ (scale + ratio) + _RIDGE * (c * ridged) @ c), slope

    ridged = np.array([0.0, 1.0, 1.0, 1.0])
    start = np.array([np.log(weights @ error), 0.0, 0.0, 0.0])
    return np.asarray(minimize(cost, start, jac=True, method="BFGS").x)


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the least value that with all below it has this share of the weights."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order])
    place = int(np.searchsorted(passed, share * passed[-1] - 1e-12))
    return float(values[order][min(place, len(values) - 1)])
