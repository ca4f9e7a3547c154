"""Intervals hold for subjects, not only for labels."""

import numpy as np
from numpy.typing import NDArray

from segassay.judge.calibration.intervals import Calibration

Floats = NDArray[np.float64]


def test_intervals_hold_for_new_subjects_when_few_were_measured() -> None:
    rng = np.random.default_rng(5)

    def drawn(n_subjects: int) -> tuple[Floats, Floats, list[str]]:
        """Draw ten labels of each subject, whose scores are off by what the subject is off."""
        true = rng.uniform(0.3, 0.95, size=10 * n_subjects)
        off = np.repeat(rng.normal(0, 0.08, size=n_subjects), 10)
        raw = np.clip(true + off + rng.normal(0, 0.02, size=len(true)), 0, 1)
        return raw, true, [str(n // 10) for n in range(len(true))]

    held = []
    for _ in range(40):
        raw, true, subjects = drawn(9)
        fitted = Calibration.fit(raw, np.full(len(raw), 0.05), true, subjects, curved=False)
        raw, true, _ = drawn(40)
        ends = np.array([fitted(score, 0.05)[1:] for score in raw])
        held.append(float(((true >= ends[:, 0]) & (true <= ends[:, 1])).mean()))
    assert np.mean(held) >= 0.89
