"""Does a judge know data like these? Faults are planted in their own labels to see if it notices.

No gold is needed for that. A fault makes a right label worse, and a judge that knows such images
sees by how much. Which labels are right nobody knows, but such a judge does: so only that half
counts which it thinks best. One that knows nothing picks any half, and its scores hardly follow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from segassay.corruption.faulty_cases import ExpertCase, draw_faults
from segassay.datasets.case import Case
from segassay.datasets.read_case import read_labelled_case
from segassay.datasets.splits import by_lot
from segassay.errors import CaseError
from segassay.judge.scoring import Judge
from segassay.types import Progress, ignore_progress

FAMILIAR = 0.82
"""Correlation from which on a judge counts as knowing such data (`docs/decisions/0016`)."""

_CASES = 8
_LABELS_PER_CASE = 6
_FAULTS, _FAULTS_ALONE = 3, 7
"""Faults planted in a label: more where a case has this one alone."""

FEWEST_CASES = 5
"""With fewer cases, one of a subject, chance decides a trial."""

_SEED = 0


@dataclass(frozen=True, slots=True)
class TriedLabel:
    """A label and the faults planted in it, as a judge sees them.

    `own` is the judge's raw score of the label itself, `faults` are Dice with the label and raw
    score of each fault.
    """

    structure: str
    own: float
    faults: tuple[tuple[float, float], ...]


def familiarity(
    cases: Sequence[Case],
    judge: Judge,
    structures: Sequence[str] = (),
    progress: Progress = ignore_progress,
) -> float | None:
    """Try a judge on labels of a data set whose structures it knows by name.

    Up to eight cases, one of a subject, drawn by lot: the same in every part of a run.

    Returns:
        `agreement` of the labels; `None` with fewer than five such cases.
    """
    found: list[TriedLabel] = []
    tried = 0
    drawn = by_lot([_known(case, judge, structures) for case in cases])
    total = min(_CASES, len(drawn))
    progress("trial cases", 0, total, "")
    for case in drawn:
        if tried == _CASES:
            break
        expert = _trial_case(case)
        if expert is not None:
            tried += 1
            found += try_labels(expert, judge)
            progress("trial cases", tried, total, case.case_id)
    return agreement(found) if tried >= FEWEST_CASES else None


def try_labels(expert: ExpertCase, judge: Judge) -> Iterator[TriedLabel]:
    """Yield the labels of a case as a judge sees them, with faults planted in them."""
    n_faults = _FAULTS if len(expert.masks) > 1 else _FAULTS_ALONE
    masks = [
        (structure, true, mask)
        for structure in expert.masks
        for _, true, mask in draw_faults(expert, structure, n_faults=n_faults, seed=_SEED)
        if mask.any()
    ]
    labels = [(structure, mask) for structure, _, mask in masks]
    raw = judge.raw_scores(expert.image, labels, modality=expert.modality)
    by_structure: dict[str, list[tuple[float, float]]] = {}
    for (structure, true, _), score in zip(masks, raw, strict=True):
        by_structure.setdefault(structure, []).append((true, score))
    for structure, ((_, own), *faults) in by_structure.items():
        yield TriedLabel(structure, own, tuple(faults))


def agreement(labels: Sequence[TriedLabel]) -> float:
    """Return how well scores follow faults, a correlation, in labels that the judge thinks best.

    Of every structure the better half of the labels counts; Dice and score are taken from the
    structure's means. 0 where nothing varies.
    """
    values = []
    for structure in dict.fromkeys(label.structure for label in labels):
        own = sorted((la for la in labels if la.structure == structure), key=lambda la: -la.own)
        best = own[: (len(own) + 1) // 2]
        pairs = np.array([pair for la in best for pair in la.faults]).reshape(-1, 2)
        values.append(pairs - pairs.mean(axis=0, keepdims=True))
    true, raw = np.concatenate(values).T
    spread = float(np.sqrt((true**2).sum() * (raw**2).sum()))
    return float(true @ raw) / spread if spread > 0 else 0.0


def _known(case: Case, judge: Judge, structures: Sequence[str]) -> Case:
    """Return a case with those of its labels that the judge knows by name."""
    known = [
        ref
        for ref in case.labels
        if judge.named(ref.structure, case.modality).known is not None
        and (not structures or ref.structure in structures)
    ]
    return replace(case, labels=tuple(known))


def _trial_case(case: Case) -> ExpertCase | None:
    """Read a case with some of its labels; `None` where there is nothing to use."""
    try:
        found = read_labelled_case(case)
    except CaseError:
        return None
    filled = ((ref.structure, np.asarray(mask)) for ref, mask in found.masks() if mask)
    masks = dict(islice(filled, _LABELS_PER_CASE))
    return ExpertCase("", case, case.modality, found.image, masks) if masks else None
