"""What abstaining is worth: the error of labels that a judge keeps against those it abstains on.

The risk-coverage curve (El-Yaniv and Wiener 2010) is the error of the most certain share of labels,
certain meaning a narrow interval. Its mean over all shares, the area under it (Geifman 2019), lies
between that of the best order, by the error itself, and the error of all labels, which an order by
chance would give at every share.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.metrics.agreement import bootstrap_by_subject, interval_coverage, risk_coverage
from segassay.metrics.summary import JudgedLabels

SHARES = tuple(round(n / 20, 2) for n in range(1, 21))
"""Shares of labels, most certain first, at which the curve is given."""


def selective(
    labels: JudgedLabels, abstained: NDArray[np.bool_], *, n_draws: int = 300
) -> dict[str, Any]:
    """Compare kept with abstained labels and draw the risk-coverage curve.

    Args:
        labels: At least one judged label; those abstained on have a score, too.
        abstained: Which of them the judge abstained on, `(n,)`.
        n_draws: Resamples of subjects for the 95 % intervals.

    Returns:
        `kept` and `abstained`: `n`, `subjects`, mean absolute error with its interval, coverage and
        width of the 90 % intervals; NaN without a label. `curve`: for each of `SHARES` the error
        `mae` in order of the interval's width and `best`, in order of the error itself. `area`,
        `area_best`, `area_by_chance`: the mean of the first, of the second, and the error of all.
    """
    error = np.abs(labels.value - labels.true)
    shares = np.array(SHARES)
    own = risk_coverage(error, labels.high - labels.low, shares)
    best = risk_coverage(error, error, shares)
    return {
        "kept": _part(labels.where(~abstained), n_draws),
        "abstained": _part(labels.where(abstained), n_draws),
        "curve": [
            {"share": share, "mae": _rounded(mae), "best": _rounded(least)}
            for share, mae, least in zip(SHARES, own, best, strict=True)
        ],
        "area": _rounded(own.mean()),
        "area_best": _rounded(best.mean()),
        "area_by_chance": _rounded(error.mean()),
    }


def _part(labels: JudgedLabels, n_draws: int) -> dict[str, Any]:
    nothing = float("nan")
    counts = {"n": len(labels), "subjects": len(np.unique(labels.subject))}
    coverage, width = interval_coverage(labels.low, labels.high, labels.true)
    found = {"interval_coverage": _rounded(coverage), "interval_width": _rounded(width)}
    if not len(labels):
        return {**counts, "mae": nothing, "mae_ci": [nothing, nothing], **found}
    error = np.abs(labels.value - labels.true)
    mae = bootstrap_by_subject(labels.subject, lambda i: float(error[i].mean()), n_draws=n_draws)
    ends = [_rounded(mae.low), _rounded(mae.high)]
    return {**counts, "mae": _rounded(mae.value), "mae_ci": ends, **found}


def _rounded(value: float) -> float:
    return round(float(value), 4)
