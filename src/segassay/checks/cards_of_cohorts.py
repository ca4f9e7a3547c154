"""The checks across labels and of the data set as a whole, with their cards."""

from collections.abc import Sequence

from segassay.checks import cohort, leakage
from segassay.checks.base import Check, LabelFacts
from segassay.data.case import Case
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

DATASET_CHECKS: dict[str, Check[Sequence[Case]]] = {
    "split_leakage": Check(
        leakage.split_leakage,
        "a subject in two parts of the data set, as in train and test",
        "subjects under two names: see near_duplicates",
        Severity.ERROR,
        "equal subject, different parts",
    ),
}
