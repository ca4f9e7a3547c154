"""The draw of one training pair: an image, a mask whose fault is known, what the judge should say.

Most faults are planted, others are real networks' own. Four kinds of pairs besides keep the judge
from knowing the answer beforehand: the untouched expert mask, an empty slice of a mask that exists
elsewhere (cut end, missing slice), a mask where the structure is not, and a mask empty everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import nan

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.families import draw_fault
from segassay.corruption.solve import overlap
from segassay.geometry.resample import Box
from segassay.judge.context.context_inputs import ContextInput, context_input
from segassay.judge.context.looks import GRID, Looks
from segassay.judge.documents.error_types import ERROR_TYPES, error_type
from segassay.judge.inputs.mask_parts import FINE, fineness, windows
from segassay.judge.inputs.preprocess import (
    JudgeInput,
    JudgePreprocess,
    PlaneStack,
    untold,
    whole_image,
)
from segassay.training.material.context_worlds import SetWorlds
from segassay.training.material.places import (
    FaultDraw,
    Place,
    draw_place,
    faulty_or_not,
    network_mask,
    scene_of,
    structures_near,
)
from segassay.training.material.store import StoredCase, StoredSet
from segassay.training.samples.augment import augment_bytes
from segassay.training.samples.recolour import recolour
from segassay.training.settings import PairRecipe
from segassay.vocabulary.names import mirrored

BoolArray = NDArray[np.bool_]

_FLIPPED = {"free": 0.5, "swap": 0.25, "never": 0.0}
"""Share of pairs mirrored left to right. Organs without a twin have a side, too: mostly keep it."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Input and answers of one pair.

    `gold` `(n, n)` is the expert mask in the crop, `outside` its area beyond the crop in units of
    the crop's area, `dice` the true Dice of the whole slice (NaN for an empty mask), `presence`
    whether the slice holds the structure, `kind` the index of the error type (-1 for none).
    `context` is there for judges that read it.
    """

    seen: JudgeInput
    gold: NDArray[np.float32]
    outside: float
    dice: float
    presence: float
    kind: int
    context: ContextInput | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A mask to be judged in a slice, and the mask that places the crop (`None`: whole slice).

    `name_needed` marks what only the structure's name can tell. Of these `of_another` are masks
    that fit another structure.
    """

    index: int
    gold: BoolArray
    mask: BoolArray
    framed_by: BoolArray | None
    name_needed: bool
    of_another: bool = False


