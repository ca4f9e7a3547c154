"""One structure in one slice of a stored case, and the scene that faults are made in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.families import FaultyMask
from segassay.corruption.scene import Scene
from segassay.training.material.store import CodedLabel, StoredCase, StoredSet

BoolArray = NDArray[np.bool_]

_NEIGHBOURS = 4
"""Slices up to this far away lend their masks to through-plane faults."""

_THRESHOLDS = (0.25, 0.75)
"""Between these a network's probabilities are cut: careless thresholds are faults, too."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A structure in a slice that holds it."""

    store: StoredSet
    case: StoredCase
    structure: str
    index: int

    @property
    def label(self) -> CodedLabel:
        """The structure's entry in the case."""
        return self.case.labels[self.structure]

    @property
    def gold(self) -> BoolArray:
        """The expert mask of the slice `(row, column)`."""
        return self.case.mask(self.structure, self.index)

    @property
    def empty_slices(self) -> NDArray[np.intp]:
        """Indices of the slices without the structure."""
        return np.flatnonzero(self.label.areas == 0)

    def slice_beyond(self, rng: np.random.Generator) -> int | None:
        """Draw a slice without the structure, mostly close to its ends; `None` if it is in all."""
        empty = self.empty_slices
        if not empty.size:
            return None
        gap = np.abs(empty[:, None] - self.label.filled[None]).min(axis=1)
        near = empty[gap <= max(2, 0.15 * self.label.filled.size)]
        return int(rng.choice(near if near.size and rng.random() < 0.7 else empty))


def draw_place(
    sets: tuple[StoredSet, ...], shares: NDArray[np.float64], rng: np.random.Generator
) -> Place:
    """Draw a set by its share, then structure, case and slice, each evenly."""
    store = sets[int(rng.choice(len(sets), p=shares))]
    structures = tuple(store.holders)
    structure = structures[int(rng.integers(len(structures)))]
    holders = store.holders[structure]
    case = store.cases[holders[int(rng.integers(len(holders)))]]
    filled = case.labels[structure].filled
    return Place(store, case, structure, int(filled[rng.integers(filled.size)]))


def structures_near(place: Place, index: int, rng: np.random.Generator) -> list[str]:
    """Draw structures of a slice: the place's own in most draws, others in some."""
    here = place.case.present(index)
    return [name for name in here if rng.random() < (0.7 if name == place.structure else 0.2)]


def scene_of(place: Place, rng: np.random.Generator) -> Scene:
    """Gather what a fault may use: other structures, other slices, another subject's mask."""
    case, index = place.case, place.index
    others = tuple(case.mask(n, index) for n in case.present(index) if n != place.structure)
    around = place.label.filled
    around = around[(around != index) & (np.abs(around - index) <= _NEIGHBOURS)]
    return Scene(
        gold=place.gold,
        image=np.asarray(case.planes[index], dtype=np.float32),
        others=others,
        nearby=tuple(case.mask(place.structure, int(k)) for k in around),
        foreign=_foreign_mask(place, rng),
    )


FaultDraw = Callable[[Scene, np.random.Generator], FaultyMask]
"""Makes a faulty mask in a scene."""


def faulty_or_not(place: Place, rng: np.random.Generator, draw: FaultDraw) -> BoolArray:
    """Return the expert mask of the place, or in half of the draws a faulty one; never empty."""
    if rng.random() < 0.5:
        return place.gold
    mask = draw(scene_of(place, rng), rng).mask
    return mask if mask.any() else place.gold


def network_mask(place: Place, index: int, rng: np.random.Generator) -> BoolArray | None:
    """Return a segmenter's mask of the structure in slice `index`; `None` where none has any.

    Half of the draws ask for a Dice drawn evenly and take the nearest: late networks err rarely,
    and the judge must know all degrees. The rest take any.
    """
    masks, case = place.case.networks, place.case
    rows = [] if masks is None else masks.candidates(place.structure, index)
    if masks is None or not rows:
        return None
    row = rows[int(rng.integers(len(rows)))]
    if rng.random() < 0.5:
        row = rows[int(np.abs(masks.dice[rows] - rng.random()).argmin())]
    shape = (case.planes.shape[1], case.planes.shape[2])
    mask = masks.mask(row, shape, case.pixel_mm, rng.uniform(*_THRESHOLDS))
    return mask if mask.any() else None


def _foreign_mask(place: Place, rng: np.random.Generator) -> BoolArray | None:
    holders = place.store.holders[place.structure]
    other = place.store.cases[holders[int(rng.integers(len(holders)))]]
    if other is place.case:
        return None
    filled = other.labels[place.structure].filled
    return other.mask(place.structure, int(filled[rng.integers(filled.size)]))
