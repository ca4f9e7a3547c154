"""Which cases of a data set others may be compared with: never a tuning or a test subject."""

from segassay.corruption.faulty_cases import read_expert_case
from segassay.datasets.case import Dataset
from segassay.datasets.splits import split_subjects
from segassay.judge.comparison.reverse_accuracy import Reference
from segassay.types import Modality


def training_references(
    dataset: Dataset, *, n_each: int, modality: Modality | None
) -> list[Reference]:
    """Read the first training subjects of a data set until every structure is held often enough.

    Args:
        dataset: Its labels are trusted.
        n_each: References wanted for each structure; one case is taken of a subject.
        modality: Kind of its images.

    Returns:
        Cases in natural order of their subjects, each with the structures that were still wanted.
        Fewer than `n_each` hold a structure where no more training subjects do.
    """
    labelled = [case for case in dataset.cases if case.labels]
    first = {case.subject_id: case for case in reversed(labelled)}
    missing = dict.fromkeys(dataset.structures, n_each)
    found = []
    for subject in split_subjects(list(first)).train:
        if not any(missing.values()):
            break
        expert = read_expert_case(dataset.name, first[subject], modality)
        wanted = {name: mask for name, mask in expert.masks.items() if missing[name]}
        missing |= {name: missing[name] - 1 for name in wanted}
        if wanted:
            found.append(Reference(expert.case.case_id, expert.image, wanted))
    return found
