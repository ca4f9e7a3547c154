"""Images and labels given one by one: two folders, two files, or an image and a folder of masks."""

import re
from dataclasses import replace
from pathlib import Path

from segassay.datasets.case import Case, Dataset, Unmatched
from segassay.datasets.discovery.case_places import JOINED
from segassay.datasets.discovery.folder_roles import holds_a_folder_per_image, holds_files, pair_up
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
from segassay.datasets.discovery.paired_cases import Naming, paired_cases, with_one_structure
from segassay.datasets.discovery.value_names import ValueNames, names_beside, read_names
from segassay.datasets.layouts import paired_files
from segassay.datasets.layouts.case_folders import mask_refs, read_apart
from segassay.datasets.layouts.folders import cases_with_masks, kinds_of_masks
from segassay.errors import DatasetError, UsageError
from segassay.files.filesystem import exists, is_dir
from segassay.images.formats.registry import is_readable, stem_of
from segassay.images.label_ref import LabelRef
from segassay.vocabulary.names import canonical_names

NAME = "pairs"

_CHANNEL = re.compile(r"(?P<case>.+)_\d{4}")
"""How nnU-Net numbers the channels of a case."""


def read_pairs(
    images: Path,
    labels: Path,
    *,
    structure: str | None,
    names: Path | None,
    subject: re.Pattern[str] | None,
) -> Dataset:
    """Pair the files of two folders by name, or two files with each other.

    Folders that hold a folder per case are paired by those. Where both are one folder, its names
    must tell images and labels apart.

    Args:
        images: Folder or file. In folders, nnU-Net's channel numbers (`_0000`) may follow names.
        labels: Folder or file; a folder may hold a folder of masks for each structure, of one
            image a mask per structure.
        structure: Name of the one structure in the label files; `None` for multi-label files.
        names: A `labels.json` or `dataset.json` that names the values of multi-label files;
            `None` to take what lies beside the labels, if anything does.
        subject: Pattern whose first group is the subject in a case id.

    Raises:
        UsageError: A folder of images with one label file, or images and labels are the same and
            no name tells which is which.
        DatasetError: One does not exist, or there are no images.
    """
    for path in (images, labels):
        if not exists(path):
            raise DatasetError(f"{path.name}: no such file or folder")
    if is_dir(images) and not is_dir(labels):
        raise UsageError(
            f"{images.name}, {labels.name}: a folder and one label file; give two folders, two "
            "files, or an image and a folder of its masks"
        )
    beside = labels if is_dir(labels) else labels.parent
    if structure is not None:
        named = ValueNames()
    else:
        named = names_beside(beside) if names is None else read_names(names)
    naming = Naming(images.parent.name, structure, named.labels, named.modality)
    if _is_one(images, labels):
        return _one_folder(images, naming, subject)
    if is_dir(images):
        return _folders(images, labels, naming, subject)
    if is_dir(labels):
        return _one_image(images, labels, naming, subject)
    known = naming.known_by([stem_of(labels)])
    return _one_case(images, known.refs(labels), (), known, subject)


def read_images(images: Path, *, subject: re.Pattern[str] | None) -> Dataset:
    """Make a case of every image of a folder, or of one image; none has a label.

    Raises:
        DatasetError: There are no images.
    """
    if not is_dir(images) or is_readable(images):
        return _one_case(images, (), (), Naming(images.parent.name), subject)
    files, unmatched = by_stem(files_of(images, images))
    numbered = {stem: _CHANNEL.fullmatch(stem) for stem in files}
    channels: dict[str, list[Path]] = {}
    for stem, found in numbered.items():
        case_id = found["case"] if found is not None and all(numbered.values()) else stem
        channels.setdefault(case_id, []).append(files[stem])
    cases = [
        Case(case_id, subject_of(case_id, subject), tuple(paths))
        for case_id, paths in channels.items()
    ]
    spare = (*unmatched, *leftover_files(images, images))
    every = require_cases(cases, images, "images in that folder")
    return Dataset(images, NAME, images.name, every, spare)


