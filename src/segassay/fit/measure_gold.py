"""Labels whose truth is known, measured by a judge: planted faults, and pairs of mask and gold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.faulty_cases import draw_faults, read_usable_case
from segassay.datasets.case import Case
from segassay.datasets.open_pair import UnusablePair, images_of, open_pairs, read_image_of
from segassay.datasets.pair_table import Pair, read_pair_table
from segassay.errors import CaseError
from segassay.images.mask import Mask
from segassay.images.volume import Volume, voxel_sha256
from segassay.judge.calibration.fitting import GoldLabel
from segassay.judge.comparison.traits import Traits
from segassay.judge.comparison.typical import Seen
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.metrics.overlap import dice
from segassay.runs.isolated import isolated
from segassay.types import Modality, Progress, ignore_progress
from segassay.vocabulary.names import canonical_name

Problem = tuple[str, str]
"""A case, or a row of a table, and why it cannot be used."""

Known = tuple[str, float, Mask | NDArray[np.bool_]]
"""Structure, true Dice and mask `(i, j, k)` of one label."""

Found = tuple[list[GoldLabel], list[Problem]]
"""What was measured, in the order of cases or rows, and what could not be."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCases:
    """What was measured, in the order of the cases, and what could not be.

    `cases` are those that were read, with the labels that can be used; `images` the checksums of
    their voxels by case id, of those with a label that was measured.
    """

    labels: list[GoldLabel]
    problems: list[Problem]
    cases: tuple[Case, ...]
    images: dict[str, str]


_WANTED = 300
_FEWEST, _MOST = 4, 60


def faults_per_label(cases: Sequence[Case]) -> int:
    """Return how many faults each label gets, so that there are a few hundred in all."""
    n_labels = sum(len(case.labels) for case in cases)
    return int(np.clip(round(_WANTED / max(n_labels, 1)), _FEWEST, _MOST))


@dataclass(frozen=True, slots=True)
class Planting:
    """Which faults are planted; equal ones make equal faults, whoever measures them."""

    set_name: str
    n_faults: int
    seed: int


def measure_cases(
    cases: Sequence[Case],
    judge: SliceJudge,
    planting: Planting,
    *,
    progress: Progress | None = None,
    phase: str = "cases measured",
) -> MeasuredCases:
    """Measure the trusted labels of cases, untouched and with faults; `phase` names the progress.

    A label file that cannot be used costs its labels, an image its case; so does an exception that
    nobody foresaw.
    """
    gold: list[GoldLabel] = []
    problems: list[Problem] = []
    usable: list[Case] = []
    images: dict[str, str] = {}
    tell = progress or ignore_progress
    tell(phase, 0, len(cases), "")
    for number, case in enumerate(cases, start=1):
        found = isolated(case.case_id, partial(measure_case, case, judge, planting))
        if isinstance(found, CaseError):
            problems.append((case.case_id, str(found)))
        else:
            gold += found.labels
            problems += found.problems
            usable += found.cases
            images |= found.images
        tell(phase, number, len(cases), case.case_id)
    return MeasuredCases(gold, problems, tuple(usable), images)


def measure_table(
    table: Path, judge: SliceJudge, *, limit: int | None = None, progress: Progress | None = None
) -> Found:
    """Measure a table of a user's own masks with gold; `limit` counts images."""
    groups = images_of(read_pair_table(table))[:limit]
    gold: list[GoldLabel] = []
    problems: list[Problem] = []
    tell = progress or ignore_progress
    tell("images measured", 0, len(groups), "")
    for number, group in enumerate(groups, start=1):
        measured = isolated(group[0].case_id, partial(_measured_pairs, group, judge))
        if isinstance(measured, CaseError):
            measured = [(f"row {pair.number}", str(measured)) for pair in group]
        for found in measured:
            if isinstance(found, tuple):
                problems.append(found)
            else:
                gold.append(found)
        tell("images measured", number, len(groups), group[0].case_id)
    return gold, problems


def measure_case(case: Case, judge: SliceJudge, planting: Planting) -> MeasuredCases:
    """Plant faults in the labels of a case, and let a judge measure them.

    Masks without a voxel are right where a structure is absent; no fault can be planted in them.

    Raises:
        CaseError: The image cannot be read, or none of the labels can be used.
    """
    expert = read_usable_case(planting.set_name, case, case.modality)
    if expert.problems and not expert.case.labels:
        raise expert.problems[0]
    n_faults, seed = planting.n_faults, planting.seed
    known = [
        (structure, true, mask)
        for structure in expert.masks
        for _, true, mask in draw_faults(expert, structure, n_faults=n_faults, seed=seed)
    ]
    subject = case.subject_id
    found = list(_measured(expert.image, known, judge, case.modality, subject=subject, own=False))
    problems = [(case.case_id, str(problem)) for problem in expert.problems]
    images = {case.case_id: found[0].image} if found else {}
    return MeasuredCases(found, problems, (expert.case,), images)


def measure_pairs(pairs: Sequence[Pair], judge: SliceJudge) -> Iterator[GoldLabel | Problem]:
    """Measure a user's own masks that have a gold; pairs of one image must be given together."""
    sound = [pair for pair in pairs if not pair.problem]
    yield from ((f"row {pair.number}", pair.problem) for pair in pairs if pair.problem)
    if not sound:
        return
    try:
        image, _ = read_image_of(sound)
    except CaseError as error:
        yield from ((f"row {pair.number}", str(error)) for pair in sound)
        return
    for opened in open_pairs(sound, image):
        pair = opened.pair
        if isinstance(opened, UnusablePair):
            yield f"row {pair.number}", opened.reason
            continue
        known = [(pair.structure, dice(*opened.mask.beside(opened.gold)), opened.mask)]
        subject, modality = pair.subject_id, pair.modality
        own_image = image.knowing(opened.known)
        yield from _measured(own_image, known, judge, modality, subject=subject, own=True)


def _measured_pairs(pairs: Sequence[Pair], judge: SliceJudge) -> list[GoldLabel | Problem]:
    return list(measure_pairs(pairs, judge))


def _measured(
    image: Volume,
    known: Sequence[Known],
    judge: SliceJudge,
    modality: Modality | None,
    *,
    subject: str,
    own: bool,
) -> Iterator[GoldLabel]:
    """Measure labels of one image; empty ones, which have no score, are left out."""
    checksum = voxel_sha256(image.array)
    labels = [(structure, mask) for structure, _, mask in known]
    found = judge.measure_labels(image, labels, modality=modality, subject=subject)
    traits = Traits(image) if judge.weighs_traits else None
    for (structure, true, mask), measured in zip(known, found, strict=True):
        if measured is not None and not isnan(true):
            yield GoldLabel(
                subject=subject,
                structure=structure,
                image=checksum,
                true=true,
                own=own,
                measured=measured,
                corrected=judge.corrected(measured),
                stated=judge.calibrated(measured),
                seen=None
                if traits is None
                else Seen(canonical_name(structure), traits.in_mm, traits(mask)),
            )
