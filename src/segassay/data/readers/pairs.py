"""Two folders, or two files, given one by one."""

import re
from dataclasses import replace
from pathlib import Path

from segassay.data.case import Case, Dataset, FileIssue, LabelRef, Unmatched
from segassay.data.files import exists, is_dir, is_file
from segassay.data.io import stem_of
from segassay.data.readers.case_folders import read_apart
from segassay.data.readers.listing import (
    by_stem,
    declared_labels,
    declared_values,
    files_of,
    folders_of,
    leftover_files,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.errors import DatasetError, UsageError
from segassay.vocabulary.names import canonical_name

NAME = "pairs"

_CHANNEL = re.compile(r"_\d{4}$")


def read_pairs(
    images: Path,
    labels: Path,
    *,
    structure: str | None,
    names: Path | None,
    subject: re.Pattern[str] | None,
) -> Dataset:
    """Pair the files of two folders by name, or two files with each other.

    Folders that hold a folder per case are paired by those.

    Args:
        images: Folder or file. In folders, nnU-Net's channel numbers (`_0000`) may follow names.
        labels: Folder or file.
        structure: Name of the one structure in the label files; `None` for multi-label files.
        names: A `labels.json` for multi-label files; `None` to take the values as they are.
        subject: Pattern whose first group is the subject in a case id.

    Raises:
        UsageError: One is a folder, the other a file.
        DatasetError: One does not exist, or there are no images.
    """
    for path in (images, labels):
        if not exists(path):
            raise DatasetError(f"{path.name}: no such file or folder")
    if is_dir(images) != is_dir(labels):
        raise UsageError(f"{images.name}, {labels.name}: give two folders or two files")
    declared = declared_labels(names, read_json(names)) if names is not None else {}
    if is_file(images) and is_file(labels):
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
    root = images.parent if images.parent == labels.parent else images
    if structure is None and folders_of(labels) and not files_of(labels, root):
        cases_apart = read_apart(images, labels, root, subject, declared)
        return replace(cases_apart, format=NAME, name=f"{images.name} + {labels.name}")
    found, unmatched = by_stem(files_of(images, root))
    files, doubles = by_stem(files_of(labels, root))
    cases = []
    for case_id, channels in _by_case(found, set(files)).items():
        path = files.pop(case_id, None)
        refs = _refs(path, structure, declared) if path is not None else ()
        cases.append(Case(case_id, subject_of(case_id, subject), tuple(channels), refs))
    lonely = [
        Unmatched(p, "label without image", FileIssue.LABEL_WITHOUT_IMAGE) for p in files.values()
    ]
    spare = [*leftover_files(images, root), *leftover_files(labels, root)]
    every = require_cases(cases, images, "images in that folder")
    return Dataset(
        root,
        NAME,
        f"{images.name} + {labels.name}",
        every,
        (*unmatched, *doubles, *lonely, *spare),
        declared_values(declared),
    )


def _by_case(images: dict[str, Path], labels: set[str]) -> dict[str, list[Path]]:
    """Put the channels of a case together, if the labels show that names end in channel numbers.

    `img_0007` with a label `img_0007` is a case; so is its neighbour without a label.
    """
    numbered = any(
        stem not in labels and _CHANNEL.search(stem) and _CHANNEL.sub("", stem) in labels
        for stem in images
    )
    cases: dict[str, list[Path]] = {}
    for stem, path in images.items():
        case_id = _CHANNEL.sub("", stem) if numbered and stem not in labels else stem
        cases.setdefault(case_id, []).append(path)
    return cases


def _refs(
    path: Path, structure: str | None, declared: dict[str, tuple[int, ...]]
) -> tuple[LabelRef, ...]:
    if structure is not None:
        return (LabelRef(canonical_name(structure), path),)
    return multilabel_refs(path, declared)
