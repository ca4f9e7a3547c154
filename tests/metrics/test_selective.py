"""Kept against abstained labels, and the risk-coverage curve, by hand and for any labels."""

from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segassay.metrics.selective import SHARES, selective
from segassay.metrics.summary import JudgedLabels


def labels(error: np.ndarray, width: np.ndarray) -> JudgedLabels:
    """Scores of one half that miss by `error`, in the middle of intervals of `width`."""
    n = len(error)
    value = np.full(n, 0.5)
    names = np.array([f"s{k % 4}" for k in range(n)])
    same = np.full(n, "a")
    return JudgedLabels(
        value, value - width / 2, value + width / 2, value + error, names, same, same
    )


def test_by_hand() -> None:
    error, width = np.array([0.1, 0.0, 0.3, 0.4]), np.array([0.1, 0.2, 0.7, 0.8])
    found = selective(labels(error, width), width > 0.5, n_draws=20)
    kept, abstained = found["kept"], found["abstained"]
    assert (kept["n"], kept["mae"], kept["interval_coverage"]) == (2, 0.05, 0.5)
    assert (abstained["n"], abstained["mae"], abstained["interval_coverage"]) == (2, 0.35, 1.0)
    assert abstained["mae_ci"][0] <= 0.35 <= abstained["mae_ci"][1]
    curve = {point["share"]: point for point in found["curve"]}
    assert [curve[share]["mae"] for share in (0.25, 0.5, 0.75, 1.0)] == [0.1, 0.05, 0.1333, 0.2]
    assert [curve[share]["best"] for share in (0.25, 0.5, 0.75, 1.0)] == [0.0, 0.05, 0.1333, 0.2]


def test_nothing_abstained_has_no_error() -> None:
    flat = np.full(6, 0.2)
    found = selective(labels(flat, flat), np.zeros(6, dtype=np.bool_), n_draws=5)
    assert found["abstained"]["n"] == 0
    assert isnan(found["abstained"]["mae"])
    assert found["kept"]["mae"] == 0.2


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, (24, 2), elements=st.floats(0.001, 0.5)))
def test_no_order_is_better_than_the_best_and_all_end_at_the_mean(drawn: np.ndarray) -> None:
    error, width = drawn.T
    judged = labels(error, width)
    found = selective(judged, width > 0.4, n_draws=2)
    assert [point["share"] for point in found["curve"]] == list(SHARES)
    assert all(point["best"] <= point["mae"] + 1e-4 for point in found["curve"])
    assert found["curve"][-1]["mae"] == pytest.approx(error.mean(), abs=1e-4)
    assert found["area_best"] <= found["area_by_chance"] + 1e-4
    assert found["kept"]["n"] + found["abstained"]["n"] == 24
