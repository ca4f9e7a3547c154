"""Medical Segmentation Decathlon tasks: `dataset.json` that lists its training pairs."""

import re
from pathlib import Path
from typing import Any

from segassay.data.case import Case, Dataset, Unmatched
from segassay.data.files import is_file
from segassay.data.io import stem_of
from segassay.data.readers.listing import (
    declared_labels,
    declared_values,
    distinct_cases,
    files_of,
    modality_of,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.errors import DatasetError

NAME = "msd"
LOOKS_FOR = "dataset.json with a 'training' list of image and label"


def sniff(root: Path) -> bool:
    """Whether `root` is laid out like this."""
    path = root / "dataset.json"
    return is_file(path) and "training" in read_json(path)


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; files in the folders that the list does not name are reported."""
    path = root / "dataset.json"
    about = read_json(path)
    labels = declared_labels(path, about.get("labels"), of=f"{root.name} {about.get('name')}")
    modality = modality_of(str(about.get("modality", "")))
    cases = []
    for image, label, split in _pairs(root, about):
        case_id = stem_of(image)
        refs = multilabel_refs(label, labels) if label is not None else ()
        cases.append(Case(case_id, subject_of(case_id, subject), (image,), refs, modality, split))
    listed = cases
    cases, doubles = distinct_cases(listed)
    return Dataset(
        root,
        NAME,
        str(about.get("name", root.name)),
        require_cases(cases, root, LOOKS_FOR),
        (*doubles, *_unlisted(root, listed)),
        declared_values(labels),
    )


def _pairs(root: Path, about: dict[str, Any]) -> list[tuple[Path, Path | None, str]]:
    try:
        train = [(root / e["image"], root / e["label"], "train") for e in about["training"]]
        tests = [e["image"] if isinstance(e, dict) else e for e in about.get("test", [])]
        return [*train, *((root / e, None, "test") for e in tests)]
    except (KeyError, TypeError) as error:
        raise DatasetError(
            "dataset.json: every training entry needs 'image' and 'label'"
        ) from error


def _unlisted(root: Path, cases: list[Case]) -> list[Unmatched]:
    listed = {p.resolve() for c in cases for p in (*c.images, *(r.path for r in c.labels))}
    folders = ("imagesTr", "labelsTr", "imagesTs")
    files = [p for folder in folders for p in files_of(root / folder, root)]
    return [Unmatched(p, "not listed in dataset.json") for p in files if p.resolve() not in listed]
