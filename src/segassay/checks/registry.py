"""All checks in three visible tables: of files, of labels, of the cohort."""

import hashlib
from collections.abc import Sequence

import numpy as np

from segassay.checks import cohort, shape, storage
from segassay.checks.base import Check, FileView, LabelFacts, LabelView
from segassay.records.findings import Finding
from segassay.types import Severity

FILE_CHECKS: dict[str, Check[FileView]] = {
    "grid_mismatch": Check(
        storage.grid_mismatch,
        "a label on another grid than its image: shape, spacing, origin, direction",
        "a wrong header that image and label share",
        Severity.ERROR,
        "largest distance of matching corners: from 0.001 voxel info, 0.1 warning, 0.5 error",
    ),
    "label_values": Check(
        storage.label_values,
        "fractional values, negative values, values that no description names",
        "two structures whose values are exchanged",
        Severity.ERROR,
        "farther than 0.001 from a whole number, or not declared",
    ),
}

LABEL_CHECKS: dict[str, Check[LabelView]] = {
    "empty_mask": Check(
        shape.empty_mask,
        "a mask without a voxel",
        "whether the structure is in the image: that is judged",
        Severity.INFO,
        "no voxel",
    ),
    "all_foreground": Check(
        shape.all_foreground,
        "a mask that covers the image",
        "inverted masks of structures that fill half the image",
        Severity.ERROR,
        "all voxels error, 90 % warning",
    ),
    "islands": Check(
        shape.islands,
        "pieces beside the largest one",
        "a piece that touches the structure by a corner",
        Severity.WARNING,
        "2 to 30 % of the voxels outside the largest piece, or more than 10 pieces; else info, "
        "and for structures in pieces by nature",
    ),
    "holes": Check(
        shape.holes,
        "background enclosed by mask",
        "a hole open to the outside",
        Severity.WARNING,
        "from 0.5 % of the mask, enclosed on all sides; info below, and where hollow by nature",
    ),
    "slice_gaps": Check(
        shape.slice_gaps,
        "empty slices between filled ones",
        "slices missing at an end",
        Severity.WARNING,
        "any; info above 40 % and for structures in pieces by nature",
    ),
    "border_contact": Check(
        shape.border_contact,
        "a mask that runs into the border of its slices",
        "structures cut at the first or last slice",
        Severity.INFO,
        "any voxel in the outermost row or column",
    ),
}

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
        Severity.ERROR,
        "robust z of log size: from 3.5 warning, from 6 and a factor of 4 error",
    ),
}


def check_file(view: FileView) -> list[Finding]:
    """Run all checks of a label file."""
    return [f for check in FILE_CHECKS.values() for f in check.run(view)]


def check_label(view: LabelView) -> list[Finding]:
    """Run all checks of one label."""
    return [f for check in LABEL_CHECKS.values() for f in check.run(view)]


def check_cohort(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Run all checks across labels, on the facts that `facts_of` kept."""
    return [f for check in COHORT_CHECKS.values() for f in check.run(labels)]


def facts_of(view: LabelView, *, subject_id: str, image_sha256: str) -> LabelFacts:
    """Keep of a label what the cohort checks need.

    The mask's checksum covers its bounding box and the size of the image: two masks are the same
    where they have the same voxels in the same place.
    """
    digest = hashlib.sha256(str(view.planes.shape).encode())
    filled = np.flatnonzero(view.areas)
    digest.update(filled[:1].tobytes())
    if filled.size:
        part = view.planes[filled[0] : filled[-1] + 1]
        digest.update(np.packbits(part).tobytes())
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
    )
