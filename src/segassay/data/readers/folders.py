"""`images/` with `labels/` (multi-label files) or `masks/<structure>/` (one file per structure)."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segassay.data.case import Case, Dataset, FileIssue, LabelRef, Unmatched
from segassay.data.files import children, is_dir, is_file
from segassay.data.io import is_readable
from segassay.data.readers.listing import (
    by_stem,
    declared_labels,
    declared_values,
    files_of,
    folders_of,
    leftover_files,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.errors import DatasetError
from segassay.vocabulary.names import canonical_names

LABELS = "images+labels"
MASKS = "images+masks"
LABELS_LOOKS_FOR = "images/ and labels/ with files of the same names, labels.json beside them"
MASKS_LOOKS_FOR = "images/ and masks/<structure>/ with files of the same names"


def sniff_labels(root: Path) -> bool:
    """Whether `root` holds `images/` with files in it and `labels/`."""
    return _holds_images(root) and is_dir(root / "labels")


def sniff_masks(root: Path) -> bool:
    """Whether `root` holds `images/` and `masks/` with a folder per structure."""
    masks = root / "masks"
    return _holds_images(root) and is_dir(masks) and bool(folders_of(masks))


def _holds_images(root: Path) -> bool:
    """Whether `images/` holds files, by their names, rather than a folder for every case."""
    return any(map(is_readable, children(root / "images")))


def read_label_folder(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read `images/` + `labels/`; without `labels.json` the files' values are the structures."""
    names = root / "labels.json"
    labels = declared_labels(names, read_json(names), of=root.name) if is_file(names) else {}
    images, unmatched = by_stem(files_of(root / "images", root))
    files, doubles = by_stem(files_of(root / "labels", root))
    cases = []
    for case_id, image in images.items():
        path = files.pop(case_id, None)
        refs = multilabel_refs(path, labels) if path is not None else ()
        cases.append(Case(case_id, subject_of(case_id, subject), (image,), refs))
    lonely = [
        Unmatched(p, "label without image", FileIssue.LABEL_WITHOUT_IMAGE) for p in files.values()
    ]
    spare = [*leftover_files(root / "images", root), *leftover_files(root / "labels", root)]
    return Dataset(
        root,
        LABELS,
        root.name,
        require_cases(cases, root, LABELS_LOOKS_FOR),
        (*unmatched, *doubles, *lonely, *spare),
        declared_values(labels),
    )


def read_mask_folders(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read `images/` + `masks/<structure>/`; masks may overlap, each is a file of its own."""
    kinds = [LabelRef(name, folder) for name, folder in _by_structure(root / "masks").items()]
    cases, unmatched = cases_with_masks(root, kinds, subject)
    loose = files_of(root / "masks", root)
    unmatched += [Unmatched(p, "mask outside the structures' folders") for p in loose]
    return Dataset(
        root, MASKS, root.name, require_cases(cases, root, MASKS_LOOKS_FOR), tuple(unmatched)
    )


def cases_with_masks(
    root: Path, kinds: Iterable[LabelRef], subject: re.Pattern[str] | None
) -> tuple[list[Case], list[Unmatched]]:
    """Pair the files of `images/` with those of folders that hold one mask per image, by name.

    Args:
        root: Folder of the data set.
        kinds: For every folder of masks what one of them is, with the folder as its path.
        subject: Pattern whose first group is the subject in a case id.

    Returns:
        A case for every image, and the files that no case uses.
    """
    images, unmatched = by_stem(files_of(root / "images", root))
    refs: dict[str, list[LabelRef]] = {case_id: [] for case_id in images}
    for kind in kinds:
        files, doubles = by_stem(files_of(kind.path, root))
        unmatched += [*doubles, *leftover_files(kind.path, root)]
        for stem, path in files.items():
            if stem in refs:
                refs[stem].append(replace(kind, path=path))
            else:
                unmatched.append(
                    Unmatched(path, "label without image", FileIssue.LABEL_WITHOUT_IMAGE)
                )
    unmatched += leftover_files(root / "images", root)
    cases = [
        Case(case_id, subject_of(case_id, subject), (image,), tuple(refs[case_id]))
        for case_id, image in images.items()
    ]
    return cases, unmatched


def _by_structure(masks: Path) -> dict[str, Path]:
    """Index the folders of masks by structure; two that mean one structure are an error."""
    index: dict[str, Path] = {}
    folders = sorted(folders_of(masks))
    spelt = canonical_names((folder.name for folder in folders), of=masks.parent.name)
    for folder in folders:
        structure = spelt[folder.name]
        first = index.setdefault(structure, folder)
        if first is not folder:
            names = f"{first.name!r} and {folder.name!r}"
            raise DatasetError(f"masks: {names} both mean {structure!r}; rename one")
    return index