class PairDraw:
    """Draws pairs from stored sets, for ever; the same generator gives the same pairs."""

    def __init__(
        self,
        sets: tuple[StoredSet, ...],
        preprocess: JudgePreprocess,
        recipe: PairRecipe,
        worlds: Mapping[str, SetWorlds] | None = None,
    ) -> None:
        weights = np.array([s.recipe.weight for s in sets], dtype=np.float64)
        self._sets, self._shares = sets, weights / weights.sum()
        self._preprocess, self._recipe = preprocess, recipe
        self._worlds = worlds
        self._fault = partial(draw_fault, avoid=frozenset(recipe.avoid))

    def __call__(self, rng: np.random.Generator) -> Pair:
        """Draw one pair."""
        place, candidate = self.candidate(rng)
        return self._finish(place, candidate, rng)

    def candidate(self, rng: np.random.Generator) -> tuple[Place, Candidate]:
        """Draw a mask to be judged, with the structure and the slice that it is for.

        Where there are no names, a mask that fits another structure is right: none is drawn.
        """
        while True:
            place, candidate = self._any_candidate(rng)
            if not candidate.of_another or self._is_named(place):
                return place, candidate

    def _is_named(self, place: Place) -> bool:
        return self._recipe.names and place.store.recipe.named

    def _any_candidate(self, rng: np.random.Generator) -> tuple[Place, Candidate]:
        place = draw_place(self._sets, self._shares, rng)
        r = self._recipe
        roll = np.searchsorted(
            np.cumsum((r.network, r.gold, r.blank_crop, r.absent, r.blank_field)), rng.random()
        )
        kinds = (of_network, untouched, blank_crop, absent, blank_field, faulty)
        return place, kinds[int(roll)](place, rng, self._fault)

    def _finish(self, place: Place, candidate: Candidate, rng: np.random.Generator) -> Pair:
        name: str | None = place.structure if self._is_named(place) else None
        planes, gold, mask, framed_by = self._views(place, candidate, rng)
        sagittal = place.store.recipe.plane == "sagittal"
        flipped = not sagittal and rng.random() < _FLIPPED[place.store.recipe.mirror]
        if flipped:
            planes, gold, mask = planes[..., ::-1], gold[:, ::-1], mask[:, ::-1]
            framed_by = None if framed_by is None else framed_by[:, ::-1]
            name = None if name is None else mirrored(name)
        if not candidate.name_needed and rng.random() < self._recipe.name_dropout:
            name = None
        is_untold = name is None and rng.random() < self._recipe.untold
        stack = self._stack(place.case, planes, rng, any_tones=is_untold)
        box = self._box(place, framed_by, stack, rng)
        part = self._part(candidate, mask, stack, rng)
        box = box if part is None else part
        modality = place.case.modality
        if rng.random() < self._recipe.modality_dropout:
            modality = None
        middle = 1 if stack.is_3d else 0
        seen = self._preprocess(stack, mask, middle, box, name=name, modality=modality)
        if is_untold:
            seen = untold(seen)
        pair = _answers(seen, gold, mask) if part is None else _answers_of_part(seen, gold)
        if self._worlds is None:
            return pair
        at = place if place.index == candidate.index else replace(place, index=candidate.index)
        return replace(pair, context=self._context(at, seen, mask, rng, flipped=flipped))

    def _context(
        self,
        place: Place,
        seen: JudgeInput,
        mask: BoolArray,
        rng: np.random.Generator,
        *,
        flipped: bool,
    ) -> ContextInput:
        """Draw a world and look up what it says of the place; zeros where there is none."""
        worlds = (self._worlds or {}).get(place.store.recipe.name)
        row = None if worlds is None else worlds.rows.get((place.case.case_id, place.index))
        looks = Looks(np.zeros((GRID * GRID, 1), dtype=np.float32), np.zeros(0, dtype=np.float32))
        context = close = None
        if worlds is not None and row is not None:
            looks = worlds.looks_of(row, mirrored=flipped)
            if rng.random() < self._recipe.blind:
                looks = replace(looks, patches=np.zeros_like(looks.patches))
            if place.store.recipe.derived or rng.random() >= self._recipe.alone:
                world = int(rng.integers(worlds.n_worlds))
                context = worlds.context(row, place.structure, world, mirrored=flipped)
                is_picture = len(place.case.planes) == 1
                if is_picture and rng.random() >= self._recipe.no_close_ups:
                    close = worlds.close_context(
                        row,
                        place.structure,
                        world,
                        mask,
                        place.case.pixel_mm,
                        rng,
                        mirrored=flipped,
                    )
        n_looks = max((w.looks.shape[1] for w in (self._worlds or {}).values()), default=1)
        if looks.patches.shape[1] < n_looks:
            looks = replace(looks, patches=np.zeros((GRID * GRID, n_looks), dtype=np.float32))
        return context_input(
            looks,
            context,
            close,
            mask,
            place.case.pixel_mm,
            seen.box,
            preprocess=self._preprocess,
            n_looks=n_looks,
        )

    def _views(
        self, place: Place, candidate: Candidate, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], BoolArray, BoolArray, BoolArray | None]:
        """Take the slice with its neighbours; the stack is upside down in half of the draws."""
        case, k = place.case, candidate.index
        last = len(case.planes) - 1
        around = [max(k - 1, 0), k, min(k + 1, last)] if last else [0]
        if rng.random() < 0.5:
            around.reverse()
        planes = case.planes[around]
        if rng.random() < self._recipe.recolour:
            chosen = structures_near(place, k, rng)
            planes = recolour(planes, (case.mask(name, around) for name in chosen), rng)
        return planes, candidate.gold, candidate.mask, candidate.framed_by

    def _stack(
        self,
        case: StoredCase,
        planes: NDArray[np.uint8],
        rng: np.random.Generator,
        *,
        any_tones: bool,
    ) -> PlaneStack:
        augmented = rng.random() < self._recipe.augment
        known = case.spacing_known and rng.random() >= self._recipe.spacing_dropout
        return PlaneStack(
            planes=augment_bytes(planes, rng, any_tones=any_tones) if augmented else planes,
            axis=2,
            pixel_mm=case.pixel_mm,
            thickness_mm=case.thickness_mm,
            spacing_known=known,
        )

    def _box(
        self, place: Place, mask: BoolArray | None, stack: PlaneStack, rng: np.random.Generator
    ) -> Box:
        """Frame as at inference, but loosely: factor and centre vary, so that neither is a clue."""
        if mask is None or not mask.any():
            return whole_image(place.gold.shape, stack.pixel_mm)
        half = 0.5 * place.label.extent_mm * rng.uniform(0.8, 1.2) if rng.random() < 0.7 else 0.0
        box = self._preprocess.frame(mask, stack.pixel_mm, least_mm=half)
        grow = np.exp(rng.normal(0, self._recipe.zoom))
        return _moved(box, grow, rng.normal(0, 0.03, size=2))

    def _part(
        self, candidate: Candidate, mask: BoolArray, stack: PlaneStack, rng: np.random.Generator
    ) -> Box | None:
        """Frame a part of the mask, of a fine one more often; `None` to see it as a whole."""
        if not self._recipe.parts or candidate.framed_by is None or not mask.any():
            return None
        is_fine = not stack.is_3d and fineness(mask) >= FINE
        share = self._recipe.parts if is_fine else self._recipe.parts / 3
        if rng.random() >= share:
            return None
        found = windows(mask, int(rng.integers(2, 5)))
        window = found[int(rng.integers(len(found)))]
        box = self._preprocess.frame_part(window.of(mask), stack.pixel_mm)
        return _moved(box, np.exp(rng.normal(0, self._recipe.zoom)), rng.normal(0, 0.03, size=2))


