"""What `prompt-small` learns from and is tested on: a slice, a prompt, and what it points at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.families import FAULTS, make_fault
from segassay.geometry.resample import BoxResampler
from segassay.training.material.places import Place, draw_place, network_mask, scene_of
from segassay.training.material.store import StoredCase, StoredSet
from segassay.training.samples.augment import tone_curve
from segassay.weak.promptable.prompt_small import PromptView
from segassay.weak.promptable.protocol import PromptKind
from segassay.weak.prompts import Prompt, components, jittered, prompts_of

BoolArray = NDArray[np.bool_]
Floats = NDArray[np.float32]

KINDS = (PromptKind.MASK, PromptKind.BOX, PromptKind.POINTS)
_SHARES = (0.45, 0.4, 0.15)
_FROM_COARSE = 0.6
"""Share of boxes and points that come from a coarse mask, not from the label itself."""

_FAULTS = tuple(
    name for name in FAULTS if name not in {"everything", "wrong_structure", "misplaced_copy"}
)
_DICE = (0.35, 0.97)
"""Of coarse masks and labels: worse ones are no prompts for this structure."""

_SMALLEST = 12
"""Pixels of a component that can be pointed at."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptExample:
    """A place with a prompt.

    `label` `(rows, columns)` is what the prompt points at, `coarse` the mask it was made from.
    """

    place: Place
    prompt: Prompt
    kind: PromptKind
    label: BoolArray
    coarse: BoolArray


def draw_example(
    sets: tuple[StoredSet, ...],
    shares: NDArray[np.float64],
    rng: np.random.Generator,
    kind: PromptKind | None = None,
) -> PromptExample:
    """Draw a place and a prompt at it; by default of any kind."""
    while True:
        place = draw_place(sets, shares, rng)
        drawn = kind or KINDS[int(rng.choice(len(KINDS), p=_SHARES))]
        example = example_at(place, drawn, rng)
        if example is not None:
            return example


def example_at(place: Place, kind: PromptKind, rng: np.random.Generator) -> PromptExample | None:
    """Point at one component of the label of a place; `None` where all of them are specks."""
    found = [one for one in components(place.gold, 0.0)[:40] if one.sum() >= _SMALLEST]
    if not found:
        return None
    likely = np.sqrt([one.sum() for one in found])
    target = found[int(rng.choice(len(found), p=likely / likely.sum()))]
    coarse = target
    if kind is PromptKind.MASK or rng.random() < _FROM_COARSE:
        coarse = _coarse(place, target, rng)
    prompt = prompts_of(coarse, padding=float(rng.uniform(0, 0.1)))[0]
    prompt = jittered(prompt, rng, 0.06)
    return PromptExample(place, prompt, kind, _pointed_at(found, target, prompt), coarse)


def _coarse(place: Place, target: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Draw what a coarse model might have made of a component: its largest part that meets it."""
    for _ in range(4):
        mask = network_mask(place, place.index, rng) if rng.random() < 0.5 else None
        if mask is None:
            family = _FAULTS[int(rng.integers(len(_FAULTS)))]
            mask = make_fault(scene_of(place, rng), family, float(rng.uniform(*_DICE)), rng)
        parts = [one for one in components(mask, 0.0)[:20] if (one & target).any()]
        if not parts:
            continue
        best = max(parts, key=lambda one: int((one & target).sum()))
        if best.sum() >= _SMALLEST and 2 * (best & target).sum() >= 0.3 * (
            best.sum() + target.sum()
        ):
            return best
    return target


def _pointed_at(found: list[BoolArray], target: BoolArray, prompt: Prompt) -> BoolArray:
    """Return the component, with all others that lie mostly in the box."""
    top, left, bottom, right = prompt.box
    label = target.copy()
    for one in found:
        if 2 * one[top : bottom + 1, left : right + 1].sum() >= one.sum():
            label |= one
    return label


def shown(case: StoredCase, index: int) -> Floats:
    """Return a slice `(rows, columns, 3)` in [0, 1] as segmenters see it."""
    if case.colours is not None:
        return np.asarray(case.colours / 255, dtype=np.float32)
    grey = np.asarray(case.planes[index] / 255, dtype=np.float32)
    return np.repeat(grey[..., None], 3, axis=2)


def window(
    example: PromptExample, view: PromptView, rng: np.random.Generator | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return input `(channels, n, n)`, label `(n, n)` and what lies in the image `(n, n)`.

    With a generator size and place of the window, its tones and its orientation vary.
    """
    place, prompt = example.place, example.prompt
    seen = view.box(prompt, example.kind)
    image = shown(place.case, place.index)
    if rng is not None:
        image = _recoloured(image, rng)
        half = (seen.bottom - seen.top) / 2 * float(np.exp(rng.normal(0, 0.1)))
        row, column = (
            (a + b) / 2 + float(rng.normal(0, 0.04)) * half
            for a, b in ((seen.top, seen.bottom), (seen.left, seen.right))
        )
        seen = type(seen)(row - half, row + half, column - half, column + half)
    given = view(image, prompt, example.kind, seen)
    cut = BoxResampler.to_square(example.label.shape, seen, view.side_px)
    label, inside = cut(example.label[None].astype(np.float32))[0], cut.coverage
    if rng is not None:
        turn, flip = int(rng.integers(4)), rng.random() < 0.5
        given, label, inside = (
            np.rot90(one[..., ::-1] if flip else one, turn, axes=(-2, -1))
            for one in (given, label, inside)
        )
        given = _blurred_or_noisy(np.ascontiguousarray(given), rng)
    return given, label, inside


def _recoloured(image: Floats, rng: np.random.Generator) -> Floats:
    """Bring a picture through a random tone curve, in colour sometimes channel by channel."""
    if rng.random() < 0.2:
        return image
    codes = (255 * image).astype(np.uint8)
    if rng.random() < 0.3:
        toned = [tone_curve(rng)[codes[..., n]] for n in range(3)]
        return np.stack(toned, axis=2).astype(np.float32)
    return np.asarray(tone_curve(rng)[codes], dtype=np.float32)


def _blurred_or_noisy(given: Floats, rng: np.random.Generator) -> Floats:
    roll = rng.random()
    if roll < 0.15:
        colours = given[:3]
        around = [np.roll(colours, shift, axis) for axis in (1, 2) for shift in (-1, 1)]
        given[:3] = (colours + sum(around)) / 5
    elif roll < 0.35:
        noise = rng.standard_normal(given[:3].shape, dtype=np.float32)
        given[:3] += rng.uniform(0.03, 0.3) * noise
    return given
