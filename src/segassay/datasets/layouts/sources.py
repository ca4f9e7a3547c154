"""`images/` beside folders of masks that are named by who made them, as `gold/`, `weak_box/`."""

import re
from pathlib import Path

from segassay.datasets.case import Dataset, Unmatched
from segassay.datasets.discovery.conventions import only_structure
from segassay.datasets.discovery.folder_roles import SOURCE, image_folder
from segassay.datasets.discovery.listing import (
    declared_labels,
    folders_of,
    read_json,
    require_cases,
)
from segassay.datasets.layouts.folders import cases_with_masks, plain_image_folder
from segassay.errors import DatasetError
from segassay.files.filesystem import children, is_file
from segassay.images.formats.dicom_header import is_dicom
from segassay.images.label_ref import LabelRef

NAME = "images+sources"
LOOKS_FOR = "images/ and folders of masks named by their source (gold/, weak_…/, reader_…/)"


def sniff(root: Path) -> bool:
    """Whether there is a folder of images and at least one named like a source.

    A patient's DICOM series beside two readers' SEG objects looks like it, but is no such set.
    """
    images = image_folder(root)
    if images is None or any(map(is_dicom, children(images)[:3])):
        return False
    return bool(_sources(root))


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; one structure, and per image as many labels as sources have it.

    The structure is what `labels.json` names, else the known target of a published set of that
    name, else `label_1`.
    """
    structure = _named(root) or only_structure(root.name)
    kinds = [LabelRef(structure, folder, source=folder.name) for folder in _sources(root)]
    images = plain_image_folder(root)
    cases, unmatched = cases_with_masks(images, root, kinds, subject)
    read_folders = {images, *_sources(root)}
    others = [folder for folder in folders_of(root) if folder not in read_folders]
    unmatched += [Unmatched(p, "folder not named like a source of labels") for p in others]
    return Dataset(root, NAME, root.name, require_cases(cases, root, LOOKS_FOR), tuple(unmatched))


def _named(root: Path) -> str | None:
    path = root / "labels.json"
    if not is_file(path):
        return None
    names = list(declared_labels(path, read_json(path), of=root.name))
    if len(names) != 1:
        raise DatasetError(f"labels.json: names {len(names)} structures; masks here hold one")
    return names[0]


def _sources(root: Path) -> list[Path]:
    return [folder for folder in folders_of(root) if SOURCE.match(folder.name)]
