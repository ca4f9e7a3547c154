"""From raw to calibrated scores, with an interval, as measured on subjects unseen in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, nnls

Floats = NDArray[np.float64]

_LEAST_PER_BIN = 20
_MOST_BINS = 10
_FOLDS = 5
_LEAST_SPREAD = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Expected Dice by raw score, and how far off it is by score and doubt.

    The expected error is `spread` of a score v and a doubt u: c0 + c1 v (1 - v) + c2 u. Intervals
    are multiples of it, found as in split conformal prediction (Lei 2018) with residuals of
    subjects that the fit did not see.

    Attributes:
        raw: Knots in rising order.
        expected: Expected Dice at the knots.
        coefficients: c0, c1, c2; none is negative.
        below: How many spreads the truth lies below the score at most, in 95 of 100 labels.
        above: How many above.
    """

    raw: Floats
    expected: Floats
    coefficients: Floats
    below: float
    above: float

    def __call__(self, raw: float, doubt: float) -> tuple[float, float, float]:
        """Return (value, low, high) for a raw score and its doubt, all in [0, 1]."""
        value = self.value(raw)
        spread = float(_spread(self.coefficients, np.array([value]), np.array([doubt]))[0])
        return value, max(value - self.below * spread, 0.0), min(value + self.above * spread, 1.0)

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
        open_ends: bool = False,
    ) -> "Calibration":
        """Fit on raw scores, doubts and true Dice of the same labels, at least 40 of them.

        Bins hold equally many labels; expected Dice is the bin's mean, made monotone. Residuals
        are taken across folds of `subjects`, so that nobody's labels vouch for themselves; with one
        subject they do. Quantiles carry the finite-sample correction, (n + 1) / n.
        With `open_ends` expected Dice goes on rising beyond the outermost bins, as the score does;
        else it is theirs, which with two bins of few labels leaves nothing very good or bad.
        """
        judged = _across_folds(raw, true, subjects, open_ends=open_ends)
        features = _features(judged, doubt)
        coefficients, _ = nnls(features, np.abs(judged - true))
        scaled = (judged - true) / _spread(coefficients, judged, doubt)
        share = min(1.0, (1 - (1 - level) / 2) * (len(raw) + 1) / len(raw))
        below = max(float(np.quantile(scaled, share)), 0.0)
        above = max(float(np.quantile(-scaled, share)), 0.0)
        return cls(*_curve(raw, true, open_ends=open_ends), coefficients, below, above)

    @classmethod
    def identity(cls) -> "Calibration":
        """Return the calibration that leaves scores raw and knows nothing of their errors."""
        ends = np.array([0.0, 1.0])
        return cls(ends, ends, np.array([1.0, 0.0, 0.0]), 1.0, 1.0)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain lists."""
        return {
            "raw": np.round(self.raw, 5).tolist(),
            "expected": np.round(self.expected, 5).tolist(),
            "coefficients": np.round(self.coefficients, 6).tolist(),
            "below": round(self.below, 5),
            "above": round(self.above, 5),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Calibration":
        """Rebuild from `to_json`."""
        raw, expected, coefficients = (
            np.asarray(data[name]) for name in ("raw", "expected", "coefficients")
        )
        return cls(raw, expected, coefficients, float(data["below"]), float(data["above"]))


def _curve(raw: Floats, true: Floats, *, open_ends: bool) -> tuple[Floats, Floats]:
    n_bins = max(2, min(_MOST_BINS, len(raw) // _LEAST_PER_BIN))
    bins = np.array_split(np.argsort(raw, kind="stable"), n_bins)
    means = isotonic_regression([true[b].mean() for b in bins]).x
    knots = np.array([raw[b].mean() for b in bins])
    if not open_ends:
        return knots, np.asarray(means)
    lowest, highest = max(means[0] - knots[0], 0.0), min(means[-1] + 1 - knots[-1], 1.0)
    return np.array([0.0, *knots, 1.0]), np.array([lowest, *means, highest])


def _across_folds(raw: Floats, true: Floats, subjects: Sequence[str], *, open_ends: bool) -> Floats:
    """Return the expected Dice of every label by a curve that its subject had no part in."""
    numbers = np.unique(np.asarray(subjects), return_inverse=True)[1]
    n_folds = min(_FOLDS, int(numbers.max()) + 1)
    if n_folds < 2:
        return np.interp(raw, *_curve(raw, true, open_ends=open_ends))
    judged = np.zeros(len(raw))
    for fold in range(n_folds):
        held = numbers % n_folds == fold
        curve = _curve(raw[~held], true[~held], open_ends=open_ends)
        judged[held] = np.interp(raw[held], *curve)
    return judged


def _features(value: Floats, doubt: Floats) -> Floats:
    return np.stack([np.ones_like(value), value * (1 - value), doubt], axis=1)


def _spread(coefficients: Floats, value: Floats, doubt: Floats) -> Floats:
    return np.maximum(_features(value, doubt) @ coefficients, _LEAST_SPREAD)
