"""A volume is drawn from its most certain slice outwards, and a leak ends it."""

from itertools import pairwise

import numpy as np
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from segassay.weak.prompts import BoolArray, Floats, Prompt
from segassay.weak.propagation import (
    Consistency,
    Propagation,
    Stop,
    most_certain,
    propagate,
)

SHAPE = (24, 30, 34)


def ball(centre: tuple[float, float, float], radius: float) -> BoolArray:
    where = np.indices(SHAPE)
    return np.asarray(
        sum((axis - at) ** 2 for axis, at in zip(where, centre, strict=True)) <= radius**2
    )


def coarse_of(truth: BoolArray) -> Floats:
    """What a coarse model sees of a structure: blurred, and surest in the middle."""
    return ndi.gaussian_filter(truth.astype(np.float32), 1.2)


class Segmenter:
    """Draws the parts of the truth that a prompt's box meets; counts its calls."""

    def __init__(self, truth: BoolArray) -> None:
        self.truth = truth
        self.slices: list[int] = []

    def __call__(self, k: int, prompt: Prompt) -> Floats:
        self.slices.append(k)
        top, left, bottom, right = prompt.box
        numbered, _ = ndi.label(self.truth[k])
        met = np.unique(numbered[top : bottom + 1, left : right + 1])
        return np.isin(numbered, met[met > 0]).astype(np.float32) * np.float32(0.9)


@settings(max_examples=25, deadline=None)
@given(
    radius=st.floats(4, 8),
    centre=st.tuples(st.floats(8, 15), st.floats(9, 20), st.floats(9, 24)),
)
def test_a_ball_comes_back(radius: float, centre: tuple[float, float, float]) -> None:
    """Exactly on every slice that was reached, and only a pole's few pixels are not."""
    truth = ball(centre, radius)
    segmenter = Segmenter(truth)
    found = propagate(segmenter, coarse_of(truth))
    assert np.array_equal(found.mask[found.reached], truth[found.reached])
    assert not found.mask[~found.reached].any()
    assert truth[~found.reached].sum() <= 0.05 * truth.sum()
    reached = np.flatnonzero(found.reached)
    assert np.array_equal(reached, np.arange(reached[0], reached[-1] + 1))
    assert len(set(segmenter.slices)) == len(segmenter.slices)
    assert segmenter.slices[0] in reached


def test_it_begins_where_the_map_is_surest_and_goes_both_ways() -> None:
    truth = ball((12, 15, 17), 6)
    coarse = coarse_of(truth) * np.float32(0.6)
    coarse[14] = truth[14]
    assert most_certain(coarse) == 14
    segmenter = Segmenter(truth)
    found = propagate(segmenter, coarse)
    assert segmenter.slices[0] == 14
    assert segmenter.slices[1] == 13
    assert found.reached[10:15].all()


def test_where_nothing_is_likely_the_largest_sum_begins() -> None:
    coarse = np.zeros(SHAPE, dtype=np.float32)
    coarse[3, 4:9, 4:9] = 0.2
    coarse[4, 4:10, 4:10] = 0.2
    assert most_certain(coarse) == 4


def leaking(truth: BoolArray, first: int) -> Segmenter:
    """From a slice on the whole picture is drawn."""
    wrong = truth.copy()
    wrong[first:] = True
    return Segmenter(wrong)


def test_a_leak_is_stopped_and_not_kept() -> None:
    truth = ball((12, 15, 17), 7)
    found = propagate(leaking(truth, 15), coarse_of(truth))
    assert found.stops == ((found.stops[0][0], Stop.AREA),)
    assert found.reached[14]
    assert not found.reached[15:].any()
    assert np.array_equal(found.mask[6:15], truth[6:15])


def test_a_leak_that_creeps_is_stopped_by_the_coarse_map() -> None:
    """Each slice grows by a rim: no step is large, the way from the coarse map is."""
    truth = np.zeros(SHAPE, dtype=np.bool_)
    truth[2:22, 13:17, 15:19] = True
    creeping = truth.copy()
    for k in range(12, 22):
        creeping[k] = ndi.binary_dilation(truth[k], iterations=k - 11)
    coarse = truth.astype(np.float32)
    coarse[11] *= np.float32(0.99)
    coarse[:11] *= np.float32(0.9)
    coarse[12:] *= np.float32(0.9)
    found = propagate(Segmenter(creeping), coarse)
    assert found.stops[0][1] is Stop.COARSE
    assert 11 < np.flatnonzero(found.reached)[-1] < 18


