"""The scores that a mask gets from segmenters."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from benchmarks.baselines.ensemble import softmin_confidence


def test_softmin_follows_the_least_confident_pixel() -> None:
    mask = np.array([True, True, False, False])
    sure = softmin_confidence(np.array([0.99, 0.98, 0.01, 0.02]), mask)
    one_doubt = softmin_confidence(np.array([0.99, 0.1, 0.01, 0.02]), mask)
    assert sure > 0.97
    assert one_doubt < 0.2
    assert softmin_confidence(np.array([0.99, 0.1, 0.01, 0.02]), mask, temperature=1e6) == (
        pytest.approx(np.mean([0.99, 0.1, 0.99, 0.98]), abs=1e-4)
    )
    assert np.isnan(softmin_confidence(np.zeros(0), np.zeros(0, dtype=bool)))
