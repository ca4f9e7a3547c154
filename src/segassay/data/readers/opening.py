"""Opening a data set of any known layout."""

import re
from pathlib import Path

from segassay.data.case import Dataset
from segassay.data.readers.pairs import read_pairs
from segassay.data.readers.registry import READERS
from segassay.errors import DatasetError, UsageError


def open_dataset(
    path: Path | str | None = None,
    *,
    images: Path | str | None = None,
    labels: Path | str | None = None,
    structure: str | None = None,
    names: Path | str | None = None,
    subject_regex: str | None = None,
) -> Dataset:
    """Open a data set without reading voxels.

    Args:
        path: A folder of a known layout or a manifest; the layout is detected.
        images: Instead of `path`: a folder of images, or one image.
        labels: With `images`: the folder of labels, or one label file.
        structure: With `images`: what the label files hold, if it is one structure.
        names: With `images`: a `labels.json` that names the values.
        subject_regex: Its first group is the subject in a case id.

    Raises:
        UsageError: Both or neither of `path` and `images` with `labels` are given, or a file
            goes with a folder.
        DatasetError: The layout is unknown, or a description file is broken.
    """
    subject = _pattern(subject_regex)
    if path is None and images is not None and labels is not None:
        name_file = None if names is None else Path(names)
        return read_pairs(
            Path(images), Path(labels), structure=structure, names=name_file, subject=subject
        )
    if path is None or images is not None or labels is not None:
        raise UsageError("give either a data set, or both images and labels")
    root = Path(path)
    if not root.exists():
        raise DatasetError(f"{root.name or root}: no such file or folder")
    for reader in READERS.values():
        if reader.sniff(root):
            return reader.read(root, subject)
    known = "; ".join(f"{name}: {reader.looks_for}" for name, reader in READERS.items())
    known += "; or give images and labels apart"
    raise DatasetError(f"{root.name}: no known layout; looked for {known}")


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"--subject-regex {text!r}: {error}") from error
