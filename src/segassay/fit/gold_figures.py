"""How well a judge does on labels whose truth is known, and on what that rests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segassay.judge.calibration.adapter import beyond_noise
from segassay.judge.calibration.fitting import GoldLabel
from segassay.judge.documents.description import Benefit, Counts, Figures
from segassay.metrics.agreement import interval_coverage
from segassay.metrics.summary import JudgedLabels, agreement

_ALPHA = 0.1
"""Intervals are to hold 90 % of the labels."""


def benefit_of(
    rows: Sequence[GoldLabel], before: NDArray[np.float64], after: NDArray[np.float64] | None
) -> Benefit:
    """Compare what two judges state of labels, value, low and high `(n, 3)`, with their true Dice.

    Better is a judge whose scores gain beyond noise over subjects, or whose intervals do while its
    scores do not lose. Where scores gain, wider intervals are no loss: after a fit they have a
    margin for errors of real networks, which simulated ones do not need.
    """
    if after is None:
        return Benefit.NOT_TESTED
    true = np.array([row.true for row in rows])
    subjects = np.array([row.subject for row in rows], dtype=np.str_)
    nearer = np.abs(before[:, 0] - true) - np.abs(after[:, 0] - true)
    tighter = _interval_loss(before, true) - _interval_loss(after, true)
    if beyond_noise(nearer, subjects):
        return Benefit.BETTER
    worse = beyond_noise(-nearer, subjects)
    return Benefit.BETTER if beyond_noise(tighter, subjects) and not worse else Benefit.NO_BETTER


def _interval_loss(stated: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interval score `(n,)`, lower is better: width, and a price for every miss.

    No interval counts as one that says nothing, from 0 to 1.
    """
    low, high = np.nan_to_num(stated[:, 1], nan=0.0), np.nan_to_num(stated[:, 2], nan=1.0)
    missed = np.maximum(low - true, 0) + np.maximum(true - high, 0)
    return np.asarray(high - low + 2 / _ALPHA * missed, dtype=np.float64)


def figures_of(rows: Sequence[GoldLabel], stated: NDArray[np.float64]) -> Figures:
    """Return agreement with the truth, intervals by subject, and coverage and width."""
    true = np.array([row.true for row in rows])
    subjects = np.array([row.subject for row in rows], dtype=np.str_)
    structures = np.array([row.structure for row in rows], dtype=np.str_)
    value, low, high = stated.T
    labels = JudgedLabels(value, low, high, true, subjects, np.zeros_like(subjects), structures)
    coverage, width = interval_coverage(low, high, true)
    plain = {
        **agreement(labels),
        "interval_coverage": round(coverage, 4),
        "interval_width": round(width, 4),
    }
    return {name: _finite(number) for name, number in plain.items()}


def _finite(number: float | list[float]) -> float | tuple[float, float] | None:
    """Return what JSON can hold: `None` for a figure that is not defined."""
    if not np.isfinite(number).all():
        return None
    return (number[0], number[1]) if isinstance(number, list) else number


def evidence_of(rows: Sequence[GoldLabel]) -> dict[str, Counts]:
    """Return for every structure how many labels of how many subjects there are."""
    found = {}
    for structure in sorted({row.structure for row in rows}):
        own = [row for row in rows if row.structure == structure]
        n_subjects = len({row.subject for row in own})
        found[structure] = Counts(labels=len(own), subjects=n_subjects)
    return found
