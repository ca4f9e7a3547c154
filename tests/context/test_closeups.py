"""Votes at the scale of a structure: where it lies and how large it is plays no part."""

import numpy as np
import pytest

from segassay.context.closeups import (
    CLOSE_GRID,
    CLOSE_PATCHES,
    CloseUp,
    CloseVoting,
    close_box,
    close_up,
    most_alike_closely,
    vote_closely,
)
from segassay.context.looks import GRID, SIDE_PX, Floats, Looks, fine_patches, picture, tiles
from segassay.context.votes import soft_dice

VOTING = CloseVoting()
SIDE = 256


def disc(centre: tuple[float, float], radius: float, side: int = SIDE) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def features(inside: np.ndarray, seed: int = 0) -> Floats:
    """Return features `(4, 64, 64)` that tell a structure from what is round it, with noise."""
    share = inside.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    noise = np.random.default_rng(seed).normal(0, 0.05, (4, 64, 64))
    return (np.stack([share, 1 - share, 0 * share, 0 * share + 0.3]) + noise).astype(np.float32)


def seen(mask: np.ndarray, truth: np.ndarray, seed: int = 0) -> CloseUp:
    box = close_box(mask, (1.0, 1.0), VOTING)
    assert box is not None
    return close_up(features(truth, seed), mask, (1.0, 1.0), box)


OTHERS = [seen(d, d, n) for n, d in enumerate([disc((90, 60), 24), disc((180, 180), 50)])]


def test_labels_elsewhere_and_of_another_size_draw_what_should_be() -> None:
    truth = disc((60, 190), 36)
    right = seen(truth, truth, seed=7)
    votes = vote_closely(right, OTHERS, np.ones(2), VOTING)
    assert votes.expected.shape == votes.spread.shape == (1, CLOSE_PATCHES)
    assert float(soft_dice(votes.expected[0], right.shares)) > 0.9
    half = truth.copy()
    half[:, 190:] = False
    wrong = seen(half, truth, seed=7)
    found = vote_closely(wrong, OTHERS, np.ones(2), VOTING)
    assert float(soft_dice(found.expected[0], wrong.shares)) < 0.8
    assert found.expected[0].reshape(CLOSE_GRID, CLOSE_GRID)[12, 20] > 0.5, "the other half"


def test_a_label_that_is_not_believed_says_nothing() -> None:
    truth = disc((100, 100), 30)
    query = seen(truth, truth)
    empty = CloseUp(query.patches, query.summary, np.zeros_like(query.shares))
    among = vote_closely(query, [*OTHERS, empty], np.array([1, 1, 0]), VOTING)
    without = vote_closely(query, OTHERS, np.ones(2), VOTING)
    np.testing.assert_allclose(among.expected, without.expected, atol=1e-6)


def test_the_box_follows_the_label_in_millimetres() -> None:
    mask = np.zeros((100, 200), dtype=np.bool_)
    mask[40:60, 50:60] = True
    box = close_box(mask, (2.0, 1.0), VOTING)
    assert box is not None
    assert (box.bottom - box.top) * 2.0 == pytest.approx(80)
    assert box.right - box.left == pytest.approx(80)
    assert (box.top + box.bottom) / 2 == pytest.approx(50)
    mask[:] = False
    assert close_box(mask, (2.0, 1.0), VOTING) is None
    mask[50, 100] = True
    smallest = close_box(mask, (2.0, 1.0), VOTING)
    assert smallest is not None
    assert smallest.right - smallest.left == pytest.approx(VOTING.least * 200)


def test_one_of_a_subject_and_never_ones_own() -> None:
    truth = disc((100, 100), 30)
    query = seen(truth, truth)
    summaries = np.stack([query.summary, OTHERS[0].summary, OTHERS[1].summary, query.summary])
    assert most_alike_closely(query, summaries, ["a", "b", "b", "c"], "a", VOTING)[0] == 3
    assert len(most_alike_closely(query, summaries, ["a", "b", "b", "c"], "a", VOTING)) == 2
    assert most_alike_closely(query, summaries, ["a"] * 4, "a", VOTING) == []


def test_four_tiles_are_one_picture_and_their_features_one_grid() -> None:
    plane = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)
    whole = picture(plane, (1.0, 1.0), 2 * SIDE_PX)
    first, second, third, fourth = tiles(plane, (1.0, 1.0))
    np.testing.assert_array_equal(first, whole[:, :SIDE_PX, :SIDE_PX])
    np.testing.assert_array_equal(second, whole[:, :SIDE_PX, SIDE_PX:])
    np.testing.assert_array_equal(third, whole[:, SIDE_PX:, :SIDE_PX])
    np.testing.assert_array_equal(fourth, whole[:, SIDE_PX:, SIDE_PX:])
    looks = [
        Looks(np.full((GRID * GRID, 3), n, np.float32), np.zeros(2, np.float32)) for n in range(4)
    ]
    fine = fine_patches(looks)
    assert fine.shape == (3, 2 * GRID, 2 * GRID)
    assert [fine[0, r, c] for r in (0, -1) for c in (0, -1)] == [0, 1, 2, 3]
