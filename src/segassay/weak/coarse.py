"""Coarse models: segmenters of a few reference cases, each of which has not seen some of them.

The subjects are dealt into parts, and a segmenter learns from all parts but one. A new image is
drawn by all of them together; a reference case by the one that has not seen its subject, so that
candidates for reference labels are as good, or as bad, as those for images without any.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case, Dataset
from segassay.datasets.splits import natural_key
from segassay.errors import DatasetError
from segassay.geometry.resample import resized
from segassay.images.slicing import as_planes, plane_order, slicing_axis
from segassay.images.volume import Volume
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.segmenter import Segmenter
from segassay.types import Engine, Say, counted

Floats = NDArray[np.float32]

FEWEST_SUBJECTS = 3
"""A structure that fewer reference subjects hold can neither be learned nor tested."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarseProbabilities:
    """What coarse models say of one image."""

    image: Volume
    segmenters: tuple[Segmenter, ...]
    answers: tuple[Floats, ...]

    def of(self, structure: str) -> Floats:
        """Return the probability of a structure, `(slices, rows, columns)` in the slicing plane.

        The mean over the models that know it; 0 everywhere if none does.
        """
        axis = slicing_axis(self.image.grid)
        shape = tuple(self.image.grid.shape[n] for n in plane_order(axis))
        total, n = np.zeros(shape, dtype=np.float32), 0
        for segmenter, answer in zip(self.segmenters, self.answers, strict=True):
            meta = segmenter.meta
            if structure not in meta.structures:
                continue
            pre = meta.preprocessing
            own = answer[meta.structures.index(structure) + meta.exclusive]
            whole = tuple(self.image.grid.shape[n] for n in plane_order(pre.axis_of(self.image)))
            voxels = pre.restored(resized(own, whole), self.image)
            total += as_planes(voxels, axis)
            n += 1
        total /= max(n, 1)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class CoarseModels:
    """Segmenters, and the subjects that each has not seen."""

    segmenters: tuple[Segmenter, ...]
    unseen: tuple[frozenset[str], ...]

    def __call__(
        self, channels: Sequence[Volume], subject: str | None = None
    ) -> CoarseProbabilities:
        """Segment an image; of a reference subject only with models that have not seen it."""
        fit = [
            segmenter
            for segmenter, unseen in zip(self.segmenters, self.unseen, strict=True)
            if subject in unseen
        ] or list(self.segmenters)
        answers = tuple(segmenter.probabilities(channels) for segmenter in fit)
        return CoarseProbabilities(channels[0], tuple(fit), answers)


def learnable(reference: Dataset) -> tuple[str, ...]:
    """Return the structures that enough reference subjects are labelled with.

    Raises:
        DatasetError: There is none.
    """
    pairs = {(ref.structure, case.subject_id) for case in reference.cases for ref in case.labels}
    held = Counter(structure for structure, _ in pairs)
    found = tuple(one for one in reference.structures if held[one] >= FEWEST_SUBJECTS)
    if not found:
        most = max(held.values(), default=0)
        raise DatasetError(
            f"{reference.name}: at most {counted(most, 'subject')} with labels of a structure; "
            f"weak labels need reference labels of at least {FEWEST_SUBJECTS} subjects"
        )
    return found


def train_coarse(
    reference: Dataset,
    structures: Sequence[str],
    recipe: SegmentationRecipe,
    out: Path,
    *,
    parts: int = 3,
    threads: int | None = None,
    engine: Engine = Engine.ONNX,
    say: Say,
) -> CoarseModels:
    """Train a segmenter for each part of the reference subjects, on all others; resumes.

    Args:
        reference: Cases whose labels are treated as truth.
        structures: What to segment.
        recipe: Of each segmenter. All cases that it may see train: what the labels are worth is
            measured on the part that it may not.
        out: Folder of the models, `model0` to `model<parts - 1>`.
        parts: Parts of the subjects; no more than there are subjects.
        threads: Cores that the models use when they segment.
        engine: What they run on then.
        say: Gets a line of progress now and then.

    Raises:
        DatasetError: Nothing can be learned.
    """
    from segassay.segment.train_segmenter import train_segmenter

    unseen = deal(reference.cases, parts)
    folders = [out / f"model{number}" for number in range(len(unseen))]
    for number, (folder, hidden) in enumerate(zip(folders, unseen, strict=True), start=1):
        if is_trained(folder):
            continue
        say(f"coarse model {number} of {len(folders)}")
        cases = tuple(case for case in reference.cases if case.subject_id not in hidden)
        part = replace(reference, cases=cases)
        own = recipe.model_copy(update={"validation": 0.0, "seed": recipe.seed + number - 1})
        there = [one for one in structures if one in part.structures]
        train_segmenter(part, own, folder, structures=there, say=say)
    opened = tuple(Segmenter(folder, threads=threads, engine=engine) for folder in folders)
    return CoarseModels(opened, unseen)


def deal(cases: Sequence[Case], parts: int, seed: int = 0) -> tuple[frozenset[str], ...]:
    """Deal labelled subjects into parts of nearly equal size, by lot."""
    subjects = sorted({case.subject_id for case in cases if case.labels}, key=natural_key)
    order = np.random.default_rng(seed).permutation(len(subjects))
    n = min(parts, len(subjects))
    return tuple(frozenset(subjects[k] for k in order[first::n]) for first in range(n))


def is_trained(folder: Path) -> bool:
    """Whether a training has been finished in a folder: checksums come last."""
    from segassay.files.checksums import CHECKSUMS

    return (folder / CHECKSUMS).is_file()
