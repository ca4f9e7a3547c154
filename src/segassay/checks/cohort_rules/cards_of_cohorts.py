"""The checks across labels and of the data set as a whole, with their cards."""

from collections.abc import Sequence

from segassay.checks.base import Check, LabelFacts
from segassay.checks.cohort_rules import cohort, dataset_files, leakage
from segassay.datasets.case import Dataset
from segassay.types import Severity

COHORT_CHECKS: dict[str, Check[Sequence[LabelFacts]]] = {
    "duplicates": Check(
        cohort.duplicates,
        "the same image in two cases, the same mask for two labels",
        "images that differ in one voxel",
        Severity.ERROR,
        "equal checksum of the voxels",
    ),
    "volume_outlier": Check(
        cohort.volume_outlier,
        "a size far from the cohort's for this structure",
        "wrong masks of usual size; cohorts under 8 labels",
        Severity.WARNING,
        "robust z of log size from 3.5; info where a small mask is cut by the border of the image",
    ),
    "near_duplicates": Check(
        leakage.near_duplicates,
        "images of different subjects that are nearly the same",
        "mirrored, turned or cropped copies; the same subject under one name",
        Severity.WARNING,
        "correlation from .96 of 256 means over the image, without the mean of all images; from "
        ".995 as they are where there are fewer than 8",
    ),
    "unused_structure": Check(
        cohort.unused_structure,
        "a structure that no case has, though it is declared",
        "structures with a wrong mask everywhere",
        Severity.WARNING,
        "no voxel in any label of two or more cases",
    ),
}

DATASET_CHECKS: dict[str, Check[Dataset]] = {
    "missing_file": Check(
        dataset_files.missing_file,
        "a file that a description or table lists and that is not there",
        "files that nothing lists",
        Severity.ERROR,
        "no such file; from 51 files on one finding for all",
    ),
    "missing_image": Check(
        dataset_files.missing_image,
        "a label without an image",
        "a label beside another subject's image",
        Severity.WARNING,
        "no image of its name; from 51 files on one finding for all",
    ),
    "missing_label": Check(
        dataset_files.missing_label,
        "an image without a label where most images have one",
        "labels that lack a structure",
        Severity.WARNING,
        "no label of its name; one info where over half of a part of the set has none; from 51 "
        "images on one finding for all",
    ),
    "unused_file": Check(
        dataset_files.unused_file,
        "a file that no case uses: a second one of a name, an ending that cannot be read",
        "files that the layout does not look for",
        Severity.WARNING,
        "second of a name, unreadable ending, link out of the data set: warning; other files: info",
    ),
    "split_leakage": Check(
        leakage.split_leakage,
        "a subject in two parts of the data set, as in train and test",
        "subjects under two names: see near_duplicates",
        Severity.ERROR,
        "equal subject, different parts",
    ),
}
