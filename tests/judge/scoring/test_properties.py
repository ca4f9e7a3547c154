"""What holds for any mask, any truth and any calibration: exact sums, bounds, order."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from segassay.images.slicing import Sampling, choose_slices
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.estimates.aggregate import SliceSums, estimate_presence, estimate_volume
from segassay.metrics.overlap import dice

Masks = NDArray[np.bool_]

masks = arrays(np.bool_, (9, 3, 4), elements=st.booleans())
shares = st.floats(0, 1, allow_nan=False)


def looked_at(mask: Masks, true: Masks, sampling: Sampling) -> list[SliceSums]:
    """What a judge that knows the truth would say of the slices that are examined."""
    areas = mask.sum(axis=(1, 2))
    return [
        SliceSums(
            index=s.index,
            weight=s.weight,
            beyond=s.beyond,
            mask=float(areas[s.index]),
            overlap=float((mask & true)[s.index].sum()),
            true=float(true[s.index].sum()),
            presence=1.0,
        )
        for s in choose_slices(areas, sampling)
    ]


def every_slice(mask: Masks) -> Sampling:
    """A sampling that looks at each slice of the stack, also beyond the mask's ends."""
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    extent = int(filled[-1] - filled[0]) + 1
    return Sampling(inside=len(mask), beyond=tuple(k / extent for k in range(1, len(mask) + 1)))


@given(masks, masks)
@settings(max_examples=100, deadline=None)
def test_over_all_slices_the_estimate_is_the_exact_dice(mask: Masks, true: Masks) -> None:
    assume(mask.any())
    slices = looked_at(mask, true, every_slice(mask))
    assert sorted(s.index for s in slices) == list(range(len(mask)))
    assert {s.weight for s in slices} == {1.0}
    found = estimate_volume(slices, int(mask.sum()))
    assert found.dice == pytest.approx(dice(mask, true))
    assert found.size == pytest.approx(float(true.sum()))
    assert found.presence == 1
    assert found.doubt == 0


