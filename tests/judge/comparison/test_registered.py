"""Labels of registered cases, drawn into a volume."""

import numpy as np
import pytest

from segassay.geometry.grid import Grid
from segassay.images.slicing import as_planes
from segassay.images.volume import Volume
from segassay.judge.comparison.gold_cases import GoldCase
from segassay.judge.comparison.peers import Peers
from segassay.judge.comparison.registered import joined, registered_label
from segassay.judge.context.context_memory import Context
from segassay.judge.context.looks import shares_of
from segassay.judge.context.votes import PATCHES, soft_dice
from segassay.judge.inputs.preprocess import plane_stack


def ball(seed: int) -> tuple[Volume, np.ndarray]:
    """A bright ellipsoid in noise, and its mask; slices are twice as thick as pixels are wide."""
    rng = np.random.default_rng(seed)
    i, j, k = np.mgrid[:48, :56, :24] / np.array([48, 56, 24]).reshape(3, 1, 1, 1)
    centre, radii = rng.uniform(0.42, 0.58, 3), rng.uniform(0.2, 0.28, 3)
    inside = sum(((x - c) / r) ** 2 for x, c, r in zip((i, j, k), centre, radii, strict=True)) < 1
    grey = (rng.normal(60, 8, inside.shape) + 90 * inside).astype(np.float32)
    grid = Grid(inside.shape, np.diag([1.0, 1.0, 2.0, 1.0]))
    return Volume(grey, grid, anatomical=True, spacing_known=True), inside


@pytest.fixture(scope="module")
def peers() -> Peers:
    cases = []
    for seed in range(6):
        image, mask = ball(seed)
        label = np.roll(mask, 20, axis=1) if seed == 5 else mask
        cases.append(GoldCase.of(image, [("ball", label)], f"p{seed}"))
    return Peers(cases)


def test_they_cover_what_the_label_should(peers: Peers) -> None:
    image, mask = ball(11)
    stack = plane_stack(image)
    (name,) = laid = peers.propagated_labels(image, stack, subject="new")
    assert name == "ball"
    found = laid[name]
    planes = as_planes(mask, stack.axis)
    assert found.expected.shape == found.spread.shape == (len(planes), PATCHES)
    assert found.n == 6
    filled = np.flatnonzero(planes.any(axis=(1, 2)))
    middle = filled[len(filled) // 4 : -len(filled) // 4]
    right = np.stack([shares_of(planes[index], stack.pixel_mm) for index in middle])
    wrong = np.stack([shares_of(np.roll(planes[k], 15, axis=1), stack.pixel_mm) for k in middle])
    assert soft_dice(found.expected[middle].ravel(), right.ravel()) > 0.85
    assert soft_dice(found.expected[middle].ravel(), wrong.ravel()) < 0.7
    assert found.expected[~planes.any(axis=(1, 2))].mean() < found.expected[middle].mean() / 3


def test_nobody_vouches_for_himself(peers: Peers) -> None:
    image, _ = ball(3)
    (found,) = peers.propagated_labels(image, plane_stack(image), subject="p3").values()
    assert found.n == 5


def test_too_few_peers_say_nothing() -> None:
    cases = [
        GoldCase.of(image, [("ball", mask)], str(n)) for n in range(4) for image, mask in [ball(n)]
    ]
    image, _ = ball(9)
    assert Peers(cases).propagated_labels(image, plane_stack(image)) == {}


def test_whom_others_believe_counts_more() -> None:
    shares = np.zeros((3, 2, PATCHES), dtype=np.float32)
    shares[:2, :, :100] = 1
    shares[2, :, 500:600] = 1
    found = registered_label(shares, np.array([1.0, 1.0, 0.1]), np.array([0.9, 0.8, 0.1]))
    assert found.expected[0, 50] > 0.98
    assert found.expected[0, 550] < 0.02
    assert found.agreement[1] == pytest.approx(0.8)
    assert found.context(1).numbers[4] == pytest.approx(0.7)


def test_where_votes_and_peers_differ_the_spread_is_wide() -> None:
    low, high = (
        Context(
            np.full(PATCHES, e, np.float32),
            np.zeros(PATCHES, np.float32),
            np.ones(PATCHES, np.float32),
            np.zeros(5, np.float32),
            6,
            n,
        )
        for e, n in ((0.2, 4), (0.8, 9))
    )
    both = joined(low, high)
    assert both.expected == pytest.approx(0.5)
    assert both.spread == pytest.approx(0.3)
    assert (both.n_slices, both.n_subjects) == (6, 9)
