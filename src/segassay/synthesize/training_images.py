"""What a diffusion model learns from: pictures and slices of one size, in bytes, with masks."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case, Dataset
from segassay.datasets.read_case import LabelledCase, read_labelled_case
from segassay.errors import CaseError, ContentError, DatasetError
from segassay.geometry.resample import resized
from segassay.images.intensity import SOFT_TISSUE_HU, holds_hu, robust_ends
from segassay.images.io import read_image
from segassay.images.mask import Mask
from segassay.images.slicing import as_planes, slicing_axis
from segassay.images.volume import Volume
from segassay.segment.examples import wanted_structures
from segassay.synthesize.recipe import SynthesisRecipe
from segassay.types import Say

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

INSIDE, OUTSIDE, UNKNOWN = 1, -1, 0
"""Values of a mask that the model is conditioned on; unknown where nobody labelled."""

_LOOKED_AT = 32
_LEAST_CONTRAST = 4.0
"""Standard deviation, of 255, below which a slice of a volume shows nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingImages:
    """Images of one size.

    Attributes:
        images: `(n, channels, rows, columns)`, bytes; one channel, or red, green and blue.
        masks: `(n, structures, rows, columns)`, int8, values as above; no structures without
            conditioning.
        case_ids: Whose slice each image is, `n`.
        subjects: Whose image, `n`.
        structures: Names of the masks.
        failed: Ids of cases that could not be used, each with the reason.
    """

    images: Bytes
    masks: NDArray[np.int8]
    case_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    structures: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def channels(self) -> int:
        """Values of a pixel, 1 or 3."""
        return int(self.images.shape[1])

    @property
    def sha256(self) -> str:
        """Checksum of images, masks and names."""
        digest = hashlib.sha256(repr((self.case_ids, self.subjects, self.structures)).encode())
        for array in (self.images, self.masks):
            digest.update(repr(array.shape).encode() + array.tobytes())
        return digest.hexdigest()


def gather_images(
    dataset: Dataset, recipe: SynthesisRecipe, structures: Sequence[str] = (), *, say: Say
) -> TrainingImages:
    """Read a data set, a case at a time.

    All images get the median shape, the longer side of it as the recipe says: each is scaled until
    it covers that, and cut evenly. CT shows soft tissue, other grey images lie between their
    percentiles 0.1 and 99.9, pictures in colour stay as they are. Of several channels the first is
    taken.

    Args:
        dataset: Labels are only read with conditioning.
        recipe: Size, slices, conditioning.
        structures: With conditioning: on which; by default on all.
        say: Gets a line for every case or label that cannot be used.

    Raises:
        DatasetError: Images of fewer than two subjects can be used, so that nothing is there to
            compare an image's nearest training image with; or a structure has no label.
    """
    wanted = wanted_structures(dataset, tuple(structures)) if recipe.with_masks else ()
    shape = _usual_shape(dataset, recipe)
    images: list[Bytes] = []
    masks: list[NDArray[np.int8]] = []
    owners: list[Case] = []
    failed: list[tuple[str, str]] = []
    if any(len(case.images) > 1 for case in dataset.cases):
        say(f"{dataset.name}: images of several channels; the first of each is used")
    for case in dataset.cases:
        try:
            opened = _opened(case, labels=recipe.with_masks)
            for problem in opened.problems:
                say(f"{case.case_id}: {problem}")
            for image, mask in _slices(case, opened, recipe, wanted, shape):
                images.append(image)
                masks.append(mask)
                owners.append(case)
        except CaseError as error:
            failed.append((case.case_id, str(error)))
    subjects = tuple(case.subject_id for case in owners)
    if len(set(subjects)) < 2:
        why = f"; the first that cannot be used: {': '.join(failed[0])}" if failed else ""
        raise DatasetError(
            f"{dataset.name}: images of {len(set(subjects))} subjects can be used, at least 2 are "
            f"needed{why}"
        )
    channels = max(len(image) for image in images)
    return TrainingImages(
        np.stack([np.broadcast_to(one, (channels, *shape)) for one in images]),
        np.stack(masks),
        tuple(case.case_id for case in owners),
        subjects,
        wanted,
        tuple(failed),
    )


def _opened(case: Case, *, labels: bool) -> LabelledCase:
    return read_labelled_case(case) if labels else LabelledCase(read_image(case.images[0]), {}, ())


