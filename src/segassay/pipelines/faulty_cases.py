"""Expert labels with faults planted in them: the same path from file to score as in an audit."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.data.case import Case
from segassay.data.corruption.volume import LabelledPlanes, draw_volume_fault
from segassay.data.io import label_mask, read_image, read_label
from segassay.data.slicing import as_planes, from_planes, slicing_axis
from segassay.data.volume import Volume
from segassay.scoring import Judge
from segassay.types import Modality


@dataclass(frozen=True, slots=True, eq=False)
class ExpertCase:
    """An image with its expert masks `(i, j, k)` by structure, empty ones left out."""

    set_name: str
    case: Case
    modality: Modality | None
    image: Volume
    masks: dict[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class JudgedFault:
    """A mask with its true Dice and what a judge said; `recipe` may be `untouched`."""

    set_name: str
    subject_id: str
    case_id: str
    structure: str
    recipe: str
    true: float
    value: float
    low: float
    high: float
    n_voxels: int


def read_expert_case(set_name: str, case: Case, modality: Modality | None) -> ExpertCase:
    """Read a case whose labels are trusted; errors of its files are raised."""
    image = read_image(case.images[0])
    files = {ref.path: read_label(ref) for ref in {r.path: r for r in case.labels}.values()}
    masks = {ref.structure: label_mask(files[ref.path], ref) for ref in case.labels}
    filled = {name: mask for name, mask in masks.items() if mask.any()}
    return ExpertCase(set_name, case, modality, image, filled)


def judge_faults(
    expert: ExpertCase, judge: Judge, *, n_faults: int, structures: Sequence[str], seed: int
) -> Iterator[JudgedFault]:
    """Judge structures untouched and with `n_faults` faults; the same seed, the same faults."""
    for structure in structures:
        rng = np.random.default_rng([seed, _number(expert, structure)])
        variants = [("untouched", 1.0, expert.masks[structure])]
        variants += [plant_fault(expert, structure, rng) for _ in range(n_faults)]
        labels = [(structure, mask) for _, _, mask in variants]
        scores = judge.score_labels(expert.image, labels, modality=expert.modality)
        for (recipe, true, mask), score in zip(variants, scores, strict=True):
            if not np.isnan(score.value):
                yield JudgedFault(
                    expert.set_name,
                    expert.case.subject_id,
                    expert.case.case_id,
                    structure,
                    recipe,
                    true,
                    score.value,
                    score.low,
                    score.high,
                    int(np.count_nonzero(mask)),
                )


def plant_fault(
    expert: ExpertCase, structure: str, rng: np.random.Generator, *, dice: float | None = None
) -> tuple[str, float, NDArray[np.bool_]]:
    """Return recipe, true Dice and mask `(i, j, k)` of one fault near a target Dice."""
    axis = slicing_axis(expert.image.grid)
    label = LabelledPlanes(
        image=as_planes(expert.image.array, axis),
        gold=as_planes(expert.masks[structure], axis),
        others=tuple(as_planes(m, axis) for n, m in expert.masks.items() if n != structure),
    )
    fault = draw_volume_fault(label, rng, dice=dice)
    return fault.recipe, fault.dice, from_planes(fault.mask, axis)


def _number(expert: ExpertCase, structure: str) -> int:
    """Return a number that depends on case and structure only, so that order does not matter."""
    return zlib.crc32(f"{expert.set_name}/{expert.case.case_id}/{structure}".encode())
