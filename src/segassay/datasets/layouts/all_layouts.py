"""All layouts in one visible table; the first that recognises a path reads it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segassay.datasets.case import Dataset
from segassay.datasets.layouts import (
    bids,
    case_folders,
    dicom_folders,
    folders,
    manifest,
    monai_label,
    msd,
    named_masks,
    nnunet,
    npz_folders,
    paired_files,
    sources,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """One layout: how to recognise it, how to read it, and what it looks for, in words.

    `read` gets the root and the pattern for subjects; it touches no voxel where names are given.
    `searches` tells that it looks through all folders below: it comes last, and only where none of
    the folders is a data set of its own.
    """

    sniff: Callable[[Path], bool]
    read: Callable[[Path, re.Pattern[str] | None], Dataset]
    looks_for: str
    searches: bool = False


READERS: dict[str, Reader] = {
    nnunet.LAYOUT.name: Reader(nnunet.LAYOUT.sniff, nnunet.read, nnunet.LAYOUT.looks_for),
    msd.LAYOUT.name: Reader(msd.LAYOUT.sniff, msd.read, msd.LAYOUT.looks_for),
    monai_label.NAME: Reader(monai_label.sniff, monai_label.read, monai_label.LOOKS_FOR),
    folders.MASKS: Reader(folders.sniff_masks, folders.read_mask_folders, folders.MASKS_LOOKS_FOR),
    named_masks.NAME: Reader(named_masks.sniff, named_masks.read, named_masks.LOOKS_FOR),
    folders.LABELS: Reader(
        folders.sniff_labels, folders.read_label_folder, folders.LABELS_LOOKS_FOR
    ),
    sources.NAME: Reader(sources.sniff, sources.read, sources.LOOKS_FOR),
    case_folders.TOTALSEGMENTATOR: Reader(
        case_folders.sniff_totalsegmentator,
        case_folders.read_totalsegmentator,
        case_folders.TOTALSEGMENTATOR_LOOKS_FOR,
    ),
    case_folders.CASE_FOLDERS: Reader(
        case_folders.sniff_case_folders,
        case_folders.read_case_folders,
        case_folders.CASE_FOLDERS_LOOKS_FOR,
    ),
    bids.NAME: Reader(bids.sniff, bids.read, bids.LOOKS_FOR),
    npz_folders.NAME: Reader(npz_folders.sniff, npz_folders.read, npz_folders.LOOKS_FOR),
    manifest.NAME: Reader(manifest.sniff, manifest.read, manifest.LOOKS_FOR),
    paired_files.NAME: Reader(
        paired_files.sniff, paired_files.read, paired_files.LOOKS_FOR, searches=True
    ),
    dicom_folders.NAME: Reader(
        dicom_folders.sniff, dicom_folders.read, dicom_folders.LOOKS_FOR, searches=True
    ),
}
