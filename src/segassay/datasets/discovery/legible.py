"""Names that are not text: old disks hold file names whose bytes are no UTF-8."""

from dataclasses import replace
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.errors import DatasetError
from segassay.files.filesystem import told_path
from segassay.types import counted

_WHY = "its name is not UTF-8 text, which no table can hold; rename it"


def without_illegible_names(dataset: Dataset) -> Dataset:
    """Return a data set without cases and labels that cannot be named; they become unmatched.

    Raises:
        DatasetError: No case is left.
    """
    cases: list[Case] = []
    left_out: list[Path] = []
    for case in dataset.cases:
        if not _is_text(case.case_id, case.subject_id, *(path.name for path in case.images)):
            left_out += _files(case)
        elif lost := _illegible_labels(case, dataset.root):
            left_out += sorted(lost)
            kept = tuple(ref for ref in case.labels if ref.path not in lost)
            cases.append(replace(case, labels=kept))
        else:
            cases.append(case)
    named = str(_legible(Path(dataset.name)))
    if not left_out and _is_text(
        dataset.name, *(told_path(u.path, dataset.root) for u in dataset.unmatched)
    ):
        return dataset
    if not cases:
        raise DatasetError(f"{named}: {counted(len(left_out), 'file')}, but no name is UTF-8 text")
    told = [replace(u, path=_legible(u.path)) for u in dataset.unmatched]
    told += [Unmatched(_legible(p), _WHY, FileIssue.UNREADABLE) for p in dict.fromkeys(left_out)]
    return replace(dataset, name=named, cases=tuple(cases), unmatched=tuple(told))


def _illegible_labels(case: Case, root: Path) -> set[Path]:
    paths = {ref.path for ref in case.labels}
    return {path for path in paths if not _is_text(told_path(path, root))}


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
