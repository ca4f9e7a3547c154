"""What labels count in training, from their scores (QG-SSL, equation 7)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import UsageError
from segassay.types import Status

_LOW_CONFIDENCE = 0.5
"""What a label of low confidence counts, as a share of what its score says."""

_LEAST_SUM = 1e-8
"""Weights of a smaller sum stay as they are: 0."""


def quality_weights(
    scores: Any,
    threshold: float = 0.5,
    temperature: float = 2.0,
    *,
    absent_ok: Any = None,
    normalise: bool = True,
) -> Any:
    """Return how much labels count: `q ** temperature` where q is at least `threshold`, else 0.

    A higher score never counts less. The result holds no NaN: what has no score counts 0, unless it
    is known to be rightly empty, which counts 1. Of scores of a judge and rows of an audit

    - `absent_ok` counts 1, `failed`, `invalid` and `absent_suspect` count 0;
    - `abstained`, a score of low confidence, counts half of what its value says.

    Args:
        scores: Expected Dice in [0, 1], low = bad, NaN where there is none: an array, a list or a
            tensor of any shape; or `Score`s of a judge, or `ScoreRow`s of an audit.
        threshold: τ of the paper. What scores less counts nothing.
        temperature: T of the paper; 0 lets all that reach the threshold count alike.
        absent_ok: Of the same shape, whether a label without a score is rightly empty.
        normalise: Whether the weights are divided by their sum, so that `(weights * losses).sum()`
            is a weighted mean. All 0 stay 0.

    Returns:
        Weights of the shape of `scores`, in [0, 1], without a gradient: a tensor for a tensor, else
        a float64 array. Of no scores none.

    Raises:
        UsageError: Scores outside [0, 1], or a negative temperature.

    Example:
        >>> quality_weights([0.9, 0.4, 0.5], normalise=False).round(2).tolist()
        [0.81, 0.0, 0.25]
    """
    if temperature < 0:
        raise UsageError(f"temperature {temperature}: expected 0 or more")
    if hasattr(scores, "detach"):
        return _of_tensor(scores.detach(), threshold, temperature, absent_ok, normalise=normalise)
    values, share, empty = _read(scores)
    if absent_ok is not None:
        empty = np.isnan(values) & np.asarray(absent_ok, dtype=np.bool_)
    q = np.nan_to_num(values)
    _require_scores(q.min(initial=0), q.max(initial=0))
    counts = ~np.isnan(values) & (q >= threshold)
    weights = np.where(empty, 1.0, np.where(counts, share * q**temperature, 0.0))
    return weights / max(float(weights.sum()), _LEAST_SUM) if normalise else weights


def _of_tensor(
    values: Any, threshold: float, temperature: float, absent_ok: Any, *, normalise: bool
) -> Any:
    q = values.nan_to_num(0.0)
    if q.numel():
        _require_scores(float(q.amin()), float(q.amax()))
    counts = ~values.isnan() & (q >= threshold)
    weights = (q**temperature).where(counts, 0.0)
    if absent_ok is not None:
        weights = weights.where(~(values.isnan() & absent_ok), 1.0)
    return weights / weights.sum().clamp_min(_LEAST_SUM) if normalise else weights


def _require_scores(least: float, most: float) -> None:
    if least < 0 or most > 1:
        raise UsageError(f"scores from {least:g} to {most:g}; expected Dice in [0, 1]")


def _read(scores: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return values, what share of them counts, and which labels are rightly empty."""
    if not (isinstance(scores, Sequence) and scores and hasattr(scores[0], "status")):
        values = np.asarray(scores, dtype=np.float64)
        return values, np.ones(values.shape), np.zeros(values.shape, dtype=np.bool_)
    known = {Status.SCORED: 1.0, Status.ABSTAINED: _LOW_CONFIDENCE}
    values = np.array([_value(one) for one in scores], dtype=np.float64)
    share = np.array([known.get(one.status, 0.0) for one in scores])
    return values, share, np.array([one.status is Status.ABSENT_OK for one in scores])


def _value(one: Any) -> float:
    """Return the value of a judge's `Score`, or the score of an audit's row."""
    return float(one.score if hasattr(one, "score") else one.value)
