"""Image and label in one folder, told apart by their names: `a.png` with `a_mask.png`.

LiTS (`volume-0`, `segmentation-0`), PROMISE12 (`Case00`, `Case00_segmentation`), BUSI (`benign (1)`
with one or more `benign (1)_mask`), BraTS (a folder per case with a file per sequence and `_seg`),
ACDC (`patient001_frame01` and `_gt`), and sets of one's own that are named like any of these.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from segassay.datasets.case import Case, Dataset, Unmatched
from segassay.datasets.discovery.folder_roles import SPLITS
from segassay.datasets.discovery.listing import (
    declared_values,
    files_of,
    folders_of,
    leftover_files,
    require_cases,
)
from segassay.datasets.discovery.name_matching import LabelName
from segassay.datasets.discovery.paired_cases import (
    Naming,
    paired_cases,
    with_ids_of_their_own,
    with_one_structure,
)
from segassay.datasets.discovery.value_names import root_names
from segassay.errors import ReadError
from segassay.files.filesystem import is_file, read_bytes
from segassay.images.formats.registry import stem_of

NAME = "paired-files"
LOOKS_FOR = "image and label in one folder by their names, as in a.nii.gz with a_seg.nii.gz"

_DEPTH = 3
_LOOKED_AT = 60
"""Folders that are looked at to recognise the layout."""

_ABOUT = "Info.cfg"
"""What ACDC says of a patient: lines `Group: DCM`."""

_SERIES = re.compile(r"^(?P<key>.+)_4d$", re.IGNORECASE)


def sniff(root: Path) -> bool:
    """Whether a folder, or one below it, holds an image and a label that is named after it."""
    return any(_holds_a_pair(folder, root) for folder in islice(_folders(root), _LOOKED_AT))


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; what the files hold is known of published sets, else from `labels.json`."""
    return read_folder(root, Naming(root.name, None, root_names(root)), subject)


def read_folder(root: Path, naming: Naming, subject: re.Pattern[str] | None) -> Dataset:
    """Read a folder whose names tell images and labels apart.

    Raises:
        DatasetError: There is no image.
    """
    found: list[tuple[str, list[Case]]] = []
    unmatched: list[Unmatched] = []
    known = naming.known_by(
        stem_of(path) for folder in _folders(root) for path in _told_apart(folder, root)[1]
    )
    for folder in _folders(root):
        images, labels, series = _told_apart(folder, root)
        unmatched += [Unmatched(path, "a series in time; its frames are read") for path in series]
        unmatched += _leftover(folder, root)
        cases, spare = paired_cases(
            images, {"label": labels}, known, subject=subject, split=_split(folder, root)
        )
        about = _about(folder) if cases else {}
        found.append((folder.name, [replace(case, metadata=about) for case in cases]))
        unmatched += spare
    cases = with_one_structure(with_ids_of_their_own(found), root.name)
    every = require_cases(cases, root, LOOKS_FOR)
    return Dataset(root, NAME, root.name, every, tuple(unmatched), declared_values(known.declared))


def _folders(root: Path, depth: int = _DEPTH) -> Iterator[Path]:
    yield root
    if depth:
        for folder in folders_of(root):
            if not folder.is_symlink():
                yield from _folders(folder, depth - 1)


def _holds_a_pair(folder: Path, root: Path) -> bool:
    images, labels, _ = _told_apart(folder, root)
    if not images or not labels:
        return False
    cases, _ = paired_cases(images, {"label": labels}, Naming("", "x"), subject=None)
    return any(case.labels for case in cases)


def _told_apart(folder: Path, root: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Return images, labels, and series in time whose frames are images of their own."""
    images, labels, series = [], [], []
    files = files_of(folder, root)
    stems = [stem_of(path) for path in files]
    for path, stem in zip(files, stems, strict=True):
        match = _SERIES.match(stem)
        if LabelName.of(stem).word:
            labels.append(path)
        elif match and any(other.startswith(f"{match['key']}_frame") for other in stems):
            series.append(path)
        else:
            images.append(path)
    return images, labels, series


def _split(folder: Path, root: Path) -> str | None:
    parts = (part.lower() for part in folder.relative_to(root).parts)
    return next((SPLITS[part] for part in parts if part in SPLITS), None)


def _about(folder: Path) -> dict[str, str]:
    path = folder / _ABOUT
    if not is_file(path):
        return {}
    try:
        lines = read_bytes(path).decode("utf-8", errors="replace").splitlines()
    except ReadError:
        return {}
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _leftover(folder: Path, root: Path) -> list[Unmatched]:
    inner = set(folders_of(folder))
    spare = leftover_files(folder, root)
    return [u for u in spare if u.path not in inner and u.path.name != _ABOUT]
