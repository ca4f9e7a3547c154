"""Metrics by hand, and the bootstrap against theory."""

from math import isnan

import numpy as np
import pytest
from scipy import stats

from segassay.metrics.agreement import (
    auroc,
    bias_by_bin,
    bootstrap_by_subject,
    interval_coverage,
    mean_absolute_error,
    pearson,
    precision_at_worst,
    recall_at_worst,
    risk_coverage,
    spearman,
)
from segassay.metrics.overlap import dice

TRUE = np.array([0.1, 0.4, 0.6, 0.9])
PREDICTED = np.array([0.2, 0.3, 0.8, 0.7])


def test_dice_and_its_empty_cases() -> None:
    empty = np.zeros(3, dtype=np.bool_)
    assert dice(np.array([True, True, False]), np.array([True, False, False])) == pytest.approx(
        2 / 3
    )
    assert isnan(dice(empty, empty))
    assert dice(empty, ~empty) == 0


def test_correlations_match_scipy_and_say_nan_where_undefined() -> None:
    assert pearson(PREDICTED, TRUE) == pytest.approx(stats.pearsonr(PREDICTED, TRUE).statistic)
    assert spearman(PREDICTED, TRUE) == pytest.approx(stats.spearmanr(PREDICTED, TRUE).statistic)
    assert isnan(pearson(np.ones(4), TRUE))
    assert isnan(pearson(TRUE[:2], TRUE[:2]))
    assert mean_absolute_error(PREDICTED, TRUE) == pytest.approx(0.15)


def test_without_labels_nothing_is_defined() -> None:
    none, no_flags = np.zeros(0), np.zeros(0, dtype=np.bool_)
    for measure in (pearson, spearman, mean_absolute_error):
        assert isnan(measure(none, none))
    assert isnan(auroc(none, no_flags))
    assert isnan(precision_at_worst(none, no_flags, 3))
    assert isnan(recall_at_worst(none, no_flags, 3))
    assert all(map(isnan, interval_coverage(none, none, none)))
    assert all(map(isnan, risk_coverage(none, none, np.array([0.5, 1.0]))))
    assert [n for n, _ in bias_by_bin(none, none)] == [0] * 10


def test_auroc_and_worst_k() -> None:
    bad = TRUE < 0.5
    assert auroc(PREDICTED, bad) == 1.0
    assert auroc(-PREDICTED, bad) == 0.0
    assert auroc(np.ones(4), bad) == 0.5
    assert isnan(auroc(PREDICTED, np.ones(4, dtype=np.bool_)))
    assert precision_at_worst(PREDICTED, bad, 3) == pytest.approx(2 / 3)
    assert recall_at_worst(PREDICTED, bad, 1) == 0.5


def test_bias_coverage_and_risk() -> None:
    bins = bias_by_bin(PREDICTED, TRUE, n_bins=2)
    assert [n for n, _ in bins] == [2, 2]
    assert bins[1][1] == pytest.approx(0.0)
    covered, width = interval_coverage(PREDICTED - 0.15, PREDICTED + 0.15, TRUE)
    assert covered == 0.5
    assert width == pytest.approx(0.3)
    curve = risk_coverage(np.array([0.3, 0.1, 0.2]), np.array([3, 1, 2]), np.array([0.01, 0.67, 1]))
    np.testing.assert_allclose(curve, [0.1, 0.15, 0.2])


def test_bootstrap_resamples_subjects() -> None:
    rng = np.random.default_rng(0)
    per_subject = rng.normal(size=40)
    values = np.repeat(per_subject, 25)
    subjects = np.repeat([f"s{n}" for n in range(40)], 25)
    found = bootstrap_by_subject(subjects, lambda i: float(values[i].mean()), n_draws=400)
    assert found.value == pytest.approx(per_subject.mean())
    expected = 2 * 1.96 * per_subject.std(ddof=1) / np.sqrt(40)
    assert found.high - found.low == pytest.approx(expected, rel=0.2)
    alone = bootstrap_by_subject(np.array(["a", "a"]), lambda i: float("nan"), n_draws=10)
    assert isnan(alone.low)
