"""Draws near a target: flat over Dice, of families that suit the label and are what they say."""

import numpy as np
import pytest

from segassay.corruption.families import NEVER_TRAINED
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.corruption.spread import draw_near, known_families, suitable_families
from segassay.corruption.volume_faults import VOLUME_FAULTS, LabelledPlanes
from segassay.images.slicing import as_planes


def label(name: str = "liver", *, slices: slice = slice(None)) -> LabelledPlanes:
    phantom = make_phantom(1)
    masks = {n: as_planes(phantom.labels == v, 2)[slices] for n, v in LABELS.items()}
    others = tuple(mask for n, mask in masks.items() if n != name)
    return LabelledPlanes(as_planes(phantom.image, 2)[slices], masks[name], others)


def one_slice() -> LabelledPlanes:
    middle = int(np.flatnonzero(label().gold.any(axis=(1, 2))).mean())
    return label(slices=slice(middle, middle + 1))


def drawn(target: LabelledPlanes, n: int = 20) -> list[tuple[float, float]]:
    """Targets and what was reached."""
    found = []
    for number in range(n):
        rng = np.random.default_rng(number)
        wanted = (number + 0.5) / n
        fault = draw_near(target, suitable_families(target), wanted, rng)
        assert fault is not None
        found.append((wanted, fault.dice))
    return found


@pytest.mark.parametrize("target", [label(), one_slice()], ids=["volume", "slice"])
def test_dice_is_spread_evenly_from_0_to_1(target: LabelledPlanes) -> None:
    gaps = [abs(wanted - reached) for wanted, reached in drawn(target)]
    assert np.mean(gaps) < 0.03
    counts, _ = np.histogram([reached for _, reached in drawn(target)], bins=5, range=(0, 1))
    assert counts.min() >= 3


def test_families_suit_the_label() -> None:
    volume, flat = label(), one_slice()
    assert set(VOLUME_FAULTS) <= set(suitable_families(volume))
    assert not set(VOLUME_FAULTS) & set(suitable_families(flat))
    alone = LabelledPlanes(flat.image, flat.gold)
    assert "merged_neighbour" in suitable_families(flat)
    assert "merged_neighbour" not in suitable_families(alone)
    assert "transplant" not in known_families()
    assert suitable_families(flat, ["cut_end", "leak", "polygon"]) == ("leak", "polygon")


def test_never_trained_families_are_planted_only_when_named() -> None:
    assert set(NEVER_TRAINED) <= set(known_families())
    for target in (label(), one_slice()):
        assert not set(NEVER_TRAINED) & set(suitable_families(target))


@pytest.mark.parametrize("family", ["wrong_structure", "merged_neighbour", "other_structure"])
def test_confusion_with_others_holds_their_voxels(family: str) -> None:
    gold = np.zeros((4, 60, 60), dtype=np.bool_)
    other = gold.copy()
    gold[:, 20:40, 10:30] = other[:, 20:40, 30:55] = True
    target = LabelledPlanes(gold.astype(np.float32), gold, (other,))
    found = [draw_near(target, [family], 0.3, np.random.default_rng(n)) for n in range(4)]
    taken = np.any(target.others, axis=0)
    made = [fault for fault in found if fault is not None]
    assert made
    for fault in made:
        added = fault.mask & ~target.gold
        assert (added & taken).sum() > 0.5 * added.sum()


def test_same_seed_same_mask_and_what_cannot_be_made_is_none() -> None:
    target = label()
    first, second = (
        draw_near(target, suitable_families(target), 0.4, np.random.default_rng(7))
        for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert first.recipe == second.recipe
    assert (first.mask == second.mask).all()
    lonely = draw_near(label("spleen"), ["merged_neighbour"], 0.3, np.random.default_rng(0))
    assert lonely is None  # nothing touches it, so what was made swallowed no neighbour
    dot = np.zeros((1, 9, 9), dtype=np.bool_)
    dot[0, 4, 4] = True
    tiny = LabelledPlanes(np.zeros(dot.shape, dtype=np.float32), dot)
    assert draw_near(tiny, ["erosion"], 0.1, np.random.default_rng(0)) is None
