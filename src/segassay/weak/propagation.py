"""From a slice to its neighbours: what was drawn on one is the prompt of the next.

Slices that are drawn one by one flicker, and a leak on one of them is noticed by none. Here a
volume is drawn from its most certain slice outwards, in both directions, and a direction ends where
what was drawn no longer agrees with the slice before, or with the coarse map. Nothing is drawn
where the coarse map sees nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.weak.prompts import (
    LEAST_SHARE,
    THRESHOLDS,
    BoolArray,
    Floats,
    Prompt,
    coarse_mask,
    prompts,
)

Draw = Callable[[int, Prompt], Floats]
"""Draws one prompt on the slice of a number: probabilities `(rows, columns)`."""

_DRAWN = 0.5


class Stop(StrEnum):
    """Why a direction ended."""

    COARSE_END = "coarse_end"
    """The coarse map sees nothing further, or the volume ends."""
    EMPTY = "empty"
    """Nothing was drawn."""
    NEIGHBOUR = "neighbour"
    """It hardly overlaps what was drawn on the slice before."""
    COARSE = "coarse"
    """It hardly overlaps the coarse map."""
    AREA = "area"
    """Its area is another one than on the slice before."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """When a slice agrees with what surrounds it.

    Attributes:
        neighbour: Least overlap with the slice before, as a share of the smaller of the two masks:
            towards its ends a structure shrinks, which is no disagreement.
        coarse: Least Dice with the coarse mask on the same slice.
        change: Most times by which the area may grow or shrink from one slice to the next.
    """

    neighbour: float = 0.5
    coarse: float = 0.3
    change: float = 4.0

    def objection(self, mask: BoolArray, before: BoolArray, coarse: BoolArray) -> Stop | None:
        """Say what speaks against a slice's mask; all three are `(rows, columns)`."""
        area, area_before = int(mask.sum()), int(before.sum())
        if not area:
            return Stop.EMPTY
        if not 1 / self.change <= area / area_before <= self.change:
            return Stop.AREA
        if int((mask & before).sum()) < self.neighbour * min(area, area_before):
            return Stop.NEIGHBOUR
        return self.objection_of_coarse(mask, coarse)

    def objection_of_coarse(self, mask: BoolArray, coarse: BoolArray) -> Stop | None:
        """Say whether a slice's mask and the coarse one are too far apart."""
        total = int(mask.sum()) + int(coarse.sum())
        return Stop.COARSE if 2 * int((mask & coarse).sum()) < self.coarse * total else None


@dataclass(frozen=True, slots=True, eq=False)
class Propagation:
    """What was drawn of a volume.

    Attributes:
        probabilities: `(slices, rows, columns)` in [0, 1]; 0 where nothing was drawn.
        reached: `(slices,)`, whether a slice was drawn and kept. Elsewhere the volume is not known
            to be empty: the coarse mask is all there is.
        stops: Why it ended, for every component: towards the first slice, towards the last.
    """

    probabilities: Floats
    reached: BoolArray
    stops: tuple[tuple[Stop, Stop], ...]

    @property
    def mask(self) -> BoolArray:
        """What was drawn, `(slices, rows, columns)`."""
        return np.asarray(self.probabilities >= _DRAWN)


def propagate(
    draw: Draw,
    coarse: Floats,
    *,
    consistency: Consistency | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
    least_share: float = LEAST_SHARE,
) -> Propagation:
    """Draw a volume slice by slice, each component from its most certain slice outwards.

    Args:
        draw: The segmenter, on slices along the first axis. It is called for every kept part of
            the slice before.
        coarse: Probability of the structure `(slices, rows, columns)`.
        consistency: When a direction goes on.
        thresholds: Probabilities from which the map is foreground; the first that leaves any
            counts.
        least_share: Components smaller than this share of the largest one are left out.

    Returns:
        What was drawn; of several components the larger probability. Nothing for an empty map.
    """
    rule = consistency or Consistency()
    p = np.zeros(coarse.shape, dtype=np.float32)
    reached = np.zeros(len(coarse), dtype=np.bool_)
    stops = []
    for component in _components(coarse_mask(coarse, thresholds), least_share):
        run = _Run(draw, np.where(component, coarse, 0), component, rule)
        stops.append(run.whole())
        for k, drawn in run.kept.items():
            p[k] = np.maximum(p[k], drawn)
            reached[k] = True
    return Propagation(p, reached, tuple(stops))


def most_certain(coarse: Floats) -> int:
    """Return the slice that holds most foreground, each pixel counted by how certain it is.

    Certainty is `2 p - 1`, so that what could as well be background counts nothing. Where no pixel
    is likelier foreground than background, the slice with the largest sum.
    """
    certain = (2 * coarse - 1).clip(0).sum(axis=(1, 2))
    return int((certain if certain.any() else coarse.sum(axis=(1, 2))).argmax())


def _components(mask: NDArray[np.bool_], least_share: float) -> list[BoolArray]:
    """Return the parts of a volume, largest first; touching at a corner is enough."""
    numbered, n = ndi.label(mask, structure=np.ones((3, 3, 3), dtype=np.bool_))
    if not n:
        return []
    sizes = np.bincount(numbered.ravel())[1:]
    order = np.argsort(-sizes, kind="stable")
    return [numbered == k + 1 for k in order if sizes[k] >= least_share * sizes.max()]


class _Run:
    """One component: `kept` holds the probabilities of its slices by their number."""

    def __init__(self, draw: Draw, coarse: Floats, component: BoolArray, rule: Consistency) -> None:
        self.draw, self.coarse, self.component, self.rule = draw, coarse, component, rule
        self.kept: dict[int, Floats] = {}

    def whole(self) -> tuple[Stop, Stop]:
        """Draw the first slice, then both directions; say why each ended."""
        start = most_certain(self.coarse)
        first = self._drawn(start, prompts(self.coarse[start]))
        mask = np.asarray(first >= _DRAWN)
        if not mask.any():
            return Stop.EMPTY, Stop.EMPTY
        objection = self.rule.objection_of_coarse(mask, self.component[start])
        if objection is not None:
            return objection, objection
        self.kept[start] = first
        down = self._direction(mask, range(start - 1, -1, -1))
        return down, self._direction(mask, range(start + 1, len(self.coarse)))

    def _direction(self, before: BoolArray, slices: Iterable[int]) -> Stop:
        for k in slices:
            if not self.component[k].any():
                break
            drawn = self._drawn(k, prompts(before.astype(np.float32)))
            mask = np.asarray(drawn >= _DRAWN)
            objection = self.rule.objection(mask, before, self.component[k])
            if objection is not None:
                return objection
            self.kept[k] = drawn
            before = mask
        return Stop.COARSE_END

    def _drawn(self, k: int, parts: Sequence[Prompt]) -> Floats:
        """Draw all parts of a slice; of several the larger probability."""
        return np.asarray(np.maximum.reduce([self.draw(k, part) for part in parts]))
