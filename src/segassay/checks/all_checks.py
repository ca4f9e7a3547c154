"""All checks, kind by kind; their cards stand in the `cards_of_…` modules."""

import hashlib
from collections.abc import Sequence

import numpy as np

from segassay.checks.base import CaseView, FileView, ImageView, LabelFacts, LabelView
from segassay.checks.cohort_rules.cards_of_cohorts import COHORT_CHECKS, DATASET_CHECKS
from segassay.checks.file_rules.cards_of_files import FILE_CHECKS, IMAGE_CHECKS
from segassay.checks.label_rules.cards_of_labels import CASE_CHECKS, LABEL_CHECKS
from segassay.datasets.case import Dataset
from segassay.records.findings import Finding

CERTAIN = {
    name: check.certain
    for table in (FILE_CHECKS, IMAGE_CHECKS, LABEL_CHECKS, CASE_CHECKS)
    for name, check in table.items()
    if check.certain is not None
}
"""Rules that leave no doubt, by name, with what follows for the labels that they name."""

_CUT = 0.02
"""A mask with more than this share of its voxels on the border of the image is cut by it."""

__all__ = [
    "CASE_CHECKS",
    "CERTAIN",
    "COHORT_CHECKS",
    "DATASET_CHECKS",
    "FILE_CHECKS",
    "IMAGE_CHECKS",
    "LABEL_CHECKS",
]


def check_file(view: FileView) -> list[Finding]:
    """Run all checks of a label file."""
    return [f for check in FILE_CHECKS.values() for f in check.run(view)]


def check_image(view: ImageView) -> list[Finding]:
    """Run all checks of an image."""
    return [f for check in IMAGE_CHECKS.values() for f in check.run(view)]


def check_case(view: CaseView) -> list[Finding]:
    """Run all checks of the labels of one case against one another."""
    return [f for check in CASE_CHECKS.values() for f in check.run(view)]


def check_dataset(dataset: Dataset) -> list[Finding]:
    """Run all checks of a data set as its reader found it; no voxel is read."""
    return [f for check in DATASET_CHECKS.values() for f in check.run(dataset)]


def check_label(view: LabelView) -> list[Finding]:
    """Run all checks of one label."""
    return [f for check in LABEL_CHECKS.values() for f in check.run(view)]


def check_cohort(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Run all checks across labels, on the facts that `label_facts` kept."""
    return [f for check in COHORT_CHECKS.values() for f in check.run(labels)]


def label_facts(
    view: LabelView, *, subject_id: str, image_sha256: str, split: str = "", image_print: str = ""
) -> LabelFacts:
    """Keep of a label what the cohort checks need.

    The mask's checksum covers its bounding box, where that lies and the shape of the image: two
    masks are the same where they have the same voxels in the same place. `image_sha256` is to be
    the checksum of the image's voxels, see `images.volume.voxel_sha256`; empty where it is not
    known.
    """
    digest = hashlib.sha256(f"{view.planes.shape} {view.box}".encode())
    digest.update(np.packbits(view.cropped).tobytes())
    return LabelFacts(
        case_id=view.case_id,
        subject_id=subject_id,
        structure=view.structure,
        source=view.source,
        n_voxels=view.n_voxels,
        size=view.n_voxels * view.voxel_size,
        unit=view.unit,
        mask_sha256=digest.hexdigest(),
        image_sha256=image_sha256,
        cut=view.at_sides + view.at_ends > _CUT * view.n_voxels,
        split=split,
        image_print=image_print,
        may_go_on=view.may_go_on,
    )
