"""Medical Segmentation Decathlon tasks: `dataset.json` that lists its training pairs.

nnU-Net's first version used the same list, with channel numbers in the names of the files alone.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from os.path import realpath
from pathlib import Path
from typing import Any

from segassay.datasets.case import Dataset, Unmatched
from segassay.datasets.discovery.described import DESCRIPTION, Layout, Listed, described_set
from segassay.datasets.discovery.listing import files_of, listed_path, missing_files, read_json
from segassay.errors import DatasetError
from segassay.files.filesystem import exists
from segassay.images.formats.registry import stem_of

LAYOUT = Layout("msd", "dataset.json with a 'training' list of image and label", "training")

_FOLDERS = ("imagesTr", "labelsTr", "imagesTs")


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; files in the folders that the list does not name are reported."""
    about = read_json(root / DESCRIPTION)
    listed = _listed(root, about)
    dataset = described_set(
        LAYOUT,
        root,
        about,
        listed,
        modality=str(about.get("modality", "")),
        unmatched=_unlisted(root, listed),
        subject=subject,
    )
    return replace(dataset, missing=missing_files(dataset.cases, DESCRIPTION))


def _listed(root: Path, about: dict[str, Any]) -> list[Listed]:
    try:
        train = [(str(e["image"]), str(e["label"]), "train") for e in about["training"]]
        tests = [e["image"] if isinstance(e, dict) else e for e in about.get("test", [])]
    except (KeyError, TypeError) as error:
        raise DatasetError(
            f"{DESCRIPTION}: every training entry needs 'image' and 'label'; missing: {error}"
        ) from error
    found = []
    for image, label, split in (*train, *((str(e), None, "test") for e in tests)):
        path = listed_path(root, image, of=DESCRIPTION)
        labelled = None if label is None else listed_path(root, label, of=DESCRIPTION)
        found.append(Listed(stem_of(path), _channels(path), labelled, split))
    return found


def _channels(image: Path) -> tuple[Path, ...]:
    """Return the image, or where only files with channel numbers are there, all of these."""
    ending = image.name[len(stem_of(image)) :]
    numbered = [image.with_name(f"{stem_of(image)}_{n:04d}{ending}") for n in range(10)]
    channels = tuple(path for path in numbered if exists(path))
    return channels if channels and not exists(image) else (image,)


def _unlisted(root: Path, listed: Iterable[Listed]) -> list[Unmatched]:
    # realpath, since resolve() raises where a link leads to itself
    used = {realpath(p) for c in listed for p in (*c.images, c.label) if p is not None}
    every = [p for folder in _FOLDERS for p in files_of(root / folder, root)]
    return [Unmatched(p, "not listed in dataset.json") for p in every if realpath(p) not in used]
