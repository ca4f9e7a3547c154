"""The figures of a judge on labels whose truth is known, with bootstrap intervals by subject."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.metrics.agreement import (
    Estimate,
    auroc,
    bias_by_bin,
    bootstrap_by_subject,
    interval_coverage,
    mean_absolute_error,
    pearson,
    precision_at_worst,
    risk_coverage,
    spearman,
)

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

_SHARES = np.array([0.25, 0.5, 0.75, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class JudgedLabels:
    """Columns of one length: what a judge said of labels, and the truth.

    `value`, `low` and `high` are the score and its interval, `true` the Dice; none may be NaN.
    `subject` must tell subjects of different sets apart.
    """

    value: Floats
    low: Floats
    high: Floats
    true: Floats
    subject: Names
    group: Names
    structure: Names

    def __len__(self) -> int:
        return len(self.true)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "JudgedLabels":
        """Return the labels of a mask over rows, or of row numbers, which may come again."""
        return JudgedLabels(
            self.value[chosen],
            self.low[chosen],
            self.high[chosen],
            self.true[chosen],
            self.subject[chosen],
            self.group[chosen],
            self.structure[chosen],
        )

    def with_value(self, value: Floats) -> "JudgedLabels":
        """Return the same labels with other scores, as a baseline gives them."""
        return JudgedLabels(
            value, self.low, self.high, self.true, self.subject, self.group, self.structure
        )


def agreement(labels: JudgedLabels, *, n_draws: int = 300) -> dict[str, float | list[float]]:
    """Return the main figures of at least one label; each with [low, high] of its 95 % interval.

    `n`, `subjects`, `pearson`, `spearman`, `mae`, and `auroc_below_0.7` and `_0.8`: how well low
    scores tell labels whose true Dice is below that. NaN where a figure is not defined.
    """
    measures: dict[str, Callable[[NDArray[np.intp]], float]] = {
        "pearson": lambda i: pearson(labels.value[i], labels.true[i]),
        "spearman": lambda i: spearman(labels.value[i], labels.true[i]),
        "mae": lambda i: mean_absolute_error(labels.value[i], labels.true[i]),
        "auroc_below_0.7": lambda i: auroc(labels.value[i], labels.true[i] < 0.7),
        "auroc_below_0.8": lambda i: auroc(labels.value[i], labels.true[i] < 0.8),
    }
    found: dict[str, float | list[float]] = {
        "n": len(labels),
        "subjects": len(np.unique(labels.subject)),
    }
    for name, measure in measures.items():
        estimate: Estimate = bootstrap_by_subject(labels.subject, measure, n_draws=n_draws)
        found[name] = _rounded(estimate.value)
        found[f"{name}_ci"] = [_rounded(estimate.low), _rounded(estimate.high)]
    return found


def reliability(labels: JudgedLabels) -> dict[str, object]:
    """Return what the scores of at least one label are worth one by one.

    Coverage and width of the intervals, bias by tenth of the score, the share of labels with a
    Dice below .7 among the worst tenth, and the error of the labels with the narrowest intervals.
    """
    coverage, width = interval_coverage(labels.low, labels.high, labels.true)
    error = np.abs(labels.value - labels.true)
    curve = risk_coverage(error, labels.high - labels.low, _SHARES)
    bad = labels.true < 0.7
    return {
        "interval_coverage": _rounded(coverage),
        "interval_width": _rounded(width),
        "bias_by_tenth_of_score": [
            {"n": n, "bias": _rounded(bias)} for n, bias in bias_by_bin(labels.value, labels.true)
        ],
        "precision_at_worst_tenth": _rounded(
            precision_at_worst(labels.value, bad, max(1, len(labels) // 10))
        ),
        "mae_of_most_certain_share": {
            f"{share:.2f}": _rounded(float(value))
            for share, value in zip(_SHARES, curve, strict=True)
        },
    }


def mean_over_groups(labels: JudgedLabels) -> dict[str, float]:
    """Return Pearson and MAE averaged over sets, and Pearson averaged over structures of sets.

    Every set counts the same; structures count with ten labels or more. NaN where no set, or no
    structure, has a figure.
    """
    by_set = [labels.where(labels.group == name) for name in np.unique(labels.group)]
    keys = np.char.add(np.char.add(labels.group, "/"), labels.structure)
    by_structure = [labels.where(keys == key) for key in np.unique(keys)]
    within = [pearson(part.value, part.true) for part in by_structure if len(part) >= 10]
    return {
        "sets": len(by_set),
        "mean_set_pearson": _rounded(_mean([pearson(p.value, p.true) for p in by_set])),
        "mean_set_mae": _rounded(_mean([mean_absolute_error(p.value, p.true) for p in by_set])),
        "mean_within_structure_pearson": _rounded(_mean(within)),
    }


def _mean(values: list[float]) -> float:
    finite = [value for value in values if not np.isnan(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _rounded(value: float) -> float:
    return round(value, 4)
