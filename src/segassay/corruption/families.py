"""All fault families in one visible table, and the draw of one faulty mask.

Five families are never trained on, so that a frozen test can ask what the judge does with faults of
a kind it has not met.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from segassay.corruption import confusion, outline, piece_faults, placement, unseen
from segassay.corruption.scene import BoolArray, Scene, crop_scene
from segassay.corruption.solve import overlap

Fault = Callable[[Scene, float, np.random.Generator], BoolArray]


@dataclass(frozen=True, slots=True)
class Family:
    """One family of faults: how to make it and how often a judge meets it in training."""

    make: Fault
    weight: float


FAULTS: dict[str, Family] = {
    "erosion": Family(outline.erosion, 1.5),
    "dilation": Family(outline.dilation, 1.5),
    "rough": Family(outline.rough, 1.5),
    "bulge": Family(outline.bulge, 1.5),
    "elastic": Family(outline.elastic, 1.0),
    "smoothing": Family(outline.smoothing, 0.5),
    "shift": Family(placement.shift, 1.0),
    "rotation": Family(placement.rotation, 0.5),
    "scaling": Family(placement.scaling, 1.0),
    "other_slice": Family(placement.other_slice, 0.7),
    "transplant": Family(placement.transplant, 1.2),
    "cut": Family(piece_faults.cut, 1.2),
    "holes": Family(piece_faults.holes, 0.5),
    "islands": Family(piece_faults.islands, 0.5),
    "lost_component": Family(piece_faults.lost_component, 0.4),
    "disc": Family(piece_faults.disc, 0.4),
    "box": Family(piece_faults.box, 0.3),
    "merged_neighbour": Family(confusion.merged_neighbour, 1.2),
    "wrong_structure": Family(confusion.wrong_structure, 1.2),
    "leak": Family(confusion.leak, 1.2),
    "missed_blob": Family(confusion.missed_blob, 0.6),
    "misplaced_copy": Family(confusion.misplaced_copy, 0.5),
    "everything": Family(confusion.everything, 0.2),
}

NEVER_TRAINED: dict[str, Fault] = {
    "ellipse_fit": unseen.ellipse_fit,
    "polygon": unseen.polygon,
    "jagged_edge": unseen.jagged_edge,
    "grid_distortion": unseen.grid_distortion,
    "rectangle_dropout": unseen.rectangle_dropout,
}
"""Families of the frozen test; a judge that met one of them cannot be judged by it."""

_CHAIN = 0.25
_ROOM = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class FaultyMask:
    """A faulty mask with its recipe and the true Dice against the expert mask."""

    mask: BoolArray
    recipe: tuple[str, ...]
    dice: float


def make_fault(scene: Scene, family: str, dice: float, rng: np.random.Generator) -> BoolArray:
    """Apply one family, also one never trained on, in the neighbourhood of the expert mask.

    Raises:
        KeyError: There is no such family; the message lists all.
    """
    if family not in FAULTS and family not in NEVER_TRAINED:
        raise KeyError(f"no fault family {family!r}; there are {', '.join(FAULTS)}")
    make = NEVER_TRAINED[family] if family in NEVER_TRAINED else FAULTS[family].make
    part, window = crop_scene(scene, _ROOM)
    mask = np.zeros_like(scene.gold)
    mask[window] = make(part, dice, rng)
    return mask


def draw_fault(
    scene: Scene, rng: np.random.Generator, *, avoid: frozenset[str] = frozenset()
) -> FaultyMask:
    """Draw a family (sometimes two in a row) and a target Dice spread evenly over [0, 1].

    Families in `avoid` are never drawn. The result may be empty or perfect; its Dice is measured,
    not promised.
    """
    dice = float(rng.uniform(0.02, 0.99))
    names = [_draw_family(rng, avoid)]
    first = make_fault(scene, names[0], dice, rng)
    if rng.random() < _CHAIN and first.any():
        names.append(_draw_family(rng, avoid))
        again = Scene(first, scene.image, scene.others, scene.nearby, scene.foreign)
        first = make_fault(again, names[1], float(rng.uniform(0.5, 0.98)), rng)
    return FaultyMask(first, tuple(names), overlap(first, scene.gold))


def _draw_family(rng: np.random.Generator, avoid: frozenset[str]) -> str:
    names, shares = _families(avoid)
    return str(rng.choice(names, p=shares))


@cache
def _families(avoid: frozenset[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the families that may be drawn and how often; all are to be had without `avoid`."""
    names = tuple(name for name in FAULTS if name not in avoid)
    weights = np.array([FAULTS[name].weight for name in names])
    return names, weights / weights.sum()
