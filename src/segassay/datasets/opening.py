"""Opening a data set of any known layout."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from segassay.datasets.case import Dataset
from segassay.datasets.discovery.legible import without_illegible_names
from segassay.datasets.discovery.listing import folders_of
from segassay.datasets.discovery.nearest import nearest_layout
from segassay.datasets.layouts.all_layouts import READERS, Reader
from segassay.datasets.layouts.given_paths import read_images, read_pairs
from segassay.datasets.layouts.polygons import polygon_file
from segassay.errors import DatasetError, UsageError
from segassay.files import filesystem
from segassay.files.filesystem import exists, is_archive
from segassay.images.formats.registry import is_readable
from segassay.types import Modality

_LOOKED_AT = 50
"""Folders within a folder of no known layout that are looked at for data sets."""


def open_dataset(
    path: Path | str | None = None,
    *,
    images: Path | str | None = None,
    labels: Path | str | None = None,
    structure: str | None = None,
    names: Path | str | None = None,
    subject_regex: str | None = None,
    modality: Modality | None = None,
) -> Dataset:
    """Open a data set without reading voxels.

    Args:
        path: A folder of a known layout, a zip or tar of one, or a manifest; it is recognised.
        images: Instead of `path`: a folder of images, or one image.
        labels: With `images`: the folder of labels, or one label file.
        structure: With `images`: what the label files hold, if it is one structure.
        names: With `images`: a `labels.json` or `dataset.json` that names the values.
        subject_regex: Its first group is the subject in a case id.
        modality: Kind of the images where the data set does not tell it.

    Raises:
        UsageError: Both or neither of `path` and `images` with `labels` are given, or a file
            goes with a folder, or the data set says that its images are of another kind.
        DatasetError: The layout is unknown, a description file is broken, or two cases share an id.
    """
    subject = _pattern(subject_regex)
    if path is None and images is not None and labels is not None:
        image_place, label_place = Path(images), Path(labels)
        _require_masks(image_place, label_place)
        return _of_kind(
            _checked(
                read_pairs(
                    image_place,
                    label_place,
                    structure=structure,
                    names=None if names is None else Path(names),
                    subject=subject,
                ),
                label_place,
            ),
            modality,
        )
    if path is None or images is not None or labels is not None:
        raise UsageError("give either a data set, or both images and labels")
    root = Path(path)
    if not exists(root):
        raise DatasetError(f"{root.name or root}: no such file or folder")
    reader = _reader_of(root)
    if reader is None and is_archive(root):
        root = _only_folder(root)
        reader = _reader_of(root)
    if reader is None:
        raise DatasetError(f"{root.name or root}: {_what_else(root)}")
    return _of_kind(_checked(reader.read(root, subject), root), modality)


def open_images(
    path: Path | str,
    *,
    subject_regex: str | None = None,
    modality: Modality | None = None,
) -> Dataset:
    """Open images that may have no labels, without reading voxels.

    Args:
        path: A data set of any known layout, a folder of images, or one image. In a folder whose
            names all end in nnU-Net's channel numbers (`_0000`), a case is what these number.
        subject_regex: Its first group is the subject in a case id.
        modality: Kind of the images where the data set does not tell it.

    Raises:
        UsageError: The data set says that its images are of another kind.
        DatasetError: There is no image, or two cases share an id.
    """
    root = Path(path)
    if not exists(root):
        raise DatasetError(f"{root.name or root}: no such file or folder")
    plain = filesystem.is_file(root) and is_readable(root)
    if not plain and (_reader_of(root) is not None or is_archive(root)):
        return open_dataset(root, subject_regex=subject_regex, modality=modality)
    return _of_kind(_checked(read_images(root, subject=_pattern(subject_regex)), root), modality)


def _require_masks(images: Path, labels: Path) -> None:
    """Refuse outlines that are given as labels, alone or beside the images."""
    is_text = filesystem.is_file(labels) and not is_readable(labels)
    is_beside = filesystem.is_dir(labels) and labels.resolve() == images.resolve()
    outlines = polygon_file(labels) if is_text or is_beside else None
    if outlines is not None:
        raise DatasetError(_not_read(*outlines))


def _of_kind(dataset: Dataset, modality: Modality | None) -> Dataset:
    """Return a data set whose images of unknown kind are of that kind."""
    if modality is None:
        return dataset
    other = next((c for c in dataset.cases if c.modality not in (None, modality)), None)
    if other is not None:
        raise UsageError(
            f"--modality {modality}: the data set says that {other.case_id!r} is {other.modality}; "
            "leave the option out, or correct what the data set says"
        )
    return replace(dataset, cases=tuple(replace(c, modality=modality) for c in dataset.cases))


def _checked(dataset: Dataset, place: Path) -> Dataset:
    """Return what can be told apart and written down: a run counts its cases by their ids.

    Where there is no label, outlines at `place` say why.
    """
    dataset = without_illegible_names(dataset)
    outlines = None if dataset.n_labels else polygon_file(place)
    if outlines is not None:
        raise DatasetError(f"{dataset.name}: {_not_read(*outlines)}")
    times = Counter(case.case_id for case in dataset.cases)
    double = next((case_id for case_id, n in times.items() if n > 1), None)
    if double is not None:
        raise DatasetError(f"{dataset.name}: {times[double]} cases named {double!r}; rename them")
    selves = (
        (c.case_id, ref.path) for c in dataset.cases for ref in c.labels if ref.path in c.images
    )
    own = next(selves, None)
    if own is not None:
        told = f"case {own[0]!r} has {own[1].name} as its image and as its label"
        raise DatasetError(f"{dataset.name}: {told}; give another file for one of them")
    return dataset


def _reader_of(root: Path) -> Reader | None:
    plain = _plain_reader_of(root)
    if plain is not None or _sets_within(root):
        return plain
    return next((r for r in READERS.values() if r.searches and r.sniff(root)), None)


def _plain_reader_of(root: Path) -> Reader | None:
    return next((r for r in READERS.values() if not r.searches and r.sniff(root)), None)


def _sets_within(root: Path) -> list[str]:
    """Return the names of folders that are data sets, of those layouts that are quickly told."""
    found = (folder for folder in folders_of(root)[:_LOOKED_AT] if _plain_reader_of(folder))
    return [folder.name for folder in found]


def _only_folder(archive: Path) -> Path:
    """Return the one folder at the top of an archive, as packing a folder makes it, or itself."""
    folders = folders_of(archive)
    return folders[0] if len(folders) == 1 else archive


def _what_else(root: Path) -> str:
    """Say where data sets lie if the user gave the folder around them, else what was looked for."""
    inside = _sets_within(root)
    if inside:
        return f"holds data sets in {', '.join(inside)}; give one of them"
    outlines = polygon_file(root)
    return nearest_layout(root) if outlines is None else _not_read(*outlines)


def _not_read(path: Path, kind: str) -> str:
    return f"{path.name} holds {kind} polygons; polygons are not read: export masks"


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"--subject-regex {text!r}: {error}") from error
