"""What nnU-Net and the Decathlon share: a `dataset.json` that names values, modality and cases."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassay.datasets.case import Case, Dataset, Unmatched
from segassay.datasets.discovery.listing import (
    declared_labels,
    declared_values,
    distinct_cases,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.files.filesystem import is_file
from segassay.types import modality_of

DESCRIPTION = "dataset.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout with a description: its name, what it looks for, and the key it is known by."""

    name: str
    looks_for: str
    key: str

    def sniff(self, root: Path) -> bool:
        """Whether `root` holds a description with the key."""
        path = root / DESCRIPTION
        return is_file(path) and self.key in read_json(path)


@dataclass(frozen=True, slots=True)
class Listed:
    """One case as a description or its folders list it; `label` is `None` for a bare image."""

    case_id: str
    images: tuple[Path, ...]
    label: Path | None
    split: str


def described_set(
    layout: Layout,
    root: Path,
    about: dict[str, Any],
    listed: Iterable[Listed],
    *,
    modality: str,
    unmatched: Iterable[Unmatched],
    subject: re.Pattern[str] | None,
) -> Dataset:
    """Put cases and description together; a second case of one id is reported.

    Args:
        layout: The layout that is read.
        root: Folder of the description.
        about: Content of the description.
        listed: The cases it lists, or that its folders hold.
        modality: What the description says about the images, in words.
        unmatched: Files of the folders that no case uses.
        subject: Pattern whose first group is the subject in a case id.

    Raises:
        DatasetError: Broken labels, or no case at all.
    """
    named = f"{root.name} {about.get('name', '')}"
    labels = declared_labels(root / DESCRIPTION, about.get("labels"), of=named)
    kind = modality_of(modality)
    cases, doubles = distinct_cases(
        Case(
            one.case_id,
            subject_of(one.case_id, subject),
            one.images,
            multilabel_refs(one.label, labels) if one.label is not None else (),
            kind,
            one.split,
        )
        for one in listed
    )
    return Dataset(
        root,
        layout.name,
        str(about.get("name", root.name)),
        require_cases(cases, root, layout.looks_for),
        (*unmatched, *doubles),
        declared_values(labels),
    )
