"""A folder of MedSAM's `.npz` files, each with an image and its labels."""

import re
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.datasets.discovery.listing import (
    declared_labels,
    declared_values,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.datasets.splits import natural_key
from segassay.files.filesystem import children, is_dir, is_file, is_system
from segassay.images.formats.npz import IMAGE, LABELS, SUFFIX, arrays_in
from segassay.types import Modality

NAME = "npz"
LOOKS_FOR = "files .npz with the arrays imgs and gts"

_LOOKED_AT = 5
_MODALITY = re.compile(r"^(CT|MR|US)[I_-]", re.IGNORECASE)
_MODALITIES = {"ct": Modality.CT, "mr": Modality.MR, "us": Modality.ULTRASOUND}


def sniff(root: Path) -> bool:
    """Whether there are npz files, and one of the first holds an image and its labels."""
    return is_dir(root) and any(
        arrays_in(path) == {IMAGE, LABELS} for path in _files(root)[:_LOOKED_AT]
    )


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; names come from `labels.json`, else the values are the structures."""
    names = root / "labels.json"
    labels = declared_labels(names, read_json(names), of=root.name) if is_file(names) else {}
    cases, unmatched = [], []
    for path in _files(root):
        arrays = arrays_in(path)
        if IMAGE not in arrays:
            unmatched.append(
                Unmatched(path, f"holds no array {IMAGE}", FileIssue.LABEL_WITHOUT_IMAGE)
            )
            continue
        case_id = path.name[: -len(SUFFIX)]
        refs = multilabel_refs(path / LABELS, labels) if LABELS in arrays else ()
        modality = _modality(case_id)
        cases.append(Case(case_id, subject_of(case_id, subject), (path / IMAGE,), refs, modality))
    others = (p for p in children(root) if p.name != names.name and not _is_npz(p))
    unmatched += [Unmatched(p, "is no npz file") for p in others if not is_system(p)]
    declared = declared_values(labels)
    found = require_cases(cases, root, LOOKS_FOR)
    return Dataset(root, NAME, root.name, found, tuple(unmatched), declared)


def _files(root: Path) -> list[Path]:
    found = (p for p in children(root) if _is_npz(p) and not is_system(p) and is_file(p))
    return sorted(found, key=lambda p: natural_key(p.name))


def _is_npz(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIX)


def _modality(case_id: str) -> Modality | None:
    """Read MedSAM's prefix, as in `CT_Abd_0001` or `MR_heart`."""
    match = _MODALITY.match(case_id)
    return None if match is None else _MODALITIES[match[1].lower()]
