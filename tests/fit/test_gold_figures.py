"""Whether a new judge is better than its base: beyond noise over subjects, or not at all."""

import numpy as np
import pytest

from segassay.fit.gold_figures import benefit_of
from segassay.judge.calibration.adapter import Measured
from segassay.judge.calibration.fitting import GoldLabel
from segassay.judge.comparison.traits import TRAITS
from segassay.judge.comparison.typical import Seen
from segassay.judge.documents.description import Benefit

SEEN = Seen("liver", True, np.zeros(len(TRAITS)))
N_SUBJECTS, EACH = 10, 6


def rows() -> list[GoldLabel]:
    true = np.random.default_rng(0).uniform(0, 1, N_SUBJECTS * EACH)
    return [
        GoldLabel(
            subject=f"s{n // EACH}",
            structure="liver",
            image=f"i{n // EACH}",
            true=float(value),
            own=False,
            measured=Measured(0.5, 0.1, 3.0, np.zeros(2)),
            corrected=0.5,
            stated=(0.5, 0.4, 0.6),
            seen=SEEN,
        )
        for n, value in enumerate(true)
    ]


def stated(error: float, half_width: float, seed: int) -> np.ndarray:
    """Scores off by `error` on average, with intervals of that half width."""
    true = np.array([row.true for row in rows()])
    value = true + np.random.default_rng(seed).normal(0, error, len(true))
    return np.column_stack([value, value - half_width, value + half_width])


@pytest.mark.parametrize(
    ("before", "after", "benefit"),
    [
        (stated(0.1, 0.2, 1), stated(0.03, 0.2, 2), Benefit.BETTER),
        (stated(0.1, 0.05, 1), stated(0.1, 0.2, 1), Benefit.BETTER),  # intervals that hold
        (stated(0.05, 0.1, 1), stated(0.05, 0.3, 1), Benefit.NO_BETTER),  # wider, the same scores
        (stated(0.05, 0.1, 1), stated(0.1, 0.2, 2), Benefit.NO_BETTER),
        (stated(0.05, 0.1, 1), stated(0.05, 0.1, 1), Benefit.NO_BETTER),
        (stated(0.05, 0.02, 1), stated(0.2, 0.5, 2), Benefit.NO_BETTER),  # scores that got worse
        (stated(0.05, 0.1, 1), None, Benefit.NOT_TESTED),
    ],
)
def test_better_means_beyond_noise(
    before: np.ndarray, after: np.ndarray | None, benefit: Benefit
) -> None:
    assert benefit_of(rows(), before, after) is benefit


def test_an_interval_is_better_than_none() -> None:
    without = stated(0.05, 0.1, 1)
    without[:, 1:] = np.nan
    assert benefit_of(rows(), without, stated(0.05, 0.1, 1)) is Benefit.BETTER
