"""What a segmenter learns from: cases as they are seen, with masks, and patches drawn from them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case, Dataset
from segassay.datasets.read_case import LabelledCase, read_labelled_case
from segassay.datasets.splits import natural_key
from segassay.errors import CaseError, DatasetError
from segassay.images.intensity import holds_hu
from segassay.images.io import read_image
from segassay.images.mask import Mask
from segassay.images.slicing import plane_order, slicing_axis
from segassay.images.volume import Volume
from segassay.segment.preprocess import Hounsfield, Preprocessing
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.windows import fitted
from segassay.types import Modality, Say

Floats = NDArray[np.float32]
LabelWeights = Mapping[tuple[str, str], float]
"""What labels are trusted, by case and structure, in [0, 1]; those that are not named count 1."""

Doubt = Callable[[Case, Volume, Mapping[str, Mask]], Mapping[str, Floats]]
"""From a case, its image and masks `(i, j, k)` to how probably each voxel is wrong, in [0, 1]."""

_FOREGROUND_ENDS = (0.5, 99.5)
_VOXELS_OF_A_CASE = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A case as it is seen.

    Attributes:
        case_id: Its id.
        subject: Whose image it is.
        image: `(channels, slices, rows, columns)`, float16.
        masks: A mask `(slices, rows, columns)` for every labelled structure; empty ones, too.
        unknown: Voxels that nobody labelled.
        weights: What each of the masks is trusted.
        grey: Weights of the channels in the grey image that judges see, `(channels,)`.
        doubts: For some of the masks, how probably each voxel is wrong, `(slices, rows, columns)`,
            float16 in [0, 1].
    """

    case_id: str
    subject: str
    image: NDArray[np.float16]
    masks: dict[str, Mask]
    unknown: Mask
    weights: dict[str, float]
    grey: Floats
    doubts: Mapping[str, NDArray[np.float16]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Slices, rows and columns."""
        return self.image.shape[1:]


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a data set before any case is prepared.

    Attributes:
        preprocessing: How its images are to be seen.
        structures: Names, in the order of the maps.
        exclusive: Whether no two structures of any case overlap.
        cases: Those that can be used, in natural order.
        problems: A line for every file that cannot.
    """

    preprocessing: Preprocessing
    structures: tuple[str, ...]
    exclusive: bool
    cases: tuple[Case, ...]
    problems: tuple[str, ...]


def survey(
    dataset: Dataset, recipe: SegmentationRecipe, structures: Iterable[str], *, say: Say
) -> Survey:
    """Look at every labelled case once: spacing, tones, channels, overlaps.

    Raises:
        DatasetError: No case can be used, a structure that was asked for has no label, or cases
            differ in their channels.
    """
    wanted = wanted_structures(dataset, tuple(structures))
    seen: list[_Traits] = []
    cases, problems = [], []
    labelled = [case for case in dataset.cases if any(r.structure in wanted for r in case.labels)]
    for case in sorted(labelled, key=lambda one: natural_key(one.case_id)):
        try:
            opened = read_labelled_case(case)
        except CaseError as error:
            problems.append(f"{case.case_id}: {error}")
            continue
        problems += [f"{case.case_id}: {problem}" for problem in opened.problems]
        masks = {r.structure: mask for r, mask in opened.masks() if r.structure in wanted}
        if not masks:
            continue
        cases.append(case)
        seen.append(_Traits.of(case, opened.image, list(masks.values()), recipe.axes))
    for problem in problems:
        say(problem)
    if not cases:
        why = f"; the first: {problems[0]}" if problems else ""
        raise DatasetError(f"{dataset.name}: no labelled case can be used{why}")
    channels = Counter(one.channels for one in seen)
    if len(channels) > 1:
        told = ", ".join(f"{n} with {c}" for c, n in sorted(channels.items()))
        raise DatasetError(f"{dataset.name}: cases differ in their channels ({told})")
    colour = any(one.colour for one in seen)
    preprocessing = Preprocessing(
        axes=recipe.axes,
        channels=3 if colour else seen[0].channels,
        colour=colour,
        neighbours=recipe.neighbours,
        patch=recipe.patch_px,
        spacing_mm=recipe.spacing or _usual_spacing(seen),
        hounsfield=_tones(seen),
    )
    exclusive = not any(one.overlaps for one in seen)
    return Survey(preprocessing, wanted, exclusive, tuple(cases), tuple(problems))


def wanted_structures(dataset: Dataset, structures: tuple[str, ...]) -> tuple[str, ...]:
    """Return the structures that were asked for, all of the data set where none was.

    Raises:
        DatasetError: One has no label in the data set, or nothing has.
    """
    dataset.require_labels()
    there = dataset.structures
    missing = [name for name in structures if name not in there]
    if missing:
        raise DatasetError(
            f"{dataset.name}: no label of {missing[0]!r}; there are {', '.join(there) or 'none'}"
        )
    return structures or there


@dataclass(frozen=True, slots=True, eq=False)
class _Traits:
    channels: int
    colour: bool
    spacing: tuple[float, ...] | None
    overlaps: bool
    foreground: Floats | None

    @classmethod
    def of(cls, case: Case, image: Volume, masks: Sequence[Mask], axes: Literal[2, 3]) -> "_Traits":
        """Take down what matters of an image; `foreground` are some voxels of CT structures."""
        axis = slicing_axis(image.grid) if axes == 2 else 2
        spacing = tuple(image.grid.spacing_mm[n] for n in plane_order(axis))[3 - axes :]
        claimed = np.zeros(image.grid.shape, dtype=np.uint8)
        for mask in masks:
            claimed[mask.box] += mask.inside
        values = None
        if case.modality in (None, Modality.CT) and holds_hu(image.array, case.modality):
            inside = image.array[claimed > 0].astype(np.float32)
            step = max(1, inside.size // _VOXELS_OF_A_CASE)
            values = inside[::step]
        return cls(
            channels=len(case.images),
            colour=image.colours is not None,
            spacing=spacing if image.spacing_known else None,
            overlaps=bool((claimed > 1).any()),
            foreground=values,
        )


def _usual_spacing(seen: Sequence[_Traits]) -> tuple[float, ...] | None:
    """Return the median spacing; `None` where most images have none."""
    known = [one.spacing for one in seen if one.spacing is not None]
    if 2 * len(known) < len(seen):
        return None
    return tuple(round(median(axis), 4) for axis in zip(*known, strict=True))


def _tones(seen: Sequence[_Traits]) -> Hounsfield | None:
    """Return the scale of CT, where every image is in Hounsfield units."""
    if any(one.foreground is None for one in seen):
        return None
    values = np.concatenate([one.foreground for one in seen if one.foreground is not None])
    if not values.size:
        return None
    low, high = np.percentile(values, _FOREGROUND_ENDS)
    cut = values.clip(low, high)
    mean, spread = float(cut.mean()), float(cut.std())
    return Hounsfield(low=float(low), high=float(high), mean=mean, spread=spread)


def prepare(
    case: Case, found: Survey, weights: LabelWeights, doubt: "Doubt | None" = None
) -> Example:
    """Read a case and bring it to how it is seen; `doubt` tells which voxels may be wrong.

    Raises:
        CaseError: Its image cannot be read or does not fit.
    """
    opened: LabelledCase = read_labelled_case(case)
    pre, image = found.preprocessing, opened.image
    seen = pre.seen([image, *(read_image(path) for path in case.images[1:])])
    voxels = {ref.structure: mask for ref, mask in opened.masks()} if doubt else {}
    doubts = {} if doubt is None else doubt(case, image, _of(found.structures, voxels))
    masks = {
        ref.structure: pre.seen_mask(mask, image)
        for ref, mask in opened.masks()
        if ref.structure in found.structures
    }
    shape = seen.array.shape[1:]
    unknown = Mask.empty((shape[0], shape[1], shape[2]))
    if image.known is not None:
        unknown = pre.seen_mask(Mask.of(~image.known), image)
    trusted = {name: float(weights.get((case.case_id, name), 1.0)) for name in masks}
    return Example(
        case.case_id,
        case.subject_id,
        seen.array.astype(np.float16),
        masks,
        unknown,
        trusted,
        seen.grey,
        {name: pre.seen_shares(one, image) for name, one in doubts.items()},
    )


def prepare_image(case: Case, found: Survey) -> Example:
    """Read the image of a case, whose labels do not count, and bring it to how it is seen.

    Raises:
        CaseError: It cannot be read or does not fit.
    """
    seen = found.preprocessing.seen([read_image(path) for path in case.images])
    nothing = Mask.empty((seen.array.shape[1], seen.array.shape[2], seen.array.shape[3]))
    image = seen.array.astype(np.float16)
    return Example(case.case_id, case.subject_id, image, {}, nothing, {}, seen.grey)


def _of(names: Sequence[str], masks: Mapping[str, Mask]) -> dict[str, Mask]:
    return {name: masks[name] for name in names if name in masks}


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of examples, drawn at random.

    `structures` in the order of the maps. With `foreground` a patch is centred on a voxel of a
    structure, drawn so that all structures come equally often.
    """

    examples: Sequence[Example]
    structures: tuple[str, ...]
    preprocessing: Preprocessing
    foreground: float

    def draw(self, rng: np.random.Generator) -> "Patch":
        """Draw a patch of an example; all examples with a label that counts come equally often."""
        places = self._places
        if rng.random() < self.foreground and places:
            names = sorted(places)
            name = names[int(rng.integers(len(names)))]
            example = self.examples[int(rng.choice(places[name]))]
            centre = _voxel_of(example.masks[name], rng)
        else:
            example = self.examples[int(rng.integers(len(self.examples)))]
            centre = tuple(int(rng.integers(n)) for n in example.shape)
        return self.cut(example, centre)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, example in enumerate(self.examples):
            for name, mask in example.masks.items():
                if mask and example.weights[name] > 0:
                    found.setdefault(name, []).append(number)
        return found

    def cut(self, example: Example, centre: tuple[int, ...]) -> "Patch":
        """Cut the patch round a voxel (slice, row, column), moved so that it lies in the image."""
        pre = self.preprocessing
        sides = pre.patch if pre.axes == 3 else (1, *pre.patch)
        window = tuple(
            _span(at, side, n) for at, side, n in zip(centre, sides, example.shape, strict=True)
        )
        image = self._image(example, window)
        names = self.structures
        nothing = np.zeros([w.stop - w.start for w in window], dtype=np.bool_)
        drawn = [
            example.masks[name].part(window) if name in example.masks else nothing for name in names
        ]
        target = np.stack([*drawn, example.unknown.part(window)])
        if pre.axes == 2:
            target = target[:, 0]
        image, _ = fitted(image, pre.patch)
        whole, inner = fitted(target.astype(np.float32), pre.patch)
        beyond = np.ones(whole.shape[1:], dtype=np.float32)
        beyond[inner] = 0
        known = 1 - np.maximum(whole[-1:], beyond[None])
        if example.doubts:
            known = known * self._trusted(example, window)
        weight = np.array([example.weights.get(name, 0.0) for name in names], dtype=np.float32)
        return Patch(image, whole[:-1], known, weight, example.grey)

    def _trusted(self, example: Example, window: tuple[slice, ...]) -> Floats:
        """Return how probably the voxels of every structure are right, `(structures, *patch)`."""
        size = [w.stop - w.start for w in window]
        some = example.doubts
        right = np.stack(
            [
                1 - some[name][window].astype(np.float32) if name in some else np.ones(size)
                for name in self.structures
            ]
        )
        if self.preprocessing.axes == 2:
            right = right[:, 0]
        return fitted(right.astype(np.float32), self.preprocessing.patch)[0]

    def _image(self, example: Example, window: tuple[slice, ...]) -> Floats:
        slices, rows, columns = window
        pre = self.preprocessing
        if pre.axes == 3:
            return example.image[:, slices, rows, columns].astype(np.float32)
        last = example.shape[0] - 1
        around = np.arange(slices.start - pre.neighbours, slices.start + pre.neighbours + 1)
        part = example.image[:, around.clip(0, last), rows, columns]
        return part.reshape(-1, *part.shape[2:]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What is learned from at once.

    `image` `(inputs, *patch)`; `target` 0 or 1 `(structures, *patch)`; `known` in [0, 1], what a
    voxel counts, 0 where nobody labelled: `(1, *patch)` for all structures alike, or
    `(structures, *patch)`; `weight` `(structures,)`, 0 for structures that the case does not label;
    `grey` `(channels,)`, see `Example`.
    """

    image: Floats
    target: Floats
    known: Floats
    weight: Floats
    grey: Floats


def _span(at: int, side: int, n: int) -> slice:
    start = min(max(at - side // 2, 0), max(n - side, 0))
    return slice(start, min(start + side, n))


def _voxel_of(mask: Mask, rng: np.random.Generator) -> tuple[int, ...]:
    """Draw a voxel of a mask: first one of its slices, which all come equally often."""
    inside = mask.inside
    filled = np.flatnonzero(inside.any(axis=(1, 2)))
    at = int(rng.choice(filled))
    rows, columns = np.nonzero(inside[at])
    n = int(rng.integers(len(rows)))
    corner = [box.start for box in mask.box]
    return corner[0] + at, corner[1] + int(rows[n]), corner[2] + int(columns[n])
