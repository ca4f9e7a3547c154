"""Candidates for a weak label: what the coarse models, promptable segmenters and the judge draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from segassay.errors import UsageError
from segassay.images.mask import Mask
from segassay.images.slicing import from_planes
from segassay.judge.inputs.preprocess import PlaneStack
from segassay.judge.scoring.judge import Judge
from segassay.judge.scoring.query import AskedImage
from segassay.metrics.overlap import dice
from segassay.weak.promptable.protocol import OpenedSlice, PromptableSegmenter, PromptKind
from segassay.weak.prompts import THRESHOLDS, Prompt, coarse_mask, jittered, prompts
from segassay.weak.propagation import propagate

Floats = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

COARSE, CONSENSUS, SUGGESTION = "coarse", "consensus", "suggestion"
PROPAGATED = "propagated"

_JITTERS = 3
_JITTERED_SLICES = 4
"""Slices of a volume on which prompts are moved: more cost time and say the same."""

_ROUNDS = 2
"""Times the judge's suggestion is asked for, the second time with the first as the label."""

_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One mask that a label could be.

    Attributes:
        name: What drew it, as in `prompt-small:box`.
        mask: `(i, j, k)` on the image's voxels; may be empty.
        stability: Mean Dice with what is drawn for prompts moved a little; NaN where nothing was
            prompted.
    """

    name: str
    mask: Mask
    stability: float = nan


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Slices of an image as promptable segmenters see them, each opened once by each of them."""

    stack: PlaneStack
    colours: NDArray[np.uint8] | None
    limits: tuple[float, float]
    opened: dict[tuple[str, int], OpenedSlice]

    @classmethod
    def of(cls, image: AskedImage) -> "Pictures":
        """Prepare an image: one range of tones for all its slices."""
        stack = image.stack
        step = max(1, stack.planes.size // 1_000_000)
        values = np.asarray(stack.planes).reshape(-1)[::step].astype(np.float32)
        if stack.limits is not None:
            values = values.clip(*stack.limits)
        low, high = np.percentile(np.nan_to_num(values), _PERCENTILES)
        return cls(stack, image.colours, (float(low), float(high)), {})

    def __call__(self, index: int) -> Floats:
        """Return a slice `(rows, columns, 3)` in [0, 1]."""
        if self.colours is not None:
            return np.asarray(self.colours / 255, dtype=np.float32)
        low, high = self.limits
        grey = (np.nan_to_num(self.stack.plane(index)) - low) / max(high - low, 1e-6)
        return np.repeat(np.asarray(grey.clip(0, 1), dtype=np.float32)[..., None], 3, axis=2)

    def open(self, segmenter: PromptableSegmenter, index: int) -> OpenedSlice:
        """Let a segmenter look at a slice, once for all structures."""
        key = segmenter.name, index
        if key not in self.opened:
            self.opened[key] = segmenter.open_slice(self(index))
        return self.opened[key]


def make_candidates(
    image: AskedImage,
    pictures: Pictures,
    p: Floats,
    structure: str,
    segmenters: Sequence[PromptableSegmenter],
    judge: Judge,
) -> list[Candidate]:
    """Draw one structure of an image in every way there is.

    Args:
        image: The image, which keeps what the judge finds out about it.
        pictures: Its slices.
        p: Probability of the structure by the coarse models `(slices, rows, columns)`.
        structure: Its name.
        segmenters: What is prompted.
        judge: Whose suggestions are candidates, too, if it draws any.

    Returns:
        The coarse mask first and the consensus last; none where the coarse map has no foreground.
    """
    slices = _prompted(p)
    if not slices:
        return []
    coarse = np.zeros(p.shape, dtype=np.bool_)
    for index, found in slices.items():
        for prompt in found:
            coarse[index] |= prompt.component
    axis = image.stack.axis
    first = Candidate(COARSE, _mask(coarse, axis))
    drawn = [
        _by_prompts(segmenter, kind, slices, pictures, p.shape)
        for segmenter in segmenters
        for kind in segmenter.kinds
    ]
    if len(p) > 1:
        drawn += [_propagated(one, p, coarse, pictures) for one in segmenters]
    if judge.suggests:
        suggested = first.mask
        for _ in range(_ROUNDS):
            suggested = _suggested(image, suggested, structure, judge)
        drawn.append(Candidate(SUGGESTION, suggested))
    some = [first, *drawn]
    return [*some, Candidate(CONSENSUS, consensus(some))]


def consensus(candidates: Sequence[Candidate]) -> Mask:
    """Return the voxels that more than half of the candidates hold."""
    votes = np.zeros(candidates[0].mask.shape, dtype=np.uint8)
    for one in candidates:
        votes[one.mask.box] += one.mask.inside
    return Mask.of(2 * votes > len(candidates))


def agreements(masks: Sequence[Mask]) -> list[float]:
    """Return for each mask its mean Dice with all others; NaN for a single one."""
    found: list[list[float]] = [[] for _ in masks]
    for (a, one), (b, other) in combinations(enumerate(masks), 2):
        both = mask_dice(one, other)
        found[a].append(both)
        found[b].append(both)
    return [fmean(some) if some else nan for some in found]


def mask_dice(a: Mask, b: Mask) -> float:
    """Return the Dice of two masks; 1 where both are empty, which agrees, too."""
    if not a and not b:
        return 1.0
    return dice(*a.beside(b))


def _prompted(p: Floats) -> dict[int, list[Prompt]]:
    """Find prompts on every slice with foreground, at one threshold for the whole image."""
    threshold = next((t for t in THRESHOLDS if (p >= t).any()), None)
    if threshold is None:
        return {}
    filled = np.flatnonzero(coarse_mask(p, (threshold,)).any(axis=(1, 2))).tolist()
    return {index: prompts(p[index], thresholds=(threshold,)) for index in filled}


def _by_prompts(
    segmenter: PromptableSegmenter,
    kind: PromptKind,
    slices: dict[int, list[Prompt]],
    pictures: Pictures,
    shape: tuple[int, ...],
) -> Candidate:
    """Prompt a segmenter on every slice; components that no box describes stay as they are."""
    drawn = np.zeros(shape, dtype=np.bool_)
    largest = sorted(slices, key=lambda k: -sum(int(one.component.sum()) for one in slices[k]))
    moved = largest[:_JITTERED_SLICES]
    stable: list[float] = []
    rng = np.random.default_rng(0)
    for index, found in slices.items():
        asked = [one for one in found if kind is PromptKind.MASK or not one.keeps_coarse_mask]
        for one in found:
            if one not in asked:
                drawn[index] |= one.component
        if not asked:
            continue
        opened = pictures.open(segmenter, index)
        here = _union(opened.draw(asked, kind))
        drawn[index] |= here
        if index in moved:
            for _ in range(_JITTERS):
                other = _union(opened.draw([jittered(one, rng) for one in asked], kind))
                both = dice(here, other)
                stable.append(1.0 if np.isnan(both) else both)
    mask = _mask(drawn, pictures.stack.axis)
    return Candidate(f"{segmenter.name}:{kind}", mask, fmean(stable) if stable else nan)


def _propagated(
    segmenter: PromptableSegmenter, p: Floats, coarse: BoolArray, pictures: Pictures
) -> Candidate:
    """Draw a volume from its most certain slice outwards; what is not reached stays as it is."""

    def draw(index: int, prompt: Prompt) -> Floats:
        """Draw a prompt on a slice."""
        drawn: Floats = pictures.open(segmenter, index).draw([prompt], segmenter.kinds[0])[0]
        return drawn

    found = propagate(draw, p)
    drawn = np.where(found.reached[:, None, None], found.mask, coarse)
    return Candidate(f"{segmenter.name}:{PROPAGATED}", _mask(drawn, pictures.stack.axis))


def _union(p: Floats) -> BoolArray:
    return np.asarray((p > 0.5).any(axis=0))


def _suggested(image: AskedImage, mask: Mask, structure: str, judge: Judge) -> Mask:
    """Return the judge's corrections of all slices that hold any of a mask."""
    if not mask:
        return mask
    (label,) = judge.asked(image, [(structure, mask)], modality=image.modality)
    planes = np.asarray(label.planes).copy()
    for index in np.flatnonzero(label.planes.areas).tolist():
        planes[index] = judge.shown(label, index).suggested
    return _mask(planes, image.stack.axis)


def _mask(planes: BoolArray, axis: int) -> Mask:
    return Mask.of(np.asarray(from_planes(planes, axis)))


def require_distinct_names(names: Sequence[str]) -> None:
    """Refuse two segmenters of one name: nobody could tell their candidates apart."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two promptable segmenters are named {twice!r}; rename one's folder")