def untouched(place: Place, rng: np.random.Generator, draw: FaultDraw) -> Candidate:
    """The expert mask as it is."""
    del rng, draw
    gold = place.gold
    return Candidate(place.index, gold, gold, gold, name_needed=False)


def faulty(place: Place, rng: np.random.Generator, draw: FaultDraw) -> Candidate:
    """A faulty mask where the structure is."""
    fault = draw(scene_of(place, rng), rng)
    another = "wrong_structure" in fault.recipe
    return Candidate(place.index, place.gold, fault.mask, fault.mask, another, of_another=another)


def of_network(place: Place, rng: np.random.Generator, draw: FaultDraw) -> Candidate:
    """The mask of a segmenter that did not learn from the subject."""
    mask = network_mask(place, place.index, rng)
    if mask is None:
        return faulty(place, rng, draw)
    return Candidate(place.index, place.gold, mask, mask, name_needed=False)


def blank_crop(place: Place, rng: np.random.Generator, draw: FaultDraw) -> Candidate:
    """A slice without mask, seen through the box of the mask next door."""
    beyond = place.slice_beyond(rng) if rng.random() < 0.5 else None
    index = place.index if beyond is None else beyond
    gold = place.case.mask(place.structure, index)
    return Candidate(
        index, gold, np.zeros_like(gold), faulty_or_not(place, rng, draw), name_needed=True
    )


def absent(place: Place, rng: np.random.Generator, draw: FaultDraw) -> Candidate:
    """A mask in a slice that does not hold the structure."""
    index = place.slice_beyond(rng)
    if index is None:
        return faulty(place, rng, draw)
    others = place.case.present(index)
    seen_by_network = network_mask(place, index, rng) if rng.random() < 0.4 else None
    another = seen_by_network is None and bool(others) and rng.random() < 0.4
    if seen_by_network is not None:
        mask = seen_by_network
    elif another:
        mask = place.case.mask(others[int(rng.integers(len(others)))], index)
    else:
        mask = faulty_or_not(place, rng, draw)
    return Candidate(index, np.zeros_like(mask), mask, mask, name_needed=True, of_another=another)


def blank_field(place: Place, rng: np.random.Generator, draw: FaultDraw) -> Candidate:
    """A whole slice without any mask: is the structure there?"""
    del draw
    empty = place.empty_slices
    index = int(rng.choice(empty)) if empty.size and rng.random() < 0.5 else place.index
    gold = place.case.mask(place.structure, index)
    return Candidate(index, gold, np.zeros_like(gold), None, name_needed=True)


def _moved(box: Box, grow: float, shift: NDArray[np.float64]) -> Box:
    height, width = box.bottom - box.top, box.right - box.left
    row = (box.top + box.bottom) / 2 + shift[0] * height
    column = (box.left + box.right) / 2 + shift[1] * width
    half_h, half_w = grow * height / 2, grow * width / 2
    return Box(row - half_h, row + half_h, column - half_w, column + half_w)


def _answers_of_part(seen: JudgeInput, gold: BoolArray) -> Pair:
    """Answer for what the crop shows alone: what lies outside belongs to other parts."""
    gold_crop, mask_crop = seen.cut(gold[None].astype(np.float32))[0], seen.crop[3]
    both = float(np.minimum(gold_crop, mask_crop).sum())
    right, marked = float(gold_crop.sum()), float(mask_crop.sum())
    filled = marked >= 1
    dice = 2 * both / (right + marked) if filled else nan
    kind = error_type(dice, right - both, marked - both) if filled else None
    return Pair(
        seen=seen,
        gold=gold_crop,
        outside=0.0,
        dice=dice,
        presence=float(right > 0),
        kind=-1 if kind is None else ERROR_TYPES.index(kind),
    )


def _answers(seen: JudgeInput, gold: BoolArray, mask: BoolArray) -> Pair:
    gold_crop = seen.cut(gold[None].astype(np.float32))[0]
    missing, excess = int((gold & ~mask).sum()), int((mask & ~gold).sum())
    filled = bool(mask.any())
    dice = overlap(mask, gold)
    # The crop holds antialiased pixels, so its sum is the area inside, up to rounding.
    within = float(gold_crop.mean()) * seen.pixels_per_cell * gold_crop.size
    beyond = max(float(np.count_nonzero(gold)) - within, 0.0)
    return Pair(
        seen=seen,
        gold=gold_crop,
        outside=beyond / (seen.pixels_per_cell * gold_crop.size),
        dice=dice if filled else nan,
        presence=float(gold.any()),
        kind=ERROR_TYPES.index(error_type(dice, missing, excess)) if filled else -1,
    )
