"""Labels that vote: what other subjects' labels say of a slice, and whom they believe."""

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from segassay.judge.context.context_memory import Context, ContextMemory, ContextSlice
from segassay.judge.context.looks import GRID, Looks
from segassay.judge.context.votes import PATCHES, Voting, beliefs, most_alike, soft_dice

_DIM = 24
_RNG = np.random.default_rng(3)
_KINDS = np.linalg.qr(_RNG.normal(size=(_DIM, _DIM)))[0][:2].astype(np.float32)
"""What a patch of the background and one of the object look like."""


def disc(row: float, column: float, radius: float) -> NDArray[np.bool_]:
    """Draw a disc on the grid of patches."""
    y, x = np.mgrid[:GRID, :GRID]
    return np.asarray((y - row) ** 2 + (x - column) ** 2 < radius**2)


def looks(mask: NDArray[np.bool_], rng: np.random.Generator) -> Looks:
    """Return features of a slice with one object, with noise."""
    patches = _KINDS[mask.ravel().astype(int)] + 0.05 * rng.normal(size=(PATCHES, _DIM))
    summary = 0.2 * rng.normal(size=8) + np.eye(8)[0]
    return Looks(
        (patches / np.linalg.norm(patches, axis=1, keepdims=True)).astype(np.float32),
        (summary / np.linalg.norm(summary)).astype(np.float32),
    )


def shares(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.asarray(255 * mask.ravel(), dtype=np.uint8)


def slices(n: int, wrong: int = 0) -> list[ContextSlice]:
    """Return slices of `n` subjects; the labels of the first `wrong` are elsewhere."""
    rng = np.random.default_rng(n)
    found = []
    for number in range(n):
        mask = disc(14 + rng.uniform(-3, 3), 15 + rng.uniform(-3, 3), 6)
        label = np.roll(mask, 11, axis=1) if number < wrong else mask
        found.append(ContextSlice(f"s{number}", 0.0, looks(mask, rng), {"disc": shares(label)}))
    return found


@pytest.fixture
def query() -> tuple[Looks, NDArray[np.bool_]]:
    """A slice that nobody labelled, and where its object is."""
    mask = disc(15, 13, 6)
    return looks(mask, np.random.default_rng(99)), mask


def said(memory: ContextMemory, query: Looks, subject: str = "new") -> Context:
    (found,) = memory.ask(query, ["disc"], subject=subject, level=0.0)
    assert found is not None
    return found


def test_labels_of_others_draw_the_object(query: tuple[Looks, NDArray[np.bool_]]) -> None:
    found = said(ContextMemory.of(slices(8)), query[0])
    assert soft_dice(found.expected, query[1].ravel().astype(np.float32)) > 0.9
    assert found.n_slices == found.n_subjects == 8
    assert found.expected.min() >= 0
    assert found.expected.max() <= 1


def test_labels_that_agree_with_nobody_count_less(query: tuple[Looks, NDArray[np.bool_]]) -> None:
    truth = query[1].ravel().astype(np.float32)
    doubting = said(ContextMemory.of(slices(9, wrong=3)), query[0])
    trusting = said(ContextMemory.of(slices(9, wrong=3), Voting(least_belief=1.44)), query[0])
    assert soft_dice(doubting.expected, truth) > soft_dice(trusting.expected, truth) + 0.05
    assert doubting.spread.max() > 0.1


def test_nobody_vouches_for_himself(query: tuple[Looks, NDArray[np.bool_]]) -> None:
    few = slices(1)
    memory = ContextMemory.of(few)
    assert memory.ask(few[0].looks, ["disc"], subject="s0", level=0.0) == [None]
    assert memory.ask(query[0], ["disc"], subject="s0", level=0.0) == [None]
    (found,) = memory.ask(query[0], ["disc"], subject="new", level=0.0)
    assert found is not None
    assert found.n_subjects == 1


def test_names_that_nobody_labelled_have_no_context(
    query: tuple[Looks, NDArray[np.bool_]],
) -> None:
    some = slices(4)
    other = [ContextSlice(s.subject, s.level, s.looks, {}) for s in slices(3)]
    memory = ContextMemory.of([*some, *other])
    answers = memory.ask(query[0], ["ring", "disc"], subject="new", level=0.0)
    assert answers[0] is None
    assert answers[1] is not None
    assert answers[1].n_slices == 4
    assert memory.n_others("disc", subject="new") == 4


def test_a_memory_that_travelled_says_the_same(query: tuple[Looks, NDArray[np.bool_]]) -> None:
    memory = ContextMemory.of(slices(5, wrong=1))
    copy = pickle.loads(pickle.dumps(memory))
    np.testing.assert_array_equal(said(memory, query[0]).expected, said(copy, query[0]).expected)


def test_an_unlabelled_slice_is_no_vote_for_absence(
    query: tuple[Looks, NDArray[np.bool_]],
) -> None:
    """A case without a label of the structure says nothing; one whose label is empty says no."""
    rng = np.random.default_rng(0)
    some = slices(3)
    empty = [
        ContextSlice(f"e{n}", 0.0, looks(disc(15, 13, 6), rng), {"disc": shares(disc(0, 0, 0))})
        for n in range(3)
    ]
    without = said(ContextMemory.of(some), query[0]).expected.sum()
    assert said(ContextMemory.of([*some, *empty]), query[0]).expected.sum() < 0.9 * without


def test_beliefs_are_relative_to_the_structure() -> None:
    agreement = np.array([[0.9, 0.3], [0.9, 0.3], [0.45, 0.15], [np.nan, np.nan]], dtype=np.float32)
    found = beliefs(agreement, 0.05)
    np.testing.assert_allclose(found[:, 0], found[:, 1])
    np.testing.assert_allclose(found[:3, 0], [1.0, 1.0, 0.25], rtol=1e-5)
    assert found[3, 0] == pytest.approx(0.7)


def test_the_most_alike_come_first_a_few_of_each_subject() -> None:
    summaries = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 2]]
    summaries[0, 3] = summaries[1, 3] = summaries[2, 3] = 0.3
    summaries /= np.linalg.norm(summaries, axis=1, keepdims=True)
    whose = ["a", "a", "a", "b", "me"]
    levels = np.zeros(5, dtype=np.float32)
    query = np.eye(4, dtype=np.float32)[0]
    voting = Voting(per_subject=2, candidates=3)
    chosen = most_alike(query, 0.0, {"me"}, summaries, levels, whose, voting)
    assert chosen.tolist() == [0, 1, 3]
    same = most_alike(summaries[0], 0.0, {"new"}, summaries, levels, whose, voting)
    assert set(same.tolist()) == {3, 4}, "the same slice under another name is no witness"
