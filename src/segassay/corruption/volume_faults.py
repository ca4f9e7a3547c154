"""Faults of whole volumes: what goes wrong through the slices, not only in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.families import make_fault
from segassay.corruption.scene import BoolArray, Scene
from segassay.corruption.solve import overlap

Planes = NDArray[np.bool_]

SLICEWISE = (
    "erosion",
    "dilation",
    "rough",
    "bulge",
    "elastic",
    "shift",
    "scaling",
    "cut",
    "merged_neighbour",
    "leak",
    "disc",
    "misplaced_copy",
)
"""Families that make sense when every slice of a volume suffers the same one."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPlanes:
    """One structure of one volume as slices `(slice, row, column)`.

    `image` holds any real type, `gold` is the expert mask, `others` the other structures.
    """

    image: NDArray[np.generic]
    gold: Planes
    others: tuple[Planes, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FaultyVolume:
    """A faulty mask with its recipe and true Dice."""

    mask: Planes
    recipe: str
    dice: float


def draw_volume_fault(
    label: LabelledPlanes, rng: np.random.Generator, *, dice: float | None = None
) -> FaultyVolume:
    """Draw a fault for a whole volume, near a target Dice (drawn evenly if `None`).

    A single image gets a slice fault; a volume gets one in three draws a fault through the slices.
    """
    target = float(rng.uniform(0.02, 0.98)) if dice is None else dice
    families = tuple(VOLUME_FAULTS)
    if len(label.gold) > 1 and rng.random() < 1 / 3:
        name = families[int(rng.integers(len(families)))]
        mask = VOLUME_FAULTS[name](label, target, rng)
    else:
        name = SLICEWISE[int(rng.integers(len(SLICEWISE)))]
        mask = slicewise(label, name, target, rng)
    return FaultyVolume(mask, name, overlap(mask, label.gold))


def slicewise(label: LabelledPlanes, family: str, dice: float, rng: np.random.Generator) -> Planes:
    """Apply one slice family to every slice, with the same direction and nearly the same Dice."""
    mask = np.zeros_like(label.gold)
    seed = int(rng.integers(2**31))
    for index in np.flatnonzero(label.gold.any(axis=(1, 2))):
        again = np.random.default_rng(seed)  # the same direction in every slice
        target = float(np.clip(dice + rng.normal(0, 0.03), 0.01, 0.99))
        mask[index] = make_fault(_scene(label, int(index)), family, target, again)
    return mask


def cut_end(label: LabelledPlanes, dice: float, rng: np.random.Generator) -> Planes:
    """Lose one end of the structure: the slices there are empty."""
    mask = label.gold.copy()
    order = np.flatnonzero(mask.any(axis=(1, 2)))
    _empty_until(mask, order if rng.random() < 0.5 else order[::-1], label.gold, dice)
    return mask


def missing_slices(label: LabelledPlanes, dice: float, rng: np.random.Generator) -> Planes:
    """Lose slices here and there."""
    mask = label.gold.copy()
    order = rng.permutation(np.flatnonzero(mask.any(axis=(1, 2))))
    _empty_until(mask, order, label.gold, dice)
    return mask


def grown_end(label: LabelledPlanes, dice: float, rng: np.random.Generator) -> Planes:
    """Go on beyond one end: the last slice's mask is repeated where the structure has ended."""
    mask = label.gold.copy()
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    upwards = rng.random() < 0.5
    middle = filled[len(filled) // 2]
    beyond = range(filled[-1] + 1, len(mask)) if upwards else range(filled[0] - 1, -1, -1)
    for index in beyond:
        mask[index] = label.gold[middle]
        if overlap(mask, label.gold) <= dice:
            break
    return mask


def slice_jitter(label: LabelledPlanes, dice: float, rng: np.random.Generator) -> Planes:
    """Shift every slice's mask by its own random step, as after motion."""
    filled = np.flatnonzero(label.gold.any(axis=(1, 2)))
    steps = rng.standard_normal((len(filled), 2))
    reach = np.sqrt(label.gold[filled].sum(axis=(1, 2)).mean() / np.pi)
    mask = label.gold
    for strength in np.linspace(0.05, 1.5, 12):
        mask = label.gold.copy()
        for index, step in zip(filled, np.rint(strength * reach * steps).astype(int), strict=True):
            mask[index] = np.roll(label.gold[index], tuple(step), axis=(0, 1))
        if overlap(mask, label.gold) <= dice:
            break
    return mask


def slice_offset(label: LabelledPlanes, dice: float, rng: np.random.Generator) -> Planes:
    """Slide the whole mask along the slices."""
    sign = int(rng.choice((-1, 1)))
    mask = label.gold
    for step in range(1, len(mask)):
        mask = np.roll(label.gold, sign * step, axis=0)
        if overlap(mask, label.gold) <= dice:
            break
    return mask


def other_structure(label: LabelledPlanes, dice: float, rng: np.random.Generator) -> Planes:
    """Give another structure's mask: two names exchanged."""
    present = [other for other in label.others if other.any()]
    if not present:
        return slicewise(label, "misplaced_copy", dice, rng)
    return present[int(rng.integers(len(present)))].copy()


VOLUME_FAULTS: dict[str, Callable[[LabelledPlanes, float, np.random.Generator], Planes]] = {
    "cut_end": cut_end,
    "missing_slices": missing_slices,
    "grown_end": grown_end,
    "slice_jitter": slice_jitter,
    "slice_offset": slice_offset,
    "other_structure": other_structure,
}


def _empty_until(mask: Planes, order: NDArray[np.integer[Any]], gold: Planes, dice: float) -> None:
    """Empty slices of `mask` in place, one after another, until the Dice is reached."""
    for index in order[:-1]:
        mask[index] = False
        if overlap(mask, gold) <= dice:
            return


def _scene(label: LabelledPlanes, index: int) -> Scene:
    others: tuple[BoolArray, ...] = tuple(o[index] for o in label.others if o[index].any())
    filled = np.flatnonzero(label.gold.any(axis=(1, 2)))
    near = filled[(filled != index) & (np.abs(filled - index) <= 4)]
    return Scene(
        gold=label.gold[index],
        image=np.asarray(label.image[index], dtype=np.float32),
        others=others,
        nearby=tuple(label.gold[k] for k in near),
    )
