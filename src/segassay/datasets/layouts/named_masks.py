"""`images/` + `masks/` in one folder, each mask named `<image>_<structure>_000`."""

import re
from collections.abc import Container
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.datasets.discovery.conventions import only_structure
from segassay.datasets.discovery.folder_roles import parts
from segassay.datasets.discovery.listing import (
    by_stem,
    files_of,
    leftover_files,
    require_cases,
    subject_of,
)
from segassay.datasets.discovery.name_matching import LabelName
from segassay.images.formats.registry import stem_of
from segassay.images.label_ref import LabelRef
from segassay.vocabulary.names import canonical_names

NAME = "images+named-masks"
LOOKS_FOR = "images/ and masks/ with a file <image>_<structure>_000 per piece of a structure"

_PIECE = re.compile(r"_\d{3}$")
_SLICE = re.compile(r"^(?P<scan>.*\d)_\d+$")
"""Slices of one scan: a name that ends in a number, and after it the slice's own number."""


def sniff(root: Path) -> bool:
    """Whether masks lie in one folder and the first ones are named after image and structure."""
    found = _folders(root)
    if found is None:
        return False
    images, _ = by_stem(files_of(found[0], root))
    masks = [stem_of(path) for path in files_of(found[1], root)[:20]]
    named = [_word(stem, owner) for stem in masks if (owner := _owner(stem, images)) is not None]
    return any(named) and not any(stem in images for stem in masks)


def _folders(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of images and of masks; `None` if there are none."""
    found = [part for part in parts(root) if not part.split]
    return (found[0].images, found[0].labels) if found else None


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the layout; `_000`, `_001`, … of one structure are pieces, and the mask their union.

    Slices of one scan, `<scan>_<slice>`, have the scan as their subject.
    """
    folders = _folders(root) or (root / "images", root / "masks")
    images, unmatched = by_stem(files_of(folders[0], root))
    masks, doubles = by_stem(files_of(folders[1], root))
    only = only_structure(root.name)
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
            pieces[owner].setdefault(_word(stem, owner) or only, []).append(path)
    names = canonical_names((word for found in pieces.values() for word in found), of=root.name)
    cases = [
        Case(case_id, _subject(case_id, subject), (image,), _refs(pieces[case_id], names))
        for case_id, image in images.items()
    ]
    spare = [u for folder in folders for u in leftover_files(folder, root)]
    return Dataset(
        root,
        NAME,
        root.name,
        require_cases(cases, root, LOOKS_FOR),
        (*unmatched, *doubles, *spare),
    )


def _word(stem: str, owner: str) -> str:
    """Return what a mask's name says of its structure; empty where it only says `mask`."""
    word = _PIECE.sub("", stem)[len(owner) + 1 :]
    name = LabelName.of(f"x_{word}").key
    return name.removeprefix("x").lstrip("_")


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