@given(masks, masks, st.integers(1, 12), st.lists(st.floats(0.05, 1), max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_sample_gives_a_dice_between_0_and_1(
    mask: Masks, true: Masks, inside: int, beyond: list[float]
) -> None:
    assume(mask.any())
    slices = looked_at(mask, true, Sampling(inside=inside, beyond=tuple(sorted(beyond))))
    kept = [s for s in slices if not s.beyond]
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    assert sum(s.weight for s in kept) == filled[-1] - filled[0] + 1
    assert any(s.mask for s in kept)
    assert all(a.index < b.index for a, b in pairwise(slices))
    assert all(s.weight > 0 for s in slices)
    found = estimate_volume(slices, int(mask.sum()))
    assert 0 <= found.dice <= 1
    assert found.size >= 0
    same = estimate_volume(looked_at(mask, mask, Sampling(inside=inside)), int(mask.sum()))
    assert same.dice == pytest.approx(1)


@given(masks, masks, st.floats(0.1, 10))
@settings(max_examples=100, deadline=None)
def test_the_estimate_knows_no_unit_of_area(mask: Masks, true: Masks, factor: float) -> None:
    """Sums in larger pixels, with as many fewer voxels, are the same label."""
    assume(mask.any())
    slices = looked_at(mask, true, Sampling(inside=5))
    scaled = [
        SliceSums(
            s.index, s.weight, s.beyond, s.mask * factor, s.overlap * factor, s.true * factor, 1.0
        )
        for s in slices
    ]
    plain = estimate_volume(slices, 1000)
    # The voxels of the whole mask are counted, and only the parts within its reach follow them.
    inside = [s for s in scaled if not s.beyond]
    assert estimate_volume(inside, 1000).dice == pytest.approx(
        estimate_volume([s for s in slices if not s.beyond], 1000).dice
    )
    assert plain.dice <= estimate_volume([s for s in slices if not s.beyond], 1000).dice + 1e-12


@given(masks, masks, st.integers(0, 8), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_more_overlap_is_never_worse(mask: Masks, true: Masks, place: int, share: float) -> None:
    assume(mask.any())
    slices = looked_at(mask, true, Sampling(inside=9))
    one = slices[place % len(slices)]
    room = min(one.mask, one.true) - one.overlap
    better = [
        SliceSums(s.index, s.weight, s.beyond, s.mask, s.overlap + share * room, s.true, 1.0)
        if s is one
        else s
        for s in slices
    ]
    n_voxels = int(mask.sum())
    before, after = estimate_volume(slices, n_voxels), estimate_volume(better, n_voxels)
    assert after.dice >= before.dice - 1e-12


@given(st.lists(shares, min_size=1, max_size=40))
def test_presence_is_that_of_the_likeliest_slices(probabilities: list[float]) -> None:
    found = estimate_presence(probabilities)
    assert np.mean(probabilities) - 1e-12 <= found <= max(probabilities) + 1e-12
    assert found == pytest.approx(estimate_presence(probabilities[::-1]))


def labels(seed: int, n_subjects: int, per_subject: int) -> tuple[NDArray[np.float64], ...]:
    """Raw scores, doubts and true Dice of labels, scores being biased and noisy."""
    rng = np.random.default_rng(seed)
    n = n_subjects * per_subject
    true, doubt = rng.random(n), 0.5 * rng.random(n)
    raw = np.clip(0.8 * true + 0.1 + 0.2 * doubt * rng.normal(size=n), 0, 1)
    return raw, doubt, true


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(8, 20), st.booleans())
@settings(max_examples=12, deadline=None)
def test_a_calibration_keeps_order_and_bounds(
    seed: int, n_subjects: int, per_subject: int, curved: bool
) -> None:
    assume(n_subjects * per_subject >= 40)
    raw, doubt, true = labels(seed, n_subjects, per_subject)
    subjects = [f"s{n // per_subject:02d}" for n in range(len(raw))]
    fitted = Calibration.fit(raw, doubt, true, subjects, curved=curved)
    answers = np.array([fitted(x, u) for x in np.linspace(0, 1, 21) for u in (0.0, 0.2, 0.5)])
    value, low, high = answers.T
    assert ((low >= 0) & (low <= value) & (value <= high) & (high <= 1)).all()
    assert (np.diff(value[::3]) >= -1e-12).all()
    again = Calibration.from_document(fitted.to_document())
    found = np.array([again(x, u) for x in np.linspace(0, 1, 21) for u in (0.0, 0.2, 0.5)])
    np.testing.assert_allclose(found, answers, atol=2e-3)
    if not curved:
        np.testing.assert_allclose(value[::3], np.linspace(0, 1, 21))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_a_calibration_does_not_depend_on_the_order_of_labels(seed: int) -> None:
    raw, doubt, true = labels(seed, 8, 10)
    subjects = np.array([f"s{n // 10}" for n in range(len(raw))])
    order = np.random.default_rng(seed).permutation(len(raw))
    plain = Calibration.fit(raw, doubt, true, subjects.tolist())
    mixed = Calibration.fit(raw[order], doubt[order], true[order], subjects[order].tolist())
    for x, u in ((0.1, 0.4), (0.5, 0.2), (0.9, 0.05)):
        np.testing.assert_allclose(plain(x, u), mixed(x, u), atol=1e-3)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
@settings(max_examples=6, deadline=None)
def test_labels_said_twice_count_as_once(seed: int, times: int) -> None:
    """Every subject weighs the same: repeating one subject's labels moves its curve nowhere."""
    raw, doubt, true = labels(seed, 6, 10)
    subjects = [f"s{n // 10}" for n in range(len(raw))]
    more = np.concatenate([np.arange(len(raw)), *[np.arange(10)] * (times - 1)])
    plain = Calibration.fit(raw, doubt, true, subjects, curved=False)
    repeated = Calibration.fit(
        raw[more], doubt[more], true[more], [subjects[n] for n in more], curved=False
    )
    np.testing.assert_allclose(plain.coefficients, repeated.coefficients, atol=0.02)
