"""From raw to calibrated scores, with an interval, as measured on subjects unseen in training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

_LEAST_PER_BIN = 20
_MOST_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Piecewise linear map from raw to expected Dice, and residual quantiles along it.

    `raw` and `expected` are knots in rising order; `below` and `above` are how far true Dice lay
    under and over the expected one in 90 % of the labels near each knot. All have one length.
    """

    raw: NDArray[np.float64]
    expected: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]

    def __call__(self, raw: float) -> tuple[float, float, float]:
        """Return (value, low, high) for a raw score, all in [0, 1]."""
        value = float(np.interp(raw, self.raw, self.expected))
        low = value - float(np.interp(raw, self.raw, self.below))
        high = value + float(np.interp(raw, self.raw, self.above))
        return value, max(low, 0.0), min(high, 1.0)

    @classmethod
    def fit(
        cls, raw: NDArray[np.float64], true: NDArray[np.float64], *, level: float = 0.9
    ) -> "Calibration":
        """Fit on raw scores and true Dice of the same labels, at least 40 of them.

        Bins hold equally many labels. Expected Dice is the bin's mean, made monotone; residual
        quantiles carry the finite-sample correction of split conformal prediction, (n + 1) / n.
        """
        n_bins = max(2, min(_MOST_BINS, len(raw) // _LEAST_PER_BIN))
        order = np.argsort(raw, kind="stable")
        bins = np.array_split(order, n_bins)
        knots = np.array([raw[b].mean() for b in bins])
        means = isotonic_regression([true[b].mean() for b in bins]).x
        fitted = np.interp(raw, knots, means)
        tail = (1 - level) / 2
        below, above = [], []
        for b in bins:
            share = min(1.0, (1 - tail) * (len(b) + 1) / len(b))
            below.append(max(float(np.quantile(fitted[b] - true[b], share)), 0.0))
            above.append(max(float(np.quantile(true[b] - fitted[b], share)), 0.0))
        return cls(knots, np.asarray(means), np.array(below), np.array(above))

    @classmethod
    def identity(cls) -> "Calibration":
        """Return the calibration that leaves scores raw and knows nothing of their errors."""
        ends = np.array([0.0, 1.0])
        return cls(ends, ends, np.ones(2), np.ones(2))

    def to_json(self) -> dict[str, list[float]]:
        """Return the knots as plain lists."""
        return {
            name: np.round(getattr(self, name), 5).tolist()
            for name in ("raw", "expected", "below", "above")
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Calibration":
        """Rebuild from `to_json`."""
        return cls(*(np.asarray(data[name]) for name in ("raw", "expected", "below", "above")))