def test_a_drawing_that_jumps_is_stopped() -> None:
    truth = np.zeros(SHAPE, dtype=np.bool_)
    truth[4:20, 5:15, 5:15] = True
    coarse = truth.astype(np.float32)

    def jump(k: int, prompt: Prompt) -> Floats:
        drawn = truth[k].astype(np.float32)
        return np.roll(drawn, 8, axis=1) if k >= 16 else drawn

    assert propagate(jump, coarse).stops[0][1] is Stop.NEIGHBOUR
    assert propagate(lambda k, _: np.zeros(SHAPE[1:], np.float32), coarse).stops == (
        (Stop.EMPTY, Stop.EMPTY),
    )


def test_a_first_slice_far_from_the_coarse_map_ends_it() -> None:
    truth = ball((12, 15, 17), 6)
    found = propagate(lambda k, _: np.ones(SHAPE[1:], np.float32), coarse_of(truth))
    assert found.stops == ((Stop.COARSE, Stop.COARSE),)
    assert not found.reached.any()


def test_slices_that_the_coarse_map_leaves_empty_are_the_limit() -> None:
    """The segmenter would go on through the whole volume."""
    truth = np.zeros(SHAPE, dtype=np.bool_)
    truth[:, 10:20, 10:20] = True
    coarse = truth.astype(np.float32)
    coarse[:5] = coarse[18:] = 0
    found = propagate(Segmenter(truth), coarse)
    assert np.flatnonzero(found.reached).tolist() == list(range(5, 18))
    assert found.stops == ((Stop.COARSE_END, Stop.COARSE_END),)


def test_two_kidneys_are_two_runs() -> None:
    left, right = ball((8, 15, 8), 5), ball((15, 14, 26), 6)
    truth = left | right
    found = propagate(Segmenter(truth), coarse_of(truth))
    assert len(found.stops) == 2
    assert (found.mask & left).sum() > 0.9 * left.sum()
    assert (found.mask & right).sum() > 0.9 * right.sum()
    assert not (found.mask & ~truth).any()


def test_a_structure_that_forks_is_followed_in_both_arms() -> None:
    truth = np.zeros(SHAPE, dtype=np.bool_)
    truth[2:12, 10:20, 8:26] = True
    truth[12:20, 10:20, 8:14] = truth[12:20, 10:20, 20:26] = True
    found = propagate(Segmenter(truth), truth.astype(np.float32))
    assert np.array_equal(found.mask, truth)


def test_an_empty_map_costs_nothing() -> None:
    def never(k: int, prompt: Prompt) -> Floats:
        raise AssertionError("nothing is drawn")

    found = propagate(never, np.zeros(SHAPE, dtype=np.float32))
    assert isinstance(found, Propagation)
    assert not found.mask.any()
    assert not found.reached.any()
    assert found.stops == ()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), change=st.floats(1.5, 6), least=st.floats(0.2, 0.8))
def test_what_is_kept_agrees_with_its_neighbours(seed: int, change: float, least: float) -> None:
    """Whatever a segmenter draws, kept slices follow one another within the limits."""
    rng = np.random.default_rng(seed)
    truth = ball((12, 15, 17), 8)
    coarse = coarse_of(truth)
    rule = Consistency(neighbour=least, coarse=0.4, change=change)

    def draw(k: int, prompt: Prompt) -> Floats:
        moved = ndi.shift(truth[k].astype(np.float32), rng.normal(0, 2, 2), order=1)
        return np.asarray(moved * rng.uniform(0.4, 1), dtype=np.float32)

    found = propagate(draw, coarse, consistency=rule)
    kept = np.flatnonzero(found.reached)
    coarse_mask = coarse >= 0.5
    for k in kept:
        total = found.mask[k].sum() + coarse_mask[k].sum()
        assert 2 * (found.mask[k] & coarse_mask[k]).sum() >= 0.4 * total
    for a, b in pairwise(kept):
        areas = sorted([found.mask[a].sum(), found.mask[b].sum()])
        assert b == a + 1
        assert areas[1] <= change * areas[0] * (1 + 1e-9)
        assert (found.mask[a] & found.mask[b]).sum() >= least * areas[0] - 1e-9


def test_rules_by_hand() -> None:
    a = np.zeros((10, 10), dtype=np.bool_)
    a[2:6, 2:6] = True
    rule = Consistency()
    assert rule.objection(a, a, a) is None
    assert rule.objection(a & False, a, a) is Stop.EMPTY
    assert rule.objection(np.ones_like(a), a, a) is Stop.AREA
    assert rule.objection(np.roll(a, 3, axis=0), a, a) is Stop.NEIGHBOUR
    assert rule.objection(a, a, np.roll(a, 3, axis=0)) is Stop.COARSE
