"""Faulty masks spread evenly over Dice: families that suit a label, and draws near a target."""

from collections.abc import Callable, Sequence

import numpy as np

from segassay.corruption.families import FAULTS, NEVER_TRAINED
from segassay.corruption.scene import BoolArray
from segassay.corruption.solve import overlap
from segassay.corruption.volume_faults import (
    SLICEWISE,
    VOLUME_FAULTS,
    FaultyVolume,
    LabelledPlanes,
    slicewise,
)

_NEED_SLICES = frozenset({*VOLUME_FAULTS, "other_slice"})
_NEED_NEIGHBOURS = frozenset({"merged_neighbour", "wrong_structure", "other_structure"})
_NEED_ANOTHER_SUBJECT = frozenset({"transplant"})
"""What a family cannot do without; the faults themselves then fall back on another family."""

_NEAR = 0.03
_DRAWS = 6


def known_families() -> tuple[str, ...]:
    """Return all families that one labelled image is enough for, also those never trained on."""
    every = (*FAULTS, *VOLUME_FAULTS, *NEVER_TRAINED)
    return tuple(name for name in every if name not in _NEED_ANOTHER_SUBJECT)


def suitable_families(label: LabelledPlanes, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the families that can be planted in a label.

    Args:
        label: The label.
        wanted: Only these; by default all that judges are trained on, of a volume those that make
            sense when every slice suffers the same one.
    """
    is_volume = len(label.gold) > 1
    usual = (*SLICEWISE, *VOLUME_FAULTS) if is_volume else tuple(FAULTS)
    lacking = set(_NEED_ANOTHER_SUBJECT)
    lacking |= set() if is_volume else _NEED_SLICES
    lacking |= set() if any(other.any() for other in label.others) else _NEED_NEIGHBOURS
    return tuple(name for name in wanted or usual if name not in lacking)


def draw_near(
    label: LabelledPlanes, families: Sequence[str], dice: float, rng: np.random.Generator
) -> FaultyVolume | None:
    """Draw a faulty mask with a Dice as near to a target as a few draws of families give it.

    Families have their limits: a turned disc is the same disc. So several are tried until one comes
    within .03; the nearest is returned, and its Dice is measured.

    Args:
        label: Image, expert mask (not empty) and other structures.
        families: Names to draw from, at least one.
        dice: The target in [0, 1].
        rng: Source of chance.

    Returns:
        The mask, never empty; `None` if every draw was.
    """
    best: FaultyVolume | None = None
    for _ in range(_DRAWS):
        family = families[int(rng.integers(len(families)))]
        mask = _planted(label, family, dice, rng)
        if not mask.any() or not _is_what_it_says(label, mask, family):
            continue
        found = FaultyVolume(mask, family, overlap(mask, label.gold))
        if best is None or abs(found.dice - dice) < abs(best.dice - dice):
            best = found
        if abs(best.dice - dice) <= _NEAR:
            break
    return best


def _planted(
    label: LabelledPlanes, family: str, dice: float, rng: np.random.Generator
) -> BoolArray:
    make: Callable[[LabelledPlanes, float, np.random.Generator], BoolArray] | None
    make = VOLUME_FAULTS.get(family)
    return slicewise(label, family, dice, rng) if make is None else make(label, dice, rng)


def _is_what_it_says(label: LabelledPlanes, mask: BoolArray, family: str) -> bool:
    """Whether a mask that should hold another structure does; far ones cannot be swallowed."""
    if family not in _NEED_NEIGHBOURS:
        return True
    added = mask & ~label.gold
    taken = np.zeros_like(added)
    for other in label.others:
        taken |= other
    return 2 * int(np.count_nonzero(added & taken)) > int(np.count_nonzero(added))