def _usual_shape(dataset: Dataset, recipe: SynthesisRecipe) -> tuple[int, int]:
    """Return rows and columns of the median of some images, multiples of what the network halves.

    Raises:
        DatasetError: None of them can be read.
    """
    shares = []
    for case in dataset.cases[:: max(1, len(dataset.cases) // _LOOKED_AT)]:
        try:
            image = read_image(case.images[0])
        except CaseError:
            continue  # told when all are read
        _, rows, columns = as_planes(image.array, slicing_axis(image.grid)).shape
        shares.append(rows / columns)
    if not shares:
        raise DatasetError(f"{dataset.name}: none of {len(dataset.cases)} images can be read")
    share, step = median(shares), recipe.step
    shorter = max(step, round(recipe.size * min(share, 1 / share) / step) * step)
    return (recipe.size, shorter) if share > 1 else (shorter, recipe.size)


def _slices(
    case: Case,
    opened: LabelledCase,
    recipe: SynthesisRecipe,
    wanted: tuple[str, ...],
    shape: tuple[int, int],
) -> Iterator[tuple[Bytes, NDArray[np.int8]]]:
    """Yield some slices of a case, or its picture, each with the masks `(structures, ...)`."""
    image = opened.image
    axis = slicing_axis(image.grid)
    planes = _planes(image, axis)
    low, high = _tones(case, image, planes)
    masks = {ref.structure: mask.as_planes(axis) for ref, mask in opened.masks()}
    known = None if image.known is None else as_planes(image.known, axis)
    n = planes.shape[1]
    filled = sum((masks[s].areas for s in wanted if s in masks), np.zeros(n, dtype=np.int64))
    candidates = np.flatnonzero(filled) if filled.any() else np.arange(n)
    at = np.linspace(0, len(candidates) - 1, min(recipe.slices, len(candidates))).round()
    for index in candidates[at.astype(int)]:
        plane = np.nan_to_num(planes[:, index].astype(np.float32))
        tones = (covering(plane, shape).clip(low, high) - low) * (255 / (high - low))
        seen = tones.round().astype(np.uint8)
        if n == 1 or seen.std() >= _LEAST_CONTRAST:
            unknown = None if known is None else ~known[index]
            yield seen, _conditions(masks, wanted, int(index), unknown, shape)


def _planes(image: Volume, axis: int) -> NDArray[np.generic]:
    """View an image as `(channels, slices, rows, columns)`."""
    if image.colours is not None:
        return np.moveaxis(image.colours, -1, 0)[:, None]
    return as_planes(image.array, axis)[None]


def _tones(case: Case, image: Volume, planes: NDArray[np.generic]) -> tuple[float, float]:
    """Return what becomes black and what white."""
    if image.colours is not None:
        return 0.0, 255.0
    if holds_hu(image.array, case.modality):
        return SOFT_TISSUE_HU
    low, high = robust_ends(planes[0])
    if not low < high:
        raise ContentError(f"{case.images[0].name}: the same value, {low:g}, everywhere")
    return low, high


def _conditions(
    masks: dict[str, Mask],
    wanted: tuple[str, ...],
    index: int,
    unknown: NDArray[np.bool_] | None,
    shape: tuple[int, int],
) -> NDArray[np.int8]:
    """Return the masks of a slice `(structures, rows, columns)`."""
    found = np.full((len(wanted), *shape), UNKNOWN, dtype=np.int8)
    for number, structure in enumerate(wanted):
        if structure in masks:
            part = masks[structure].plane(index)[None].astype(np.float32)
            found[number] = np.where(covering(part, shape)[0] >= 0.5, INSIDE, OUTSIDE)
    if unknown is not None:
        found[:, covering(unknown[None].astype(np.float32), shape)[0] >= 0.5] = UNKNOWN
    return found


def covering(planes: Floats, shape: tuple[int, int]) -> Floats:
    """Scale `(channels, rows, columns)` until it covers `shape`, and cut it evenly to it."""
    channels, *sides = planes.shape
    factor = max(n / side for n, side in zip(shape, sides, strict=True))
    whole = [max(n, round(side * factor)) for n, side in zip(shape, sides, strict=True)]
    scaled = resized(planes, (channels, *whole))
    top, left = ((side - n) // 2 for n, side in zip(shape, whole, strict=True))
    return scaled[:, top : top + shape[0], left : left + shape[1]]
