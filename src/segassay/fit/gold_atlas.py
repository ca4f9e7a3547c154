"""Which of somebody's trusted cases a fitted judge keeps to compare labels with."""

from collections.abc import Sequence
from functools import partial

from segassay.corruption.faulty_cases import read_usable_case
from segassay.datasets.case import Case
from segassay.errors import CaseError
from segassay.judge.comparison.gold_cases import GoldCase, GoldCases
from segassay.runs.isolated import isolated
from segassay.vocabulary.names import canonical_name


def gold_cases(cases: Sequence[Case], set_name: str, n_each: int) -> GoldCases:
    """Return the first cases with labels, one of a subject, until `n_each` hold every structure."""
    found: list[GoldCase] = []
    missing = {label.structure: n_each for case in cases for label in case.labels}
    labelled = [case for case in cases if case.labels]
    first = {case.subject_id: case for case in reversed(labelled)}
    for subject in dict.fromkeys(case.subject_id for case in labelled):
        case = first[subject]
        if not any(missing.get(label.structure) for label in case.labels):
            continue
        read = partial(read_usable_case, set_name, case, case.modality)
        expert = isolated(case.case_id, read)
        if isinstance(expert, CaseError):
            continue  # measuring the cases tells what is wrong with it
        missing |= {name: missing[name] - 1 for name in expert.masks if missing.get(name)}
        masks = ((canonical_name(name), mask) for name, mask in expert.masks.items())
        found.append(GoldCase.of(expert.image, masks, subject))
    return GoldCases(found)
