"""Where labels may be wrong, voxel by voxel: the error maps of a judge (`Suggestion.error`)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case, Dataset
from segassay.errors import UsageError
from segassay.images.mask import Mask
from segassay.images.slicing import from_planes
from segassay.images.volume import Volume
from segassay.judge.scoring import Judge
from segassay.segment.examples import Doubt
from segassay.types import DEFAULT_JUDGE

Floats = NDArray[np.float32]

_FEWEST_SUBJECTS = 3
"""As many have labels that can be a context."""


def doubt_by(judge: Judge, dataset: Dataset) -> Doubt:
    """Return what tells which voxels of a label may be wrong, by a judge.

    An audit keeps no error maps, which would be larger than the labels: the judge is asked anew,
    one slice of a label at a time. A judge that reads the context is given the data set's own
    labels, as an audit gives them, where three subjects have some.

    Raises:
        UsageError: The judge answers with a number and draws no mask.
    """
    if not judge.suggests:
        raise UsageError(
            f"{judge.model_id}: answers with a number and draws no mask, so it cannot tell which "
            f"voxels are wrong; give a judge with a map, such as {DEFAULT_JUDGE}"
        )
    labelled = {case.subject_id for case in dataset.cases if case.labels}
    if judge.reads_context and len(labelled) >= _FEWEST_SUBJECTS:
        judge = judge.with_context(dataset)

    def doubt(case: Case, image: Volume, masks: Mapping[str, Mask]) -> dict[str, Floats]:
        """Return the probability that each voxel of each mask is wrong."""
        return errors_of(judge, case, image, masks)

    return doubt


def errors_of(
    judge: Judge, case: Case, image: Volume, masks: Mapping[str, Mask]
) -> dict[str, Floats]:
    """Return the probability that each voxel of a case's masks is wrong, `(i, j, k)` in [0, 1].

    Slices that hold the mask are looked at, and one beyond each of its ends; elsewhere it is 0, and
    for empty masks there is no array.
    """
    filled = {name: mask for name, mask in masks.items() if mask}
    asked = judge.asked(
        image, list(filled.items()), modality=case.modality, subject=case.subject_id
    )
    found: dict[str, Floats] = {}
    for name, label in zip(filled, asked, strict=True):
        planes = label.planes
        errors = np.zeros(planes.shape, dtype=np.float32)
        held = np.flatnonzero(planes.areas)
        first, last = max(int(held[0]) - 1, 0), min(int(held[-1]) + 1, len(planes) - 1)
        for index in dict.fromkeys((first, *map(int, held), last)):
            errors[index] = judge.shown(label, index).error
        found[name] = np.asarray(from_planes(errors, label.image.stack.axis), dtype=np.float32)
    return found
