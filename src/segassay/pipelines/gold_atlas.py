"""Which of somebody's trusted cases a fitted judge keeps to compare labels with."""

from collections.abc import Sequence

from segassay.data.case import Case
from segassay.errors import CaseError
from segassay.pipelines.faulty_cases import read_expert_case
from segassay.scoring.gold_cases import GoldCase, GoldCases
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
        try:
            expert = read_expert_case(set_name, case, case.modality)
        except CaseError:
            continue  # measuring the cases tells what is wrong with it
        missing |= {name: missing[name] - 1 for name in expert.masks if missing.get(name)}
        masks = ((canonical_name(name), mask) for name, mask in expert.masks.items())
        found.append(GoldCase.of(expert.image, masks, subject))
    return GoldCases(found)
