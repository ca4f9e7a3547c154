"""Corrections by ridge regression: found where there is something to find, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from segassay.judge.calibration.adapter import Adapter, Labels, Measured, fit_adapter, folds_of
from segassay.judge.calibration.fitting import fit, left_out
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.calibration.trust import Trust
from segassay.judge.documents.description import Counts, MeasuredOn
from segassay.records.remarks import remarks_of
from segassay.types import Remark


def labels(*, told: float, n_subjects: int = 12, seed: int = 0) -> Labels:
    """Raw scores that miss `told` times a feature of the labels, and noise."""
    rng = np.random.default_rng(seed)
    n = 20 * n_subjects
    features = rng.normal(size=(n, 40))
    features[:, 0] = np.clip(np.abs(features[:, 0]) / 5, 0, 0.5)  # the judge's doubt
    raw = rng.uniform(0.2, 0.8, n)
    true = np.clip(raw + told * features[:, 5] + rng.normal(0, 0.05, n), 0, 1)
    subjects = np.repeat([f"s{k}" for k in range(n_subjects)], 20)
    return Labels(raw, features, true, subjects, np.ones(n, dtype=bool))


def test_what_features_tell_is_learned() -> None:
    adapter, held = fit_adapter(labels(told=0.08))
    assert adapter is not None
    fresh = labels(told=0.08, seed=1)
    before = np.abs(fresh.raw - fresh.true).mean()
    assert np.abs(adapter.of(fresh.raw, fresh.features) - fresh.true).mean() < 0.8 * before
    assert held.shape == fresh.raw.shape


@pytest.mark.parametrize("seed", range(5))
def test_noise_changes_little(seed: int) -> None:
    """What is kept by chance may not cost more than a hundredth of Dice on new labels."""
    adapter, _ = fit_adapter(labels(told=0.0, seed=seed))
    fresh = labels(told=0.0, seed=100 + seed)
    after = fresh.raw if adapter is None else adapter.of(fresh.raw, fresh.features)
    before = np.abs(fresh.raw - fresh.true).mean()
    assert np.abs(after - fresh.true).mean() < before + 0.01


def test_two_subjects_cannot_tell_whether_it_helps() -> None:
    adapter, scores = fit_adapter(labels(told=0.3, n_subjects=2))
    assert adapter is None
    assert len(scores) == 40


def test_intervals_have_a_margin_where_only_planted_faults_were_measured() -> None:
    known = labels(told=0.08)
    own, planted = (
        fit(replace(known, only_planted=planted), adapt=True).calibration
        for planted in (False, True)
    )
    again = Calibration.from_document(planted.to_document())
    for value, low, high in (planted(0.5, 0.05), again(0.5, 0.05)):
        _, lower, upper = own(0.5, 0.05)
        assert value == pytest.approx(0.5)
        assert value - low == pytest.approx(np.hypot(value - lower, 0.1), abs=1e-4)
        assert high - value == pytest.approx(np.hypot(upper - value, 0.1), abs=1e-4)
    assert fit(replace(known, only_planted=True), adapt=False).calibration.margin == 0


def test_no_subject_is_in_two_folds() -> None:
    subjects = np.array(["b", "a", "a", "c", "b", "d"])
    folds = folds_of(subjects, most=3)
    assert (np.sum(folds, axis=0) == 1).all()
    for held in folds:
        assert not set(subjects[held]) & set(subjects[~held])
    assert folds_of(np.array(["a", "a"])) == []


def test_left_out_is_worse_than_seen_and_one_subject_gives_none() -> None:
    known = labels(told=0.08, n_subjects=4)
    stated = left_out(known, adapt=True)
    assert stated is not None
    seen = fit(known, adapt=True)(known)
    unseen_error, seen_error = (np.abs(s[:, 0] - known.true).mean() for s in (stated, seen))
    assert seen_error < unseen_error
    assert left_out(labels(told=0.08, n_subjects=1), adapt=True) is None


def test_it_survives_the_disk_and_far_features_are_cut() -> None:
    adapter, _ = fit_adapter(labels(told=0.08))
    assert adapter is not None
    again = Adapter.from_document(adapter.to_document())
    label = Measured(0.5, 0.1, 3.0, np.linspace(-1, 1, 38))
    assert again(label) == pytest.approx(adapter(label), abs=1e-4)
    far, farther = (Measured(0.5, 0.1, 3.0, np.full(38, size)) for size in (50.0, 5000.0))
    assert adapter(far) == adapter(farther)


def test_few_labels_leave_a_good_judge_good() -> None:
    """Two bins of a calibration may not squeeze all scores between their means."""
    rng = np.random.default_rng(3)
    true = rng.uniform(0, 1, 52)
    raw = np.clip(true + rng.normal(0, 0.03, 52), 0, 1)
    subjects = np.repeat([f"s{k}" for k in range(4)], 13)
    known = Labels(raw, rng.uniform(0, 0.1, (52, 4)), true, subjects, np.ones(52, dtype=bool))
    error = np.abs(fit(known, adapt=True)(known)[:, 0] - true).mean()
    assert error < np.abs(raw - true).mean() + 0.02


@pytest.mark.parametrize("n_subjects", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("seed", range(3))
def test_a_fit_makes_no_good_judge_worse(n_subjects: int, seed: int) -> None:
    """Scores that are right but for noise stay so, whatever features come along."""
    known = labels(told=0.0, n_subjects=n_subjects, seed=seed)
    fresh = labels(told=0.0, seed=100 + seed)
    after = fit(known, adapt=True)(fresh)[:, 0]
    before = np.abs(fresh.raw - fresh.true).mean()
    assert np.abs(after - fresh.true).mean() < before + 0.02


@pytest.mark.parametrize(("n", "given"), [(1, False), (8, False), (9, True), (40, True)])
def test_a_guarantee_needs_nine_subjects(n: int, given: bool) -> None:
    trust = Trust(n, MeasuredOn.SYNTHETIC, {"liver": Counts(labels=5 * n, subjects=n)})
    assert (Remark.FEW_SUBJECTS in remarks_of(trust.limits)) is not given
    assert remarks_of(trust.evidence("liver")) == {Remark.SIMULATED_ERRORS_ONLY}
    assert not remarks_of(Trust(n, MeasuredOn.OWN, trust.by_structure).evidence("liver"))
    assert remarks_of(trust.evidence("spleen")) == {Remark.NEVER_TESTED}
