"""What labels count follows their scores, and never holds a NaN."""

from math import nan
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segassay import quality_weights
from segassay.errors import UsageError
from segassay.types import Status

SCORES = st.lists(st.one_of(st.floats(0, 1), st.just(nan)), max_size=12)


@given(SCORES, st.floats(0, 1), st.floats(0, 5))
def test_weights_are_a_mean_and_rise_with_the_score(
    scores: list[float], threshold: float, temperature: float
) -> None:
    weights = quality_weights(scores, threshold, temperature)
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1.0) or (weights < 1e-6).all()
    raw = quality_weights(scores, threshold, temperature, normalise=False)
    known = [(s, w) for s, w in zip(scores, raw, strict=True) if s == s]
    assert all(w == 0 for s, w in zip(scores, raw, strict=True) if s != s or s < threshold)
    ranked = [w for _, w in sorted(known)]
    assert ranked == sorted(ranked)
    assert all(0 <= w <= 1 for w in raw)


@settings(deadline=None)  # the first example loads torch
@given(SCORES, st.floats(0, 1), st.floats(0, 5))
def test_tensors_get_the_same(scores: list[float], threshold: float, temperature: float) -> None:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    given_scores = torch.tensor(scores, dtype=torch.float64)
    absent = torch.arange(len(scores)) % 2 == 0
    for normalise in (True, False):
        options: dict[str, Any] = {"normalise": normalise}
        found = quality_weights(given_scores, threshold, temperature, absent_ok=absent, **options)
        expected = quality_weights(
            scores, threshold, temperature, absent_ok=absent.numpy(), **options
        )
        np.testing.assert_allclose(found.numpy(), expected)


def test_the_published_formula() -> None:
    found = quality_weights([0.9, 0.6, 0.4, 0.5])
    np.testing.assert_allclose(found, np.array([0.81, 0.36, 0, 0.25]) / 1.42)


def test_status_decides_where_there_is_one() -> None:
    told = [
        SimpleNamespace(status=Status.SCORED, value=0.8),
        SimpleNamespace(status=Status.ABSTAINED, value=0.8),
        SimpleNamespace(status=Status.ABSENT_OK, value=nan),
        SimpleNamespace(status=Status.ABSENT_SUSPECT, value=nan),
        SimpleNamespace(status=Status.FAILED, score=nan),
        SimpleNamespace(status=Status.INVALID, score=0.9),
    ]
    found = quality_weights(told, normalise=False)
    np.testing.assert_allclose(found, [0.64, 0.32, 1, 0, 0, 0])


@pytest.mark.parametrize("scores", [[1.2], [-0.1, 0.5]])
def test_what_is_no_dice_is_refused(scores: list[float]) -> None:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    with pytest.raises(UsageError):
        quality_weights(scores)
    with pytest.raises(UsageError):
        quality_weights(torch.tensor(scores))
    with pytest.raises(UsageError):
        quality_weights([0.5], temperature=-1)
