"""`images/` + `masks/` in one folder, each mask named `<image>_<structure>_000`."""

import re
from collections.abc import Container
from pathlib import Path

from segassay.data.case import Case, Dataset, FileIssue, LabelRef, Unmatched
from segassay.data.io import stem_of
from segassay.data.readers.listing import (
    by_stem,
    files_of,
    leftover_files,
    require_cases,
    subject_of,
)
from segassay.vocabulary.names import canonical_names

NAME = "images+named-masks"
LOOKS_FOR = "images/ and masks/ with a file <image>_<structure>_000 per piece of a structure"

_PIECE = re.compile(r"_\d{3}$")
_SLICE = re.compile(r"^(?P<scan>.*\d)_\d+$")
"""Slices of one scan: a name that ends in a number, and after it the slice's own number."""


def sniff(root: Path) -> bool:
    """Whether masks lie in one folder and the first one is named after an image."""
    masks = files_of(root / "masks", root)
    images, _ = by_stem(files_of(root / "images", root))
    return any(_owner(stem_of(path), images) for path in masks[:20])


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; `_000`, `_001`, … of one structure are pieces, and the mask their union.

    Slices of one scan, `<scan>_<slice>`, have the scan as their subject.
    """
    images, unmatched = by_stem(files_of(root / "images", root))
    masks, doubles = by_stem(files_of(root / "masks", root))
    pieces: dict[str, dict[str, list[Path]]] = {case_id: {} for case_id in images}
    for stem, path in masks.items():
        owner = _owner(stem, images)
        if owner is None:
            unmatched.append(
                Unmatched(
                    path,
                    "mask whose name begins with no image's name",
                    FileIssue.LABEL_WITHOUT_IMAGE,
                )
            )
        else:
            word = _PIECE.sub("", stem)[len(owner) + 1 :]
            pieces[owner].setdefault(word, []).append(path)
    names = canonical_names((word for found in pieces.values() for word in found), of=root.name)
    cases = [
        Case(case_id, _subject(case_id, subject), (image,), _refs(pieces[case_id], names))
        for case_id, image in images.items()
    ]
    spare = [*leftover_files(root / "images", root), *leftover_files(root / "masks", root)]
    return Dataset(
        root,
        NAME,
        root.name,
        require_cases(cases, root, LOOKS_FOR),
        (*unmatched, *doubles, *spare),
    )


def _owner(stem: str, images: Container[str]) -> str | None:
    """Return the image that a mask is named after, the longest name if several fit."""
    name = _PIECE.sub("", stem)
    while "_" in name:
        name = name.rpartition("_")[0]
        if name in images:
            return name
    return None


def _refs(pieces: dict[str, list[Path]], names: dict[str, str]) -> tuple[LabelRef, ...]:
    files: dict[str, list[Path]] = {}
    for word, paths in pieces.items():
        files.setdefault(names[word], []).extend(paths)
    return tuple(
        LabelRef(structure, paths[0], pieces=tuple(paths[1:])) for structure, paths in files.items()
    )


def _subject(case_id: str, pattern: re.Pattern[str] | None) -> str:
    scan = _SLICE.match(case_id)
    if pattern is not None or scan is None:
        return subject_of(case_id, pattern)
    return subject_of(scan["scan"], None)
