"""One folder per case, `<case>/ct.nii.gz` with `<case>/segmentations/<structure>.nii.gz`.

TotalSegmentator's data set has a `meta.csv` beside the cases, AbdomenAtlas has none.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from segassay.data.case import Case, Dataset, LabelRef, Unmatched
from segassay.data.files import is_dir, is_file
from segassay.data.io import stem_of
from segassay.data.readers.listing import (
    by_stem,
    files_of,
    folders_of,
    leftover_files,
    modality_of,
    multilabel_refs,
    require_cases,
    subject_of,
)
from segassay.data.text_table import read_rows
from segassay.types import Modality
from segassay.vocabulary.names import canonical_names

TOTALSEGMENTATOR = "totalsegmentator"
TOTALSEGMENTATOR_LOOKS_FOR = "meta.csv and <case>/ct.nii.gz with <case>/segmentations/"
CASE_FOLDERS = "case-folders"
CASE_FOLDERS_LOOKS_FOR = "<case>/ct.nii.gz with <case>/segmentations/<structure>.nii.gz"

_IMAGES = ("ct", "mri", "mr", "image")
_MASKS = "segmentations"
_JOINED = "combined_labels"
_LOOKED_AT = 50
"""Folders that are looked at to recognise the layout; a few cases may be incomplete."""


def sniff_totalsegmentator(root: Path) -> bool:
    """Whether `root` holds case folders and `meta.csv`."""
    return is_file(root / "meta.csv") and sniff_case_folders(root)


def sniff_case_folders(root: Path) -> bool:
    """Whether `root` holds case folders, or is one."""
    return is_dir(root) and any(
        is_dir(folder / _MASKS) and _image(folder, root) is not None
        for folder in islice(_candidates(root), _LOOKED_AT)
    )


def read_totalsegmentator(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read case folders with what `meta.csv` says about each case."""
    meta = {row.pop("image_id", ""): row for row in read_rows(root / "meta.csv")}
    return _read(root, subject, TOTALSEGMENTATOR, meta)


def read_case_folders(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read case folders."""
    return _read(root, subject, CASE_FOLDERS, {})


def _read(
    root: Path, subject: re.Pattern[str] | None, name: str, meta: dict[str, dict[str, str]]
) -> Dataset:
    masks: dict[Path, dict[str, Path]] = {}
    unmatched: list[Unmatched] = []
    for folder in _candidates(root):
        files, doubles = by_stem(files_of(folder / _MASKS, root))
        masks[folder] = files
        unmatched += [*doubles, *leftover_files(folder / _MASKS, root)]
    names = canonical_names((stem for files in masks.values() for stem in files), of=root.name)
    cases = []
    for folder, files in masks.items():
        image = _image(folder, root)
        if image is None:
            unmatched += [Unmatched(path, "its folder has no image") for path in files.values()]
            continue
        refs, doubles = _refs(files, names)
        unmatched += doubles
        if not files:
            joined = _named(folder, _JOINED, root)
            refs = multilabel_refs(joined, {}) if joined is not None else ()
        about = {key: text for key, text in meta.get(folder.name, {}).items() if text}
        cases.append(
            Case(
                folder.name,
                subject_of(folder.name, subject),
                (image,),
                refs,
                _modality(image),
                about.pop("split", None),
                about,
            )
        )
    found = require_cases(cases, root, CASE_FOLDERS_LOOKS_FOR)
    return Dataset(root, name, root.name, found, tuple(unmatched), writes_absent=True)


def _candidates(root: Path) -> Iterator[Path]:
    """Return the folders that may be cases; `root` itself if it is one."""
    return iter([root] if is_dir(root / _MASKS) else folders_of(root))


def _image(folder: Path, root: Path) -> Path | None:
    return next((p for name in _IMAGES if (p := _named(folder, name, root)) is not None), None)


def _named(folder: Path, stem: str, root: Path) -> Path | None:
    return next((path for path in files_of(folder, root) if stem_of(path) == stem), None)


def _refs(
    files: dict[str, Path], names: dict[str, str]
) -> tuple[tuple[LabelRef, ...], list[Unmatched]]:
    """Refer to one file per structure; a second spelling of a structure is reported."""
    index: dict[str, Path] = {}
    doubles = []
    for stem, path in files.items():
        first = index.setdefault(names[stem], path)
        if first is not path:
            why = f"means {names[stem]!r} as {first.name} does, which is used"
            doubles.append(Unmatched(path, why))
    return tuple(LabelRef(structure, path) for structure, path in index.items()), doubles


def _modality(image: Path) -> Modality | None:
    return modality_of(stem_of(image))
