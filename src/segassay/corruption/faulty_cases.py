"""Expert labels with faults planted in them: the same path from file to score as in an audit."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.network_masks import NetworkMasks
from segassay.corruption.volume_faults import LabelledPlanes, draw_volume_fault
from segassay.datasets.case import Case
from segassay.datasets.pair_table import UNTOUCHED
from segassay.datasets.read_case import read_labelled_case
from segassay.errors import CaseError
from segassay.images.slicing import as_planes, from_planes, pixel_mm, slicing_axis
from segassay.images.volume import Volume
from segassay.judge.scoring import Judge
from segassay.metrics.overlap import dice
from segassay.types import Modality

Variant = tuple[str, float, NDArray[np.bool_]]
"""A mask `(i, j, k)` with its recipe and its true Dice: (recipe, Dice, mask)."""

_THRESHOLDS = (0.3, 0.5, 0.7)


@dataclass(frozen=True, slots=True, eq=False)
class ExpertCase:
    """An image with its expert masks `(i, j, k)` by structure, empty ones left out.

    Masks hold no voxel that is not `image.known`. `problems` tell of label files that were left
    out.
    """

    set_name: str
    case: Case
    modality: Modality | None
    image: Volume
    masks: dict[str, NDArray[np.bool_]]
    problems: tuple[CaseError, ...] = ()


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
    doubt: float
    n_voxels: int


def read_expert_case(set_name: str, case: Case, modality: Modality | None) -> ExpertCase:
    """Read a case whose labels are taken as they are.

    Raises:
        CaseError: A file cannot be read, or a label does not lie on its image's voxels.
    """
    expert = read_usable_case(set_name, case, modality)
    for problem in expert.problems:
        raise problem
    return expert


def read_usable_case(set_name: str, case: Case, modality: Modality | None) -> ExpertCase:
    """Read a case without the labels that cannot be used: `case` has the others, `problems` why.

    Raises:
        CaseError: The image cannot be read.
    """
    found = read_labelled_case(case)
    filled = {ref.structure: np.asarray(mask) for ref, mask in found.masks() if mask}
    usable = replace(case, labels=tuple(found.labels))
    return ExpertCase(set_name, usable, modality, found.image, filled, found.problems)


def judge_faults(
    expert: ExpertCase,
    judge: Judge,
    *,
    n_faults: int,
    structures: Sequence[str],
    seed: int,
    networks: NetworkMasks | None = None,
) -> Iterator[JudgedFault]:
    """Judge structures untouched and with `n_faults` faults; the same seed, the same faults.

    With masks of `networks` half of the faults are theirs.
    """
    for structure in structures:
        variants = draw_faults(expert, structure, n_faults=n_faults, seed=seed, networks=networks)
        labels = [(structure, mask) for _, _, mask in variants]
        scores = judge.score_labels(
            expert.image, labels, modality=expert.modality, subject=expert.case.subject_id
        )
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
                    score.doubt,
                    int(np.count_nonzero(mask)),
                )


def draw_faults(
    expert: ExpertCase,
    structure: str,
    *,
    n_faults: int,
    seed: int,
    networks: NetworkMasks | None = None,
) -> list[Variant]:
    """Return a label untouched and with `n_faults` faults, as `judge_faults` judges them."""
    rng = np.random.default_rng([seed, _number(expert, structure)])
    variants: list[Variant] = [(UNTOUCHED, 1.0, expert.masks[structure])]
    if networks is not None:
        targets = rng.uniform(0, 1, size=n_faults // 2).tolist()
        variants += network_faults(expert, structure, networks, targets)
    n_planted = n_faults - len(variants) + 1
    return [*variants, *(plant_fault(expert, structure, rng) for _ in range(n_planted))]


def plant_fault(expert: ExpertCase, structure: str, rng: np.random.Generator) -> Variant:
    """Return one fault of a Dice drawn evenly."""
    axis = slicing_axis(expert.image.grid)
    label = LabelledPlanes(
        image=as_planes(expert.image.array.astype(np.float32, copy=False), axis),
        gold=as_planes(expert.masks[structure], axis),
        others=tuple(as_planes(m, axis) for n, m in expert.masks.items() if n != structure),
    )
    fault = draw_volume_fault(label, rng)
    planted = fault.recipe, fault.dice, from_planes(fault.mask, axis)
    return _among_known(expert, structure, planted)


def network_faults(
    expert: ExpertCase, structure: str, networks: NetworkMasks, targets: Sequence[float]
) -> list[Variant]:
    """Return the masks of networks whose Dice lies nearest to each target, none twice.

    Candidates are all networks at several thresholds; those that miss altogether are left out, so
    there may be fewer than targets.
    """
    axis = slicing_axis(expert.image.grid)
    gold = as_planes(expert.masks[structure], axis)
    pixel = pixel_mm(expert.image.grid, axis)

    def planes(network: int, threshold: float) -> NDArray[np.bool_]:
        """Return one candidate's mask `(slice, row, column)`."""
        return networks.volume(network, structure, gold.shape, pixel, threshold)

    known = structure in networks.structures
    every = product(range(len(networks.networks)), _THRESHOLDS) if known else ()
    dices = {candidate: dice(planes(*candidate), gold) for candidate in every}
    left = {candidate: value for candidate, value in dices.items() if value > 0}
    chosen = []
    for target in targets:
        if left:
            nearest = min(left, key=lambda c: abs(left[c] - target))
            mask = np.ascontiguousarray(from_planes(planes(*nearest), axis))
            recipe = f"{networks.networks[nearest[0]]} above {nearest[1]}"
            chosen.append(_among_known(expert, structure, (recipe, left.pop(nearest), mask)))
    return chosen


def _among_known(expert: ExpertCase, structure: str, variant: Variant) -> Variant:
    """Take the voxels out of a mask that nobody labelled, and measure its Dice without them."""
    known = expert.image.known
    if known is None:
        return variant
    recipe, _, mask = variant
    return recipe, dice(mask & known, expert.masks[structure]), mask & known


def _number(expert: ExpertCase, structure: str) -> int:
    """Return a number that depends on case and structure only, so that order does not matter."""
    return zlib.crc32(f"{expert.set_name}/{expert.case.case_id}/{structure}".encode())
