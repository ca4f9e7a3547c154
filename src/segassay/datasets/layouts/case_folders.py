"""One folder per case, `<case>/ct.nii.gz` with `<case>/segmentations/<structure>.nii.gz`.

TotalSegmentator's data set has a `meta.csv` beside the cases, AbdomenAtlas and PanTS have none. See
`case_places` for the spellings that are known.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.datasets.discovery.case_places import IMAGES, JOINED, MASKS, Place, apart, places
from segassay.datasets.discovery.listing import (
    by_stem,
    declared_values,
    distinct_cases,
    files_of,
    leftover_files,
    multilabel_refs,
    require_cases,
    subject_of,
)
from segassay.datasets.discovery.value_names import root_names
from segassay.files.filesystem import is_dir, is_file
from segassay.files.text_table import read_rows
from segassay.images.formats.registry import stem_of
from segassay.images.label_ref import LabelRef
from segassay.types import Modality, modality_of
from segassay.vocabulary.names import canonical_names

TOTALSEGMENTATOR = "totalsegmentator"
TOTALSEGMENTATOR_LOOKS_FOR = "meta.csv and <case>/ct.nii.gz with <case>/segmentations/"
CASE_FOLDERS = "case-folders"
CASE_FOLDERS_LOOKS_FOR = "<case>/ct.nii.gz with <case>/segmentations/<structure>.nii.gz"

_LOOKED_AT = 50
"""Folders that are looked at to recognise the layout; a few cases may be incomplete."""

Labels = dict[str, tuple[int, ...]]
"""Values of joined label files by structure."""


def sniff_totalsegmentator(root: Path) -> bool:
    """Whether `root` holds case folders and `meta.csv`."""
    return is_file(root / "meta.csv") and sniff_case_folders(root)


def sniff_case_folders(root: Path) -> bool:
    """Whether `root` holds case folders, or is one."""
    return is_dir(root) and any(
        place.image is not None
        and (is_dir(place.labels / MASKS) or place.joined(root) or place.masks(root))
        for place in islice(places(root), _LOOKED_AT)
    )


def read_totalsegmentator(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read case folders with what `meta.csv` says about each case."""
    meta = {row.pop("image_id", ""): row for row in read_rows(root / "meta.csv")}
    return _read(root, places(root), subject, TOTALSEGMENTATOR, meta)


def read_case_folders(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read case folders."""
    return _read(root, places(root), subject, CASE_FOLDERS, {})


def read_apart(
    images: Path, labels: Path, root: Path, subject: re.Pattern[str] | None, declared: Labels
) -> Dataset:
    """Read a folder of images and one of labels, each with a folder per case below `root`.

    `declared` names the values of joined label files.
    """
    return _read(root, apart(images, labels, root), subject, CASE_FOLDERS, {}, declared)


def _read(
    root: Path,
    found: Iterable[Place],
    subject: re.Pattern[str] | None,
    name: str,
    meta: dict[str, dict[str, str]],
    declared: Labels | None = None,
) -> Dataset:
    masks: dict[Place, dict[str, Path]] = {}
    unmatched: list[Unmatched] = []
    for place in found:
        masks[place], doubles = by_stem(place.masks(root))
        unmatched += [*doubles, *_leftover(place, root)]
    names = canonical_names((stem for files in masks.values() for stem in files), of=root.name)
    labels = declared or root_names(root)
    cases = []
    for place, files in masks.items():
        joined = {} if files else place.joined(root)
        if place.image is None:
            unmatched += _without_image(place, [*files.values(), *joined.values()])
            continue
        refs, doubles = mask_refs(files, names)
        unmatched += doubles
        every = refs or _joined_refs(joined, labels)
        cases.append(_case(place, root, every, subject, meta.get(place.name, {})))
    kept, doubles = distinct_cases(cases)
    every_case = require_cases(kept, root, CASE_FOLDERS_LOOKS_FOR)
    told, values = (*unmatched, *doubles), declared_values(labels)
    return Dataset(root, name, root.name, every_case, told, values, writes_absent=True)


def _case(
    place: Place,
    root: Path,
    refs: tuple[LabelRef, ...],
    subject: re.Pattern[str] | None,
    row: dict[str, str],
) -> Case:
    about = {key: text for key, text in row.items() if text}
    owner = subject_of(place.name, subject)
    images = () if place.image is None else (place.image,)
    modality = modality_of(stem_of(images[0])) if images else None
    if modality is None and place.is_freesurfer(root):
        modality = Modality.MR
    split = about.pop("split", None) or place.split
    return Case(place.name, owner, images, refs, modality, split, about)


def _without_image(place: Place, labels: list[Path]) -> list[Unmatched]:
    if labels:
        return [
            Unmatched(p, "its case has no image", FileIssue.LABEL_WITHOUT_IMAGE) for p in labels
        ]
    folder = place.home if is_dir(place.home) else place.labels
    return [Unmatched(folder, f"holds no image named {', '.join(IMAGES)}")]


def _leftover(place: Place, root: Path) -> list[Unmatched]:
    """Return what no case can use: of its folder of masks, and of the folder around it."""
    if place.is_freesurfer(root):
        return []  # it leaves dozens of files beside the two that are looked for
    known = {*JOINED, MASKS} if is_dir(place.labels / MASKS) or not place.is_apart else set()
    used = {*place.masks(root), place.image}
    loose = [
        Unmatched(path, "neither the image nor a label file by its name")
        for path in files_of(place.labels, root)
        if known and path not in used and stem_of(path) not in known
    ]
    return [*loose, *leftover_files(place.labels / MASKS, root)]


def _joined_refs(joined: dict[str, Path], labels: Labels) -> tuple[LabelRef, ...]:
    return tuple(
        replace(ref, source=source)
        for source, path in joined.items()
        for ref in multilabel_refs(path, labels)
    )


def mask_refs(
    files: dict[str, Path], names: dict[str, str]
) -> tuple[tuple[LabelRef, ...], list[Unmatched]]:
    """Refer to one file per structure; a second spelling of a structure is reported."""
    index: dict[str, Path] = {}
    doubles = []
    for stem, path in files.items():
        first = index.setdefault(names[stem], path)
        if first is not path:
            why = f"means {names[stem]!r} as {first.name} does, which is used"
            doubles.append(Unmatched(path, why, FileIssue.DUPLICATE))
    return tuple(LabelRef(structure, path) for structure, path in index.items()), doubles
