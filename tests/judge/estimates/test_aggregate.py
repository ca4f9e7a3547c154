"""Sums of slices to a volume's Dice, by hand and against full counts."""

import numpy as np
import pytest

from segassay.images.slicing import Sampling, choose_slices
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.documents.corrections import CalibrationFile
from segassay.judge.estimates.aggregate import SliceSums, estimate_presence, estimate_volume


def sums(mask: float, overlap: float, true: float, **options: object) -> SliceSums:
    place = {"index": 0, "weight": 1.0, "beyond": False, "presence": 1.0, **options}
    return SliceSums(mask=mask, overlap=overlap, true=true, **place)  # type: ignore[arg-type]


def test_one_slice_is_plain_dice() -> None:
    estimate = estimate_volume([sums(100, 60, 80)], 100)
    assert estimate.dice == pytest.approx(120 / 180)
    assert sums(100, 60, 80).dice == pytest.approx(120 / 180)


def test_missing_end_counts_with_the_slices_it_stands_for() -> None:
    inside = sums(100, 100, 100, weight=10.0)
    beyond = sums(0, 0, 100, weight=5.0, beyond=True)
    estimate = estimate_volume([inside, beyond], 1000)
    assert estimate.dice == pytest.approx(2 * 1000 / (1500 + 1000))
    assert estimate.error_type == "too_small"


def test_gap_inside_lowers_the_score() -> None:
    filled, gap = sums(100, 100, 100, weight=8.0), sums(0, 0, 100, weight=2.0)
    assert estimate_volume([filled, gap], 800).dice == pytest.approx(2 * 800 / (1000 + 800))


@pytest.mark.parametrize(("overlap", "true", "kind"), [
    (95, 100, "good"), (40, 45, "too_large"), (100, 260, "too_small"),
    (50, 100, "misplaced"), (2, 100, "wrong_place"),
])  # fmt: skip
def test_error_type(overlap: float, true: float, kind: str) -> None:
    assert estimate_volume([sums(100, overlap, true)], 100).error_type == kind


def test_sampled_estimate_is_near_the_full_count() -> None:
    """On volumes whose agreement varies smoothly the ten slices give the Dice of all slices."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        n = int(rng.integers(15, 120))
        shape = np.sin(np.linspace(0.05, np.pi - 0.05, n))
        mask = np.rint(1000 * shape).astype(int)
        share = np.clip(
            rng.uniform(0.3, 0.9) + 0.2 * np.sin(np.linspace(0, rng.uniform(1, 6), n)), 0, 1
        )
        overlap, true = mask * share, mask * rng.uniform(0.8, 1.2)
        overlap = np.minimum(overlap, true)
        samples = choose_slices(mask, Sampling(10, ()))
        seen = [
            sums(mask[s.index], overlap[s.index], true[s.index], weight=s.weight) for s in samples
        ]
        full = 2 * overlap.sum() / (true.sum() + mask.sum())
        errors.append(estimate_volume(seen, int(mask.sum())).dice - full)
    assert np.abs(errors).max() < 0.03


def test_presence_does_not_rise_with_the_number_of_looks() -> None:
    assert estimate_presence([0.2]) == 0.2
    assert estimate_presence([0.1] * 9 + [0.7]) == pytest.approx(0.4)


def test_calibration_is_monotone_and_its_intervals_hold() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(0, 1, 2000)
    doubt = rng.uniform(0, 0.4, 2000)
    raw = np.clip(0.3 + 0.5 * true + rng.normal(0, 0.02 + 0.2 * doubt), 0, 1)
    subjects = [str(n // 10) for n in range(1000)]
    fitted = Calibration.fit(raw[:1000], doubt[:1000], true[:1000], subjects)
    again = Calibration.from_document(fitted.to_document())
    judged = np.array([again(*pair) for pair in zip(raw[1000:], doubt[1000:], strict=True)])
    assert np.corrcoef(judged[:, 0], true[1000:])[0, 1] > 0.85
    assert abs(float((judged[:, 0] - true[1000:]).mean())) < 0.02
    inside = (true[1000:] >= judged[:, 1]) & (true[1000:] <= judged[:, 2])
    assert 0.87 <= inside.mean() <= 0.97
    widths = judged[:, 2] - judged[:, 1]
    assert widths[doubt[1000:] > 0.3].mean() > 1.5 * widths[doubt[1000:] < 0.1].mean()
    for part in (doubt[1000:] > 0.3, doubt[1000:] < 0.1):
        assert 0.82 <= inside[part].mean() <= 0.99
    line = [again(float(r), 0.1)[0] for r in np.linspace(0, 1, 50)]
    assert line == sorted(line)


def test_intervals_hold_for_subjects_however_many_labels_one_of_them_has() -> None:
    """One subject with as many labels as all others, ten times as wrong, may not widen theirs."""
    rng = np.random.default_rng(2)
    sizes = [400, *[10] * 40]
    subjects = [f"s{n}" for n, size in enumerate(sizes) for _ in range(size)]
    true = rng.uniform(0.1, 0.9, 800)
    far = np.where(np.arange(800) < 400, 0.3, 0.03)
    raw, doubt = np.clip(true + rng.normal(0, far), 0, 1), np.full(800, 0.1)
    all_of_them = Calibration.fit(raw, doubt, true, subjects)
    others = Calibration.fit(raw[400:], doubt[400:], true[400:], subjects[400:])
    widths = [np.ptp(fitted(0.5, 0.1)[1:]) for fitted in (all_of_them, others)]
    assert widths[0] < 1.5 * widths[1]
    fresh = rng.uniform(0.1, 0.9, 500)
    judged = [all_of_them(float(r), 0.1) for r in np.clip(fresh + rng.normal(0, 0.03, 500), 0, 1)]
    inside = [low <= t <= high for (_, low, high), t in zip(judged, fresh, strict=True)]
    assert 0.88 <= np.mean(inside) <= 0.97


def test_calibrations_of_earlier_judges_are_read_as_they_were() -> None:
    earlier = {
        "raw": [0.1, 0.9],
        "expected": [0.2, 0.8],
        "coefficients": [0.0, 0.2, 0.3],
        "below": 2.0,
        "above": 3.0,
    }
    value, low, high = Calibration.from_document(CalibrationFile.model_validate(earlier))(0.5, 0.1)
    spread = 0.2 * 0.25 + 0.3 * 0.1
    assert (value, low, high) == pytest.approx((0.5, 0.5 - 2 * spread, 0.5 + 3 * spread))


def test_identity_calibration_promises_nothing() -> None:
    value, low, high = Calibration.identity()(0.4, 0.2)
    assert value == pytest.approx(0.4)
    assert (low, high) == (0.0, 1.0)