def _is_one(images: Path, labels: Path) -> bool:
    return images.exists() and labels.exists() and images.samefile(labels)


def _one_folder(folder: Path, naming: Naming, subject: re.Pattern[str] | None) -> Dataset:
    """Read a folder that was given for both."""
    if not is_dir(folder) or not paired_files.sniff(folder):
        raise UsageError(
            f"{folder.name}: given as images and as labels, and no name in it tells which is which "
            "(as a.nii.gz and a_seg.nii.gz do); give each its own"
        )
    found = paired_files.read_folder(folder, replace(naming, data_set=folder.name), subject)
    return replace(found, format=NAME)


def _one_case(
    image: Path,
    refs: tuple[LabelRef, ...],
    unmatched: tuple[Unmatched, ...],
    naming: Naming,
    subject: re.Pattern[str] | None,
) -> Dataset:
    case_id = stem_of(image)
    case = Case(case_id, subject_of(case_id, subject), (image,), refs, naming.modality)
    values = declared_values(naming.declared)
    return Dataset(image.parent, NAME, case_id, (case,), unmatched, values)


def _one_image(
    image: Path, labels: Path, naming: Naming, subject: re.Pattern[str] | None
) -> Dataset:
    """Read one image with the files of a folder: its label map, or masks named by structure."""
    files, doubles = by_stem(files_of(labels, labels))
    told = (*doubles, *leftover_files(labels, labels))
    joined = [stem for stem in files if stem in JOINED]
    own = [
        name.stem for name in match_names([stem_of(image)], files).of_image.get(stem_of(image), [])
    ]
    maps = own or joined
    if naming.structure is not None and not maps and len(files) == 1:
        maps = list(files)
    if maps or naming.structure is not None:
        if len(maps) != 1:
            raise UsageError(
                f"{labels.name}: holds {len(files)} files, none of them named like {image.name} "
                "alone; give the label file itself"
            )
        return _one_case(image, naming.refs(files[maps[0]]), told, naming, subject)
    refs, second = mask_refs(files, canonical_names(files, of=image.parent.name))
    found = _one_case(image, refs, (*told, *second), naming, subject)
    return replace(found, writes_absent=True)


def _is_by_structure(images: Path, labels: Path) -> bool:
    """Whether labels are masks in a folder for each structure, named like the images."""
    return (
        holds_files(images)
        and not holds_files(labels)
        and not holds_a_folder_per_image(images, labels)
        and any(
            pair_up(images, folder)
            for folder in folders_of(labels)
            if folder.resolve() != images.resolve() and holds_files(folder)
        )
    )


def _folders(
    images: Path, labels: Path, naming: Naming, subject: re.Pattern[str] | None
) -> Dataset:
    root = images.parent if images.parent == labels.parent else images
    name = f"{images.name} + {labels.name}"
    if naming.structure is None and _is_by_structure(images, labels):
        by_name, spare_masks = cases_with_masks(images, root, kinds_of_masks(labels), subject)
        apart = require_cases(by_name, images, "images in that folder")
        return Dataset(root, NAME, name, apart, tuple(spare_masks))
    if naming.structure is None and folders_of(labels) and not files_of(labels, root):
        cases_apart = read_apart(images, labels, root, subject, naming.declared)
        return replace(cases_apart, format=NAME, name=name)
    cases, unmatched = paired_cases(
        files_of(images, root), {"label": files_of(labels, root)}, naming, subject=subject
    )
    spare = [*leftover_files(images, root), *leftover_files(labels, root)]
    if naming.structure is None:
        cases = with_one_structure(cases, images.parent.name)
    every = require_cases(cases, images, "images in that folder")
    declared = declared_values(naming.declared)
    return Dataset(root, NAME, name, every, (*unmatched, *spare), declared)
