"""How well a judge does on labels whose truth is known, and on what that rests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segassay.metrics.agreement import interval_coverage
from segassay.metrics.summary import JudgedLabels, agreement
from segassay.models.description import Counts, Figures
from segassay.scoring.fitting import GoldLabel


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
