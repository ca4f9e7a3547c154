"""nnU-Net v2 raw data sets: `dataset.json` with `channel_names`, images with channel numbers."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segassay.data.case import Case, Dataset, Unmatched
from segassay.data.files import is_file
from segassay.data.readers.listing import (
    by_stem,
    declared_labels,
    declared_values,
    distinct_cases,
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
    return is_file(path) and "channel_names" in read_json(path)


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; no voxel is touched."""
    path = root / "dataset.json"
    about = read_json(path)
    labels = declared_labels(path, about.get("labels"), of=f"{root.name} {about.get('name')}")
    channels = about["channel_names"]
    if not isinstance(channels, dict):
        raise DatasetError(f"dataset.json: 'channel_names' is {channels!r}; expected an object")
    modality = modality_of(" ".join(map(str, channels.values())))
    unmatched: list[Unmatched] = []
    cases = []
    for case_id, images, label, split in _found(root, about, unmatched):
        refs = multilabel_refs(label, labels) if label is not None else ()
        cases.append(Case(case_id, subject_of(case_id, subject), images, refs, modality, split))
    cases, doubles = distinct_cases(cases)
    return Dataset(
        root,
        NAME,
        str(about.get("name", root.name)),
        require_cases(cases, root, LOOKS_FOR),
        (*unmatched, *doubles),
        declared_values(labels),
    )


def _found(
    root: Path, about: dict[str, Any], unmatched: list[Unmatched]
) -> Iterator[tuple[str, tuple[Path, ...], Path | None, str]]:
    if "dataset" in about:
        yield from _listed(root, about["dataset"])
        return
    n_channels = len(about["channel_names"])
    for image_folder, label_folder, split in _PARTS:
        labels, doubles = by_stem(files_of(root / label_folder, root))
        unmatched.extend(doubles)
        for folder in (root / image_folder, root / label_folder):
            unmatched.extend(leftover_files(folder, root))
        for case_id, channels in _channels(root, image_folder, unmatched).items():
            if sorted(channels) == list(range(n_channels)):
                images = tuple(channels[number] for number in range(n_channels))
                yield case_id, images, labels.pop(case_id, None), split
            else:
                why = f"its case has channels {sorted(channels)}; expected {n_channels} from 0"
                unmatched.extend(Unmatched(p, why) for p in channels.values())
        unmatched.extend(Unmatched(p, "label without a whole image") for p in labels.values())


def _channels(root: Path, folder: str, unmatched: list[Unmatched]) -> dict[str, dict[int, Path]]:
    found: dict[str, dict[int, Path]] = {}
    files, doubles = by_stem(files_of(root / folder, root))
    unmatched.extend(doubles)
    for stem, path in files.items():
        match = _CHANNEL.match(stem)
        if match is None:
            unmatched.append(Unmatched(path, "image without a channel number such as _0000"))
        else:
            found.setdefault(match["case"], {})[int(match["channel"])] = path
    return found


def _listed(root: Path, listing: Any) -> Iterator[tuple[str, tuple[Path, ...], Path | None, str]]:
    """Read the `dataset` object, which replaces the folders; `$VAR` in paths is filled in."""
    if not isinstance(listing, dict):
        raise DatasetError(f"dataset.json: 'dataset' is {listing!r}; expected cases")
    for case_id, entry in listing.items():
        about = entry if isinstance(entry, dict) else {}
        listed, label = about.get("images"), about.get("label")
        if not isinstance(listed, list) or not listed or not isinstance(label, str | None):
            raise DatasetError(f"dataset.json: case {case_id!r} lacks its list of 'images'")
        images = tuple(root / os.path.expandvars(str(name)) for name in listed)
        yield case_id, images, root / os.path.expandvars(label) if label else None, "train"
