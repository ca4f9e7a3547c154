"""Fault families: pure, in reach of their target, and spread over the whole range."""

from pathlib import Path

import numpy as np
import pytest

from segassay.corruption.families import FAULTS, NEVER_TRAINED, draw_fault, make_fault
from segassay.corruption.scene import Scene, signed_distance
from segassay.corruption.solve import overlap, take_largest
from segassay.corruption.volume_faults import (
    VOLUME_FAULTS,
    LabelledPlanes,
    draw_volume_fault,
    slicewise,
)

ON_TARGET = ("erosion", "dilation", "rough", "shift", "scaling", "cut", "elastic")


def blob(shape: tuple[int, int], centre: tuple[int, int], radius: float) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows - centre[0]) ** 2 + 1.7 * (columns - centre[1]) ** 2 < radius**2)


def scene() -> Scene:
    shape = (120, 110)
    gold = blob(shape, (60, 50), 20)
    image = np.random.default_rng(1).normal(size=shape).astype(np.float32) + 3 * gold
    return Scene(gold, image, (blob(shape, (60, 80), 12),), (blob(shape, (58, 52), 18),), gold)


@pytest.mark.parametrize("family", [*FAULTS, *NEVER_TRAINED])
def test_family_is_pure_and_keeps_shape(family: str) -> None:
    before = scene()
    gold = before.gold.copy()
    first = make_fault(before, family, 0.6, np.random.default_rng(3))
    again = make_fault(scene(), family, 0.6, np.random.default_rng(3))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(before.gold, gold)
    assert first.shape == gold.shape
    assert first.dtype == np.bool_


@pytest.mark.parametrize("family", [*FAULTS, *NEVER_TRAINED])
def test_family_takes_a_mask_of_one_pixel(family: str) -> None:
    gold = np.zeros((20, 20), dtype=np.bool_)
    gold[9, 7] = True
    found = make_fault(Scene(gold, scene().image[:20, :20]), family, 0.5, np.random.default_rng(0))
    assert (found.shape, found.dtype) == (gold.shape, gold.dtype)


@pytest.mark.parametrize("family", ON_TARGET)
@pytest.mark.parametrize("dice", [0.3, 0.6, 0.9])
def test_family_meets_its_target(family: str, dice: float) -> None:
    mask = make_fault(scene(), family, dice, np.random.default_rng(5))
    assert overlap(mask, scene().gold) == pytest.approx(dice, abs=0.06)


def test_draws_fill_the_whole_range_and_report_the_true_dice() -> None:
    rng = np.random.default_rng(0)
    faults = [draw_fault(scene(), rng) for _ in range(300)]
    for fault in faults[:20]:
        assert fault.dice == overlap(fault.mask, scene().gold)
    counts, _ = np.histogram([fault.dice for fault in faults], bins=5, range=(0, 1))
    assert counts.min() > 25


def test_families_for_the_frozen_test_are_not_trained() -> None:
    assert not set(NEVER_TRAINED) & set(FAULTS)
    source = Path(__file__).parents[2] / "src" / "segassay" / "training"
    for path in source.rglob("*.py"):
        text = path.read_text().replace("NEVER_TRAINED_ON", "")  # the networks of the frozen test
        assert not [name for name in (*NEVER_TRAINED, "NEVER_TRAINED") if name in text]


@pytest.mark.parametrize("family", list(NEVER_TRAINED))
def test_families_for_the_frozen_test_reach_from_mild_to_severe(family: str) -> None:
    reached = [
        overlap(make_fault(scene(), family, dice, np.random.default_rng(n)), scene().gold)
        for n, dice in enumerate((0.95, 0.6, 0.3))
    ]
    assert reached[0] > 0.8
    assert reached[0] > reached[2]


def test_signed_distance_by_hand() -> None:
    depth = signed_distance(np.array([[False, True, True, True, False]]))
    np.testing.assert_allclose(depth, [[-0.5, 0.5, 1.5, 0.5, -0.5]])


def test_take_largest_by_hand() -> None:
    values = np.array([[5.0, 1.0, 9.0, 7.0]])
    among = np.array([[True, True, False, True]])
    assert take_largest(values, 2, among).tolist() == [[True, False, False, True]]
    assert not take_largest(values, 0, among).any()
    assert take_largest(values, 99, among).sum() == 3


def volume() -> LabelledPlanes:
    gold = np.zeros((16, 80, 80), dtype=np.bool_)
    for index in range(3, 13):
        gold[index] = blob((80, 80), (40, 38), 16 - abs(index - 8))
    other = np.roll(gold, 25, axis=2)
    image = np.random.default_rng(0).normal(size=gold.shape).astype(np.float32) + 2 * gold
    return LabelledPlanes(image, gold, (other,))


@pytest.mark.parametrize("family", list(VOLUME_FAULTS))
def test_volume_family_harms_without_touching_the_gold(family: str) -> None:
    label = volume()
    gold = label.gold.copy()
    mask = VOLUME_FAULTS[family](label, 0.6, np.random.default_rng(2))
    np.testing.assert_array_equal(label.gold, gold)
    assert mask.any()
    assert overlap(mask, gold) < 0.95


def test_slicewise_keeps_one_direction_through_the_slices() -> None:
    mask = slicewise(volume(), "shift", 0.6, np.random.default_rng(4))
    centres = [
        np.argwhere(m).mean(axis=0) - np.argwhere(g).mean(axis=0)
        for m, g in zip(mask, volume().gold, strict=True)
        if g.any()
    ]
    angles = [np.arctan2(*centre) for centre in centres]
    assert np.std(angles) < 0.4
    with pytest.raises(KeyError, match="erosion"):
        slicewise(volume(), "no_such", 0.5, np.random.default_rng(0))


def test_single_image_gets_slice_faults_only() -> None:
    label = volume()
    flat = LabelledPlanes(label.image[8:9], label.gold[8:9])
    recipes = {draw_volume_fault(flat, np.random.default_rng(n)).recipe for n in range(40)}
    assert not recipes & set(VOLUME_FAULTS)
