"""nnU-Net v2 raw data sets: `dataset.json` with `channel_names`, images with channel numbers."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segassay.data.case import Case, Dataset, Unmatched
from segassay.data.io import stem_of
from segassay.data.readers.listing import (
    by_stem,
    declared_labels,
    declared_values,
    files_of,
    leftover_files,
    modality_of,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.errors import DatasetError

NAME = "nnunet"
LOOKS_FOR = "dataset.json with channel_names, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz"

_CHANNEL = re.compile(r"^(?P<case>.+)_(?P<channel>\d{4})$")
_PARTS = (("imagesTr", "labelsTr", "train"), ("imagesTs", "labelsTs", "test"))


def sniff(root: Path) -> bool:
    """Whether `root` is laid out like this."""
    path = root / "dataset.json"
    return path.is_file() and "channel_names" in read_json(path)


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; no voxel is touched."""
    path = root / "dataset.json"
    about = read_json(path)
    labels = declared_labels(path, about.get("labels"))
    modality = modality_of(" ".join(map(str, about["channel_names"].values())))
    unmatched: list[Unmatched] = []
    cases = []
    for case_id, images, label, split in _found(root, about, unmatched):
        refs = multilabel_refs(label, labels) if label is not None else ()
        cases.append(Case(case_id, subject_of(case_id, subject), images, refs, modality, split))
    return Dataset(
        root,
        NAME,
        str(about.get("name", root.name)),
        require_cases(cases, root, LOOKS_FOR),
        tuple(unmatched),
        declared_values(labels),
    )


def _found(
    root: Path, about: dict[str, Any], unmatched: list[Unmatched]
) -> Iterator[tuple[str, tuple[Path, ...], Path | None, str]]:
    if "dataset" in about:
        yield from _listed(root, about["dataset"])
        return
    for image_folder, label_folder, split in _PARTS:
        labels, doubles = by_stem(files_of(root / label_folder))
        unmatched.extend(doubles)
        for folder in (root / image_folder, root / label_folder):
            if folder.is_dir():
                unmatched.extend(leftover_files(folder))
        for case_id, images in _channels(root / image_folder, unmatched).items():
            yield case_id, images, labels.pop(case_id, None), split
        unmatched.extend(Unmatched(p, "label without image") for p in labels.values())


def _channels(folder: Path, unmatched: list[Unmatched]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, list[Path]] = {}
    for path in files_of(folder):
        match = _CHANNEL.match(stem_of(path))
        if match is None:
            unmatched.append(Unmatched(path, "image without a channel number such as _0000"))
        else:
            found.setdefault(match["case"], []).append(path)
    return {case: tuple(paths) for case, paths in found.items()}


def _listed(root: Path, listing: Any) -> Iterator[tuple[str, tuple[Path, ...], Path | None, str]]:
    """Read the `dataset` object, which replaces the folders; `$VAR` in paths is filled in."""
    if not isinstance(listing, dict):
        raise DatasetError(f"dataset.json: 'dataset' is {listing!r}; expected cases")
    for case_id, entry in listing.items():
        try:
            images = tuple(root / os.path.expandvars(p) for p in entry["images"])
            label = root / os.path.expandvars(entry["label"]) if entry.get("label") else None
        except (KeyError, TypeError, AttributeError) as error:
            raise DatasetError(f"dataset.json: case {case_id!r} lacks 'images'") from error
        yield case_id, images, label, "train"
