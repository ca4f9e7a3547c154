"""Does a judge know data like these? Faults are planted in their own labels to see if it notices.

No gold is needed for that: most labels of most data sets are right, and a fault makes nearly every
label worse. A judge that knows such images sees it; the scores of one that does not hardly follow.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segassay.data.case import Case
from segassay.data.io import LabelMap, label_mask
from segassay.data.volume import Volume
from segassay.pipelines.faulty_cases import ExpertCase, draw_faults
from segassay.pipelines.read_case import read_case
from segassay.scoring import Judge

FAMILIAR = 0.75
"""Correlation from which on a judge counts as knowing such data (`docs/decisions/0016`)."""

_CASES = 8
_LABELS_PER_CASE = 6
_FAULTS = (3, 7)
"""Faults planted in a label: few where a case has several labels."""

_FEWEST_CASES = 5
_SEED = 0


def familiarity(
    cases: Sequence[Case], judge: Judge, structures: Sequence[str] = ()
) -> float | None:
    """Try a judge on labels of a data set whose structures it knows by name.

    Up to eight cases, one of a subject, drawn by lot: the same in every part of a run.

    Returns:
        The correlation of its raw scores with the Dice of masks and the labels they were made
        from, structure by structure about their means; `None` with fewer than five such cases.
    """
    found: list[tuple[str, float, float]] = []
    tried = 0
    for case in by_lot(cases):
        if tried == _CASES:
            break
        expert = _trial_case(case, judge, structures)
        if expert is not None:
            tried += 1
            found += masks_judged(expert, judge)
    return correlation(found) if tried >= _FEWEST_CASES else None


def masks_judged(expert: ExpertCase, judge: Judge) -> Iterator[tuple[str, float, float]]:
    """Yield structure, Dice with the label and raw score of labels and faults planted in them."""
    n_faults = _FAULTS[len(expert.masks) == 1]
    masks = [
        (structure, true, mask)
        for structure in expert.masks
        for _, true, mask in draw_faults(expert, structure, n_faults=n_faults, seed=_SEED)
        if mask.any()
    ]
    raw = judge.raw_scores(
        expert.image, [(structure, mask) for structure, _, mask in masks], modality=expert.modality
    )
    for (structure, true, _), score in zip(masks, raw, strict=True):
        yield structure, true, score


def by_lot(cases: Sequence[Case]) -> list[Case]:
    """Return one case of every subject, in an order that only the subjects' names decide."""
    first = {case.subject_id: case for case in reversed(cases)}
    subjects = sorted(first)
    order = np.random.default_rng(_SEED).permutation(len(subjects))
    return [first[subjects[number]] for number in order]


def _trial_case(case: Case, judge: Judge, structures: Sequence[str]) -> ExpertCase | None:
    """Read a case with some labels that the judge knows by name; `None` where there are none."""
    wanted = [
        ref
        for ref in case.labels
        if judge.named(ref.structure, case.modality).known is not None
        and (not structures or ref.structure in structures)
    ]
    files = read_case(case) if wanted else None
    if files is None or not isinstance(files.image, Volume):
        return None
    masks: dict[str, NDArray[np.bool_]] = {}
    for ref in wanted:
        coded = files.labels[ref.path]
        if isinstance(coded, LabelMap) and coded.volume.grid.shape == files.image.grid.shape:
            mask = label_mask(coded, ref)
            if mask.any() and len(masks) < _LABELS_PER_CASE:
                masks[ref.structure] = mask
    return ExpertCase("", case, case.modality, files.image, masks) if masks else None


def correlation(found: Sequence[tuple[str, float, float]]) -> float:
    """Return the correlation of Dice and score over masks (structure, Dice, score)."""
    structures = np.array([structure for structure, _, _ in found])
    values = np.array([[true, raw] for _, true, raw in found])
    for structure in np.unique(structures):
        own = structures == structure
        values[own] -= values[own].mean(axis=0)
    true, raw = values.T
    spread = float(np.sqrt((true**2).sum() * (raw**2).sum()))
    return float(true @ raw) / spread if spread > 0 else 0.0
