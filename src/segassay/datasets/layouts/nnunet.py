"""nnU-Net v2 raw data sets: `dataset.json` with `channel_names`, images with channel numbers."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from segassay.datasets.case import Dataset, FileIssue, Unmatched
from segassay.datasets.discovery.described import DESCRIPTION, Layout, Listed, described_set
from segassay.datasets.discovery.listing import (
    by_stem,
    files_of,
    leftover_files,
    listed_path,
    missing_files,
    read_json,
)
from segassay.datasets.discovery.name_matching import match_names, same_text
from segassay.errors import DatasetError
from segassay.images.formats.registry import is_picture

LAYOUT = Layout(
    "nnunet",
    "dataset.json with channel_names, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz",
    "channel_names",
)

_CHANNEL = re.compile(r"^(?P<case>.+)_(?P<channel>\d{4})$")
_PARTS = (("imagesTr", "labelsTr", "train"), ("imagesTs", "labelsTs", "test"))


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; no voxel is touched."""
    about = read_json(root / DESCRIPTION)
    channels = about["channel_names"]
    if not isinstance(channels, dict):
        raise DatasetError(f"{DESCRIPTION}: 'channel_names' is {channels!r}; expected an object")
    unmatched: list[Unmatched] = []
    dataset = described_set(
        LAYOUT,
        root,
        about,
        list(_found(root, about, unmatched)),
        modality=" ".join(map(str, channels.values())),
        unmatched=unmatched,
        subject=subject,
    )
    if "dataset" not in about:
        return dataset
    return replace(dataset, missing=missing_files(dataset.cases, DESCRIPTION))


def _found(root: Path, about: dict[str, Any], unmatched: list[Unmatched]) -> Iterator[Listed]:
    if "dataset" in about:
        yield from _listed(root, about["dataset"])
        return
    n_channels = len(about["channel_names"])
    for image_folder, label_folder, split in _PARTS:
        labels, doubles = by_stem(files_of(root / label_folder, root))
        unmatched.extend(doubles)
        for folder in (root / image_folder, root / label_folder):
            unmatched.extend(leftover_files(folder, root))
        found = _channels(root, image_folder, unmatched)
        spelt = {same_text(stem): stem for stem in labels}
        n_files = 1 if _are_whole_pictures(found.values()) else n_channels
        for case_id, channels in found.items():
            if sorted(channels) == list(range(n_files)):
                images = tuple(channels[number] for number in range(n_files))
                stem = spelt.get(same_text(case_id), case_id)
                yield Listed(case_id, images, labels.pop(stem, None), split)
            else:
                why = f"its case has channels {sorted(channels)}; expected {n_channels} from 0"
                unmatched.extend(Unmatched(p, why) for p in channels.values())
        unmatched.extend(_misnamed(labels, found))


def _misnamed(labels: dict[str, Path], cases: Iterable[str]) -> Iterator[Unmatched]:
    """Tell of labels without a case what their names should be: nnU-Net itself takes no other."""
    matches = match_names(cases, labels)
    owners = {name.stem: case for case, names in matches.of_image.items() for name in names}
    for stem, path in labels.items():
        why = matches.lonely.get(stem) or matches.second.get(stem) or "label without a whole image"
        if owners.get(stem, stem) != stem:
            expected = f"{owners[stem]}{path.name[len(stem) :]}"
            why = (
                f"label of case {owners[stem]!r} by its name; nnU-Net expects {expected}: rename it"
            )
        yield Unmatched(path, why, FileIssue.LABEL_WITHOUT_IMAGE)


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


def _are_whole_pictures(cases: Iterable[dict[int, Path]]) -> bool:
    """Whether every case is one picture: colours are channels that share the file `_0000`.

    Where any case has a second file, those with one alone lack theirs.
    """
    return all(channels.keys() == {0} and is_picture(channels[0]) for channels in cases)


def _listed(root: Path, listing: Any) -> Iterator[Listed]:
    """Read the `dataset` object, which replaces the folders; `$VAR` in paths is filled in."""
    if not isinstance(listing, dict):
        raise DatasetError(f"{DESCRIPTION}: 'dataset' is {listing!r}; expected cases")
    for case_id, entry in listing.items():
        about = entry if isinstance(entry, dict) else {}
        names, label = about.get("images"), about.get("label")
        if not isinstance(names, list) or not names or not isinstance(label, str | None):
            raise DatasetError(f"{DESCRIPTION}: case {case_id!r} lacks its list of 'images'")
        images = tuple(_place(root, str(name)) for name in names)
        yield Listed(case_id, images, _place(root, label) if label else None, "train")


def _place(root: Path, text: str) -> Path:
    return listed_path(root, os.path.expandvars(text), of=DESCRIPTION)
