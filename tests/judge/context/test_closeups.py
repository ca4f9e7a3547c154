"""Votes at the scale of a structure: where it lies and how large it is plays no part."""

from dataclasses import replace

import numpy as np
import pytest

from segassay.judge.context.closeups import (
    CLOSE_GRID,
    CLOSE_PATCHES,
    CLOSE_VOTING,
    MOST_CLOSE_UPS,
    CloseContext,
    CloseMemory,
    CloseUp,
    close_box,
    close_up,
)
from segassay.judge.context.context_inputs import MAPS, NUMBERS, context_input
from segassay.judge.context.looks import (
    GRID,
    SIDE_PX,
    Looks,
    directions,
    fine_patches,
    picture,
    tiles,
)
from segassay.judge.context.votes import soft_dice
from segassay.judge.inputs.preprocess import JudgePreprocess

SIDE = 256


def disc(centre: tuple[float, float], radius: float, side: int = SIDE) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return np.asarray((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2)


def features(inside: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return features `(4, 64, 64)` that tell a structure from what is round it, with noise."""
    share = inside.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    noise = np.random.default_rng(seed).normal(0, 0.05, (4, 64, 64))
    vectors = np.stack([share, 1 - share, 0 * share, 0 * share + 0.3]) + noise
    return directions(vectors.transpose(1, 2, 0)).transpose(2, 0, 1)


def seen(mask: np.ndarray, truth: np.ndarray, seed: int = 0) -> CloseUp:
    found = close_up(features(truth, seed), mask, (1.0, 1.0))
    assert found is not None
    return found


def memory(close_ups: list[CloseUp], *, trusted: bool = False) -> CloseMemory:
    subjects = tuple(f"s{n}" for n in range(len(close_ups)))
    slices = [{"disc": one} for one in close_ups]
    return CloseMemory.of_slices(slices, ["disc"], subjects, n_features=4, trusted=trusted)


def asked(of: CloseMemory, query: CloseUp, *excluded: str) -> CloseContext:
    found = of.ask(query, 0, excluded)
    assert found is not None
    return found


def discs(n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(n)
    return [disc(tuple(rng.uniform(90, 160, 2)), rng.uniform(20, 50)) for _ in range(n)]


OTHERS = [seen(d, d, n) for n, d in enumerate(discs(6))]


def test_labels_elsewhere_and_of_another_size_draw_what_should_be() -> None:
    truth = disc((60, 190), 36)
    right = asked(memory(OTHERS), seen(truth, truth, seed=7))
    assert right.expected.shape == right.spread.shape == right.mass.shape == (CLOSE_PATCHES,)
    assert float(soft_dice(right.expected, right.shares)) > 0.9
    assert right.numbers[0] == pytest.approx(np.log2(6) / 5)
    half = truth.copy()
    half[:, 190:] = False
    wrong = asked(memory(OTHERS), seen(half, truth, seed=7))
    assert float(soft_dice(wrong.expected, wrong.shares)) < 0.8
    assert wrong.expected.reshape(CLOSE_GRID, CLOSE_GRID)[12, 20 * CLOSE_GRID // 24] > 0.5


def test_a_label_that_disagrees_counts_less_unless_somebody_vouches_for_it() -> None:
    truth = disc((120, 120), 40)
    ring = truth & ~disc((120, 120), 34)
    some = [*OTHERS, seen(ring, truth, seed=11)]
    doubting, trusting = memory(some), memory(some, trusted=True)
    assert doubting.belief[-1, 0] < 0.5 < doubting.belief[:-1, 0].min()
    assert (trusting.belief == 1).all()
    assert trusting.typical[0, 1] > 0


def test_nobody_is_asked_about_himself() -> None:
    found = asked(memory(OTHERS), OTHERS[0], "s0")
    assert found.numbers[0] == pytest.approx(np.log2(5) / 5)
    everybody = [f"s{n}" for n in range(6)]
    assert memory(OTHERS).ask(OTHERS[0], 0, everybody) is None


def test_one_of_a_subject_and_so_many_at_most() -> None:
    twice = memory([*OTHERS, *OTHERS])
    own = replace(twice, subjects=tuple(f"s{n % 6}" for n in range(12)))
    assert asked(own, OTHERS[0]).numbers[0] == pytest.approx(np.log2(6) / 5)
    assert asked(twice, OTHERS[0]).numbers[0] == pytest.approx(np.log2(12) / 5)
    assert len(memory(OTHERS * 30).close_ups.patches) <= MOST_CLOSE_UPS


def test_in_another_order_it_says_the_same() -> None:
    before = memory(OTHERS)
    order = [3, 1, 5, 0, 2, 4]
    after = before.reordered(order, tuple("abcdef"))
    query = seen(disc((60, 190), 36), disc((60, 190), 36), seed=7)
    np.testing.assert_allclose(
        asked(after, query, "a").expected, asked(before, query, "s3").expected, atol=1e-5
    )


def test_a_mirror_image_is_told_the_mirror_image() -> None:
    truth = disc((60, 190), 36)
    half = truth.copy()
    half[:, 190:] = False
    found = asked(memory(OTHERS), seen(half, truth))
    flipped = found.mirrored(SIDE)
    grids = [one.expected.reshape(CLOSE_GRID, CLOSE_GRID) for one in (found, flipped)]
    np.testing.assert_array_equal(grids[0][:, ::-1], grids[1])
    box = close_box(half[:, ::-1], (1.0, 1.0))
    assert box == flipped.box


def test_the_network_sees_it_where_it_lies() -> None:
    truth = disc((60, 190), 36)
    found = asked(memory(OTHERS), seen(truth, truth, seed=7))
    preprocess = JudgePreprocess()
    box = preprocess.frame(truth, (1.0, 1.0), least_mm=0.0)
    looks = Looks(np.zeros((GRID * GRID, 4), np.float32), np.zeros(2, np.float32))
    shown = context_input(
        looks, None, found, truth, (1.0, 1.0), box, preprocess=preprocess, n_looks=4
    )
    half = MAPS // 2
    assert not shown.maps[:half].any()
    assert not shown.numbers[: NUMBERS // 2].any()
    side = preprocess.crop_px
    rows = (np.arange(side) + 0.5) / side
    high, wide = box.bottom - box.top, box.right - box.left
    inside = ((box.top + rows * high)[:, None] - 60) ** 2 + (
        (box.left + rows * wide)[None] - 190
    ) ** 2 <= 36**2
    marked = shown.maps[half] > 0.5
    assert 2 * (marked & inside).sum() / (marked.sum() + inside.sum()) > 0.9
    assert shown.numbers[NUMBERS // 2 + 6] > 0.9, "how far the mask agrees"


def test_the_box_follows_the_label_in_millimetres() -> None:
    mask = np.zeros((100, 200), dtype=np.bool_)
    mask[40:60, 50:60] = True
    box = close_box(mask, (2.0, 1.0))
    assert box is not None
    assert (box.bottom - box.top) * 2.0 == pytest.approx(80)
    assert box.right - box.left == pytest.approx(80)
    assert (box.top + box.bottom) / 2 == pytest.approx(50)
    mask[:] = False
    assert close_box(mask, (2.0, 1.0)) is None
    mask[50, 100] = True
    smallest = close_box(mask, (2.0, 1.0))
    assert smallest is not None
    assert smallest.right - smallest.left == pytest.approx(CLOSE_VOTING.least * 200)


def test_four_tiles_are_one_picture_and_their_features_one_grid() -> None:
    plane = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)
    whole = picture(plane, (1.0, 1.0), 2 * SIDE_PX)
    first, second, third, fourth = tiles(plane, (1.0, 1.0))
    np.testing.assert_array_equal(first, whole[:, :SIDE_PX, :SIDE_PX])
    np.testing.assert_array_equal(second, whole[:, :SIDE_PX, SIDE_PX:])
    np.testing.assert_array_equal(third, whole[:, SIDE_PX:, :SIDE_PX])
    np.testing.assert_array_equal(fourth, whole[:, SIDE_PX:, SIDE_PX:])
    kinds = np.array([[4, 0, 0], [0, 4, 0], [0, 0, 4], [4, 0, -4]], dtype=np.float32)
    looks = [
        Looks(np.broadcast_to(kind, (GRID * GRID, 3)), np.zeros(2, np.float32)) for kind in kinds
    ]
    fine = fine_patches(looks)
    assert fine.shape == (3, 2 * GRID, 2 * GRID)
    corners = [fine[:, r, c].tolist() for r in (0, -1) for c in (0, -1)]
    assert corners == [[127, 0, 0], [0, 127, 0], [0, 0, 127], [127, 0, -127]]
