"""A folder of images with one of labels, or with a folder of masks for each structure.

The folders may have any usual name, see `folder_roles`; the files are paired by `pairing`.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.datasets.discovery.folder_roles import (
    Part,
    holds_a_folder_per_image,
    holds_files,
    image_folder,
    pair_up,
    parts,
)
from segassay.datasets.discovery.listing import (
    by_stem,
    declared_values,
    files_of,
    folders_of,
    leftover_files,
    require_cases,
    subject_of,
)
from segassay.datasets.discovery.name_matching import match_names
from segassay.datasets.discovery.paired_cases import (
    Naming,
    paired_cases,
    with_ids_of_their_own,
    with_one_structure,
)
from segassay.datasets.discovery.value_names import root_names
from segassay.errors import DatasetError
from segassay.images.label_ref import LabelRef
from segassay.vocabulary.names import canonical_names

LABELS = "images+labels"
MASKS = "images+masks"
LABELS_LOOKS_FOR = "images/ and labels/ or masks/ with files of the same names"
MASKS_LOOKS_FOR = "images/ and masks/<structure>/ with files of the same names"


def sniff_labels(root: Path) -> bool:
    """Whether there is a folder of images with one of label files, or an empty one for them."""
    return any(_is_flat(part) for part in parts(root))


def sniff_masks(root: Path) -> bool:
    """Whether there is a folder of images, and one of masks with a folder for each structure."""
    return any(map(_is_by_structure, parts(root)))


def _is_flat(part: Part) -> bool:
    """Whether label files lie in the folder itself, or nothing does."""
    if not holds_files(part.images) or _is_by_structure(part):
        return False
    return not part.sources or holds_files(part.labels) or not folders_of(part.labels)


def _is_by_structure(part: Part) -> bool:
    """Whether masks lie in folders of their own; loose files beside these belong to no image."""
    return (
        bool(part.sources)
        and holds_files(part.images)
        and any(map(holds_files, folders_of(part.labels)))
        and not pair_up(part.images, part.labels)
        and not holds_a_folder_per_image(part.images, part.labels)
    )


def read_label_folder(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read files beside files; without `labels.json` the files' values are the structures."""
    found: list[tuple[str, list[Case]]] = []
    unmatched: list[Unmatched] = []
    naming = Naming(root.name, None, root_names(root))
    flat = [part for part in parts(root) if _is_flat(part)]
    for part in flat:
        sources = {source: files_of(folder, root) for source, folder in part.sources.items()}
        images = files_of(part.images, root)
        cases, spare = paired_cases(images, sources, naming, subject=subject, split=part.split)
        found.append((part.split or part.images.name, cases))
        unmatched += [*spare, *part.unused, *_leftover(part, root)]
    cases = with_one_structure(with_ids_of_their_own(found), root.name)
    every = require_cases(cases, root, LABELS_LOOKS_FOR)
    declared = declared_values(naming.declared)
    return Dataset(root, LABELS, root.name, every, tuple(unmatched), declared)


def read_mask_folders(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read masks by structure; they may overlap, each is a file of its own."""
    found: list[tuple[str, list[Case]]] = []
    unmatched: list[Unmatched] = []
    for part in filter(_is_by_structure, parts(root)):
        cases, spare = cases_with_masks(part.images, root, kinds_of_masks(part.labels), subject)
        found.append((part.split or "", [replace(case, split=part.split) for case in cases]))
        loose = files_of(part.labels, root)
        unmatched += [*spare, *part.unused]
        unmatched += [Unmatched(p, "mask outside the structures' folders") for p in loose]
    cases = with_ids_of_their_own(found)
    return Dataset(
        root, MASKS, root.name, require_cases(cases, root, MASKS_LOOKS_FOR), tuple(unmatched)
    )


def cases_with_masks(
    images: Path, root: Path, kinds: Iterable[LabelRef], subject: re.Pattern[str] | None
) -> tuple[list[Case], list[Unmatched]]:
    """Pair the files of a folder with those of folders that hold one mask per image, by name.

    Args:
        images: Folder of images.
        root: Folder of the data set.
        kinds: For every folder of masks what one of them is, with the folder as its path.
        subject: Pattern whose first group is the subject in a case id.

    Returns:
        A case for every image, and the files that no case uses.
    """
    found, unmatched = by_stem(files_of(images, root))
    refs: dict[str, list[LabelRef]] = {case_id: [] for case_id in found}
    for kind in kinds:
        files, doubles = by_stem(files_of(kind.path, root))
        unmatched += [*doubles, *leftover_files(kind.path, root)]
        matches = match_names(found, files)
        for case_id, names in matches.of_image.items():
            first, *pieces = (files[name.stem] for name in names)
            refs[case_id].append(replace(kind, path=first, pieces=tuple(pieces)))
        for told, issue in (
            (matches.lonely, FileIssue.LABEL_WITHOUT_IMAGE),
            (matches.second, FileIssue.DUPLICATE),
        ):
            unmatched += [Unmatched(files[stem], why, issue) for stem, why in told.items()]
    unmatched += leftover_files(images, root)
    cases = [
        Case(case_id, subject_of(case_id, subject), (image,), tuple(refs[case_id]))
        for case_id, image in found.items()
    ]
    return cases, unmatched


def plain_image_folder(root: Path) -> Path:
    """Return the folder of images, by whatever name; `images` where there is none."""
    return image_folder(root) or root / "images"


def _leftover(part: Part, root: Path) -> list[Unmatched]:
    """Return what no case uses; around a folder of labels that lies among images, these alone."""
    spare = [u for folder in part.sources.values() for u in leftover_files(folder, root)]
    images = leftover_files(part.images, root)
    if part.images == root:
        known = {*part.sources.values(), root / "labels.json"}
        images = [u for u in images if u.path not in known]
    return [*images, *spare]


def kinds_of_masks(masks: Path) -> list[LabelRef]:
    """Return what one mask of each folder in `masks` is, with the folder as its path.

    Raises:
        DatasetError: Two folders mean one structure.
    """
    index: dict[str, Path] = {}
    folders = sorted(folders_of(masks))
    spelt = canonical_names((folder.name for folder in folders), of=masks.parent.name)
    for folder in folders:
        structure = spelt[folder.name]
        first = index.setdefault(structure, folder)
        if first is not folder:
            names = f"{first.name!r} and {folder.name!r}"
            raise DatasetError(f"masks: {names} both mean {structure!r}; rename one")
    return [LabelRef(name, folder) for name, folder in index.items()]
