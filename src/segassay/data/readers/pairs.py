"""Two folders, or two files, given one by one."""

import re
from pathlib import Path

from segassay.data.case import Case, Dataset, LabelRef, Unmatched
from segassay.data.io import stem_of
from segassay.data.readers.listing import (
    by_stem,
    declared_labels,
    declared_values,
    files_of,
    leftover_files,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.errors import DatasetError
from segassay.vocabulary.names import canonical_name

NAME = "pairs"

_CHANNEL = re.compile(r"_0000$")


def read_pairs(
    images: Path,
    labels: Path,
    *,
    structure: str | None,
    names: Path | None,
    subject: re.Pattern[str] | None,
) -> Dataset:
    """Pair the files of two folders by name, or two files with each other.

    Args:
        images: Folder or file. nnU-Net's `_0000` at the end of a name is not part of the name.
        labels: Folder or file.
        structure: Name of the one structure in the label files; `None` for multi-label files.
        names: A `labels.json` for multi-label files; `None` to take the values as they are.
        subject: Pattern whose first group is the subject in a case id.
    """
    for path in (images, labels):
        if not path.exists():
            raise DatasetError(f"{path.name}: no such file or folder")
    declared = declared_labels(names, read_json(names)) if names is not None else {}
    if images.is_file() and labels.is_file():
        case_id = stem_of(images)
        refs = _refs(labels, structure, declared)
        one = Case(case_id, subject_of(case_id, subject), (images,), refs)
        return Dataset(images.parent, NAME, case_id, (one,), (), declared_values(declared))
    return _folders(images, labels, structure, declared, subject)


def _folders(
    images: Path,
    labels: Path,
    structure: str | None,
    declared: dict[str, tuple[int, ...]],
    subject: re.Pattern[str] | None,
) -> Dataset:
    found, unmatched = by_stem(files_of(images))
    files, doubles = by_stem(files_of(labels))
    cases = []
    for stem, image in found.items():
        case_id = stem if stem in files else _CHANNEL.sub("", stem)
        path = files.pop(case_id, None)
        refs = _refs(path, structure, declared) if path is not None else ()
        cases.append(Case(case_id, subject_of(case_id, subject), (image,), refs))
    lonely = [Unmatched(p, "label without image") for p in files.values()]
    spare = [*leftover_files(images), *leftover_files(labels)]
    every = require_cases(cases, images, "images in that folder")
    root = images.parent if images.parent == labels.parent else images
    return Dataset(
        root,
        NAME,
        f"{images.name} + {labels.name}",
        every,
        (*unmatched, *doubles, *lonely, *spare),
        declared_values(declared),
    )


def _refs(
    path: Path, structure: str | None, declared: dict[str, tuple[int, ...]]
) -> tuple[LabelRef, ...]:
    if structure is not None:
        return (LabelRef(canonical_name(structure), path),)
    return multilabel_refs(path, declared)
