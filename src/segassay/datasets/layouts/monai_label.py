"""MONAI Label's store: images, and beside them `labels/final/` with what people made or accepted.

`labels/original/` holds what a model proposed; each of the two is a source.
"""

import re
from pathlib import Path
from typing import Any

from segassay.datasets.case import Dataset
from segassay.datasets.discovery.folder_roles import holds_files, image_folder
from segassay.datasets.discovery.listing import (
    declared_labels,
    declared_values,
    files_of,
    folders_of,
    leftover_files,
    read_json,
    require_cases,
)
from segassay.datasets.discovery.paired_cases import Naming, paired_cases, with_one_structure
from segassay.datasets.discovery.value_names import root_names
from segassay.files.filesystem import is_dir, is_file

NAME = "monai-label"
LOOKS_FOR = "images, and labels/final/ or labels/original/ with files of the same names"

_STORE = "datastore_v2.json"
_SOURCES = ("final", "original")


def sniff(root: Path) -> bool:
    """Whether there are images, and folders of labels that MONAI Label names."""
    return bool(_sources(root)) and (holds_files(root) or image_folder(root) is not None)


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the store; names come from it, else from `labels.json`, else from the files."""
    images = root if holds_files(root) else image_folder(root) or root
    naming = Naming(root.name, None, root_names(root) or _stored_names(root))
    folders = {folder.name: folder for folder in _sources(root)}
    sources = {name: files_of(folder, root) for name, folder in folders.items()}
    cases, unmatched = paired_cases(files_of(images, root), sources, naming, subject=subject)
    for folder in folders.values():
        unmatched += leftover_files(folder, root)
    known = {root / "labels", root / _STORE, *folders_of(root)}
    unmatched += [u for u in leftover_files(images, root) if u.path not in known]
    return Dataset(
        root,
        NAME,
        root.name,
        require_cases(with_one_structure(cases, root.name), root, LOOKS_FOR),
        tuple(unmatched),
        declared_values(naming.declared),
    )


def _sources(root: Path) -> list[Path]:
    return [root / "labels" / name for name in _SOURCES if is_dir(root / "labels" / name)]


def _stored_names(root: Path) -> dict[str, tuple[int, ...]]:
    """Return what the store says of values; the last image that tells of one counts."""
    if not is_file(root / _STORE):
        return {}
    found: dict[str, int] = {}
    for about in _dicts(read_json(root / _STORE).get("objects")):
        for label in _dicts(about.get("labels")):
            info = label.get("info")
            listed = info.get("label_info") if isinstance(info, dict) else None
            for entry in listed if isinstance(listed, list) else []:
                if isinstance(entry, dict) and isinstance(entry.get("idx"), int):
                    found[str(entry.get("name"))] = entry["idx"]
    return declared_labels(root / _STORE, found)


def _dicts(found: Any) -> list[dict[str, Any]]:
    """Return the objects in an object; none where the store holds something else."""
    return (
        [one for one in found.values() if isinstance(one, dict)] if isinstance(found, dict) else []
    )
