"""An evaluation's figures by hand, and its silence where there is too little."""

import json

import numpy as np
import pytest

from segassay.metrics.evaluation import evaluate_labels, plain, why_too_few
from segassay.metrics.overlap import surface_dice, volume_surface_dice
from segassay.metrics.summary import JudgedLabels


def labels(n: int, *, n_subjects: int = 4, sets: tuple[str, ...] = ("a",)) -> JudgedLabels:
    """Truth spread over [0, 1]; the scores are the truth with a constant error of .05."""
    true = np.linspace(0, 1, n)
    value = np.clip(true + 0.05, 0, 1)
    return JudgedLabels(
        value,
        value - 0.1,
        value + 0.1,
        true,
        np.array([f"s{k % n_subjects}" for k in range(n)]),
        np.array([sets[k % len(sets)] for k in range(n)]),
        np.array(["liver"] * n),
    )


def test_judge_and_baselines_stand_side_by_side_on_the_same_labels() -> None:
    judged = labels(40)
    useless = np.random.default_rng(0).permutation(judged.true)
    found = evaluate_labels(
        judged,
        {"mask_only": useless, "size_outlier": -judged.true},
        nsd=np.full(40, np.nan),
        n_draws=30,
    )
    pooled = found["pooled"]
    assert (pooled["n"], pooled["subjects"]) == (40, 4)
    assert pooled["judge"]["pearson"] > 0.99
    assert pooled["judge"]["mae"] == pytest.approx(0.05, abs=0.005)
    assert abs(pooled["baselines"]["mask_only"]["pearson"]) < 0.4
    assert pooled["baselines"]["size_outlier"]["auroc_below_0.7"] == 0
    assert "mae" in pooled["baselines"]["mask_only"]
    assert not any("mae" in key for key in pooled["baselines"]["size_outlier"])
    low, high = pooled["judge"]["pearson_ci"]
    assert low <= pooled["judge"]["pearson"] <= high
    worst = found["worst_k"]
    assert worst["n_bad"] == 28
    assert worst["judge"]["10"] == {"precision": 1.0, "recall": pytest.approx(10 / 28)}
    assert worst["baselines"]["mask_only"]["10"]["precision"] < 1
    assert found["reliability"]["interval_coverage"] == 1
    assert found["nsd"]["too_few"] == "0 of at least 10 judged pairs"
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        (labels(9), "9 of at least 10 judged pairs"),
        (labels(30, n_subjects=1), "1 of at least 2 subjects"),
        (labels(30).where(np.zeros(30, dtype=np.bool_)), "0 of at least 10 judged pairs"),
    ],
)
def test_too_few_says_so_instead_of_a_figure(judged: JudgedLabels, reason: str) -> None:
    assert why_too_few(judged) == reason
    found = evaluate_labels(judged, {}, nsd=np.full(len(judged), np.nan), n_draws=5)
    assert found["pooled"]["too_few"] == reason
    assert "judge" not in found["pooled"]
    assert found["reliability"] is found["worst_k"] is None


def test_small_sets_do_not_enter_the_mean_over_sets() -> None:
    judged = labels(48, sets=("a", "a", "a", "a", "a", "b"))
    kinds = np.array(["leak", "shift"] * 24)
    found = evaluate_labels(judged, {}, nsd=judged.true, kinds=kinds, n_draws=5)
    assert (found["over_sets"]["sets"], found["over_sets"]["left_out"]) == (1, ["b"])
    assert found["by_set"]["b"]["too_few"] == "8 of at least 10 judged pairs"
    assert found["by_set"]["a"]["judge"]["pearson"] > 0.99
    assert set(found["by_structure"]) == {"a/liver", "b/liver"}
    assert found["by_family"]["leak"]["n"] == 24
    assert found["nsd"]["spearman"] > 0.99


def test_plain_data_holds_no_nan() -> None:
    assert plain({"a": [float("nan"), np.float64(1.5)], "b": (1, None)}) == {
        "a": [None, 1.5],
        "b": [1, None],
    }


def test_flat_axis_is_no_surface() -> None:
    a, b = np.zeros((20, 1, 20), dtype=np.bool_), np.zeros((20, 1, 20), dtype=np.bool_)
    a[5:15, 0, 5:15] = True
    b[5:15, 0, 8:18] = True
    found = volume_surface_dice(a, b, (1, 9, 1), tolerance_mm=2)
    assert found == surface_dice(a[:, 0], b[:, 0], (1, 1), tolerance_mm=2)
    assert found < surface_dice(a, b, (1, 9, 1), tolerance_mm=2)
    point = np.ones((1, 1, 1), dtype=np.bool_)
    assert volume_surface_dice(point, point, (1, 1, 1), tolerance_mm=2) == 1
