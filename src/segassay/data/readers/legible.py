"""Names that are not text: old disks hold file names whose bytes are no UTF-8."""

from dataclasses import replace
from pathlib import Path

from segassay.data.case import Case, Dataset, Unmatched
from segassay.errors import DatasetError

_WHY = "its name is not UTF-8 text, which no table can hold; rename it"


def without_illegible_names(dataset: Dataset) -> Dataset:
    """Return a data set without cases and labels that cannot be named; they become unmatched.

    Raises:
        DatasetError: No case is left.
    """
    cases, left_out = [], []
    for case in dataset.cases:
        if _is_text(case.case_id, case.subject_id, *(path.name for path in case.images)):
            labels = tuple(ref for ref in case.labels if _is_text(str(ref.path), ref.structure))
            left_out += [ref.path for ref in case.labels if ref not in labels]
            cases.append(replace(case, labels=labels) if labels != case.labels else case)
        else:
            left_out += _files(case)
    if not left_out and _is_text(*(str(u.path) for u in dataset.unmatched)):
        return dataset
    if not cases:
        raise DatasetError(f"{dataset.name}: {len(left_out)} files, but no name is UTF-8 text")
    told = [Unmatched(_legible(u.path), u.reason) for u in dataset.unmatched]
    told += [Unmatched(_legible(path), _WHY) for path in dict.fromkeys(left_out)]
    return replace(dataset, cases=tuple(cases), unmatched=tuple(told))


def _files(case: Case) -> list[Path]:
    return [*case.images, *(ref.path for ref in case.labels)]


def _is_text(*names: str) -> bool:
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return False
    return True


def _legible(path: Path) -> Path:
    """Return a path to be told, not to be opened: bytes that are no text are written out."""
    return Path(str(path).encode("utf-8", "backslashreplace").decode())
