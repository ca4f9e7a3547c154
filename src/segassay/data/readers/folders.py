"""`images/` with `labels/` (multi-label files) or `masks/<structure>/` (one file per structure)."""

import re
from pathlib import Path

from segassay.data.case import Case, Dataset, LabelRef, Unmatched
from segassay.data.readers.listing import (
    by_stem,
    declared_labels,
    declared_values,
    files_of,
    leftover_files,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.vocabulary.names import canonical_name

LABELS = "images+labels"
MASKS = "images+masks"
LABELS_LOOKS_FOR = "images/ and labels/ with files of the same names, labels.json beside them"
MASKS_LOOKS_FOR = "images/ and masks/<structure>/ with files of the same names"


def sniff_labels(root: Path) -> bool:
    """Whether `root` holds `images/` and `labels/`."""
    return (root / "images").is_dir() and (root / "labels").is_dir()


def sniff_masks(root: Path) -> bool:
    """Whether `root` holds `images/` and `masks/` with a folder per structure."""
    masks = root / "masks"
    return (
        (root / "images").is_dir() and masks.is_dir() and any(p.is_dir() for p in masks.iterdir())
    )


def read_label_folder(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read `images/` + `labels/`; without `labels.json` the files' values are the structures."""
    names = root / "labels.json"
    labels = declared_labels(names, read_json(names)) if names.is_file() else {}
    images, unmatched = by_stem(files_of(root / "images"))
    files, doubles = by_stem(files_of(root / "labels"))
    cases = []
    for case_id, image in images.items():
        path = files.pop(case_id, None)
        refs = multilabel_refs(path, labels) if path is not None else ()
        cases.append(Case(case_id, subject_of(case_id, subject), (image,), refs))
    lonely = [Unmatched(p, "label without image") for p in files.values()]
    spare = [*leftover_files(root / "images"), *leftover_files(root / "labels")]
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
    images, unmatched = by_stem(files_of(root / "images"))
    refs: dict[str, list[LabelRef]] = {case_id: [] for case_id in images}
    for folder in sorted(p for p in (root / "masks").iterdir() if p.is_dir()):
        files, doubles = by_stem(files_of(folder))
        unmatched += [*doubles, *leftover_files(folder)]
        for stem, path in files.items():
            if stem in refs:
                refs[stem].append(LabelRef(canonical_name(folder.name), path))
            else:
                unmatched.append(Unmatched(path, "label without image"))
    cases = [
        Case(case_id, subject_of(case_id, subject), (image,), tuple(refs[case_id]))
        for case_id, image in images.items()
    ]
    unmatched += leftover_files(root / "images")
    return Dataset(
        root, MASKS, root.name, require_cases(cases, root, MASKS_LOOKS_FOR), tuple(unmatched)
    )
