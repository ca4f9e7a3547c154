"""All checks in three visible tables: of files, of labels, of the cohort."""

import hashlib
from collections.abc import Sequence

import numpy as np

from segassay.checks import cohort, pieces, shape, storage
from segassay.checks.base import Check, FileView, LabelFacts, LabelView
from segassay.records.findings import Finding
from segassay.types import Severity

_CUT = 0.02
"""A mask with more than this share of its voxels on the border of the image is cut by it."""

FILE_CHECKS: dict[str, Check[FileView]] = {
    "grid_mismatch": Check(
        storage.grid_mismatch,
        "a label on another grid than its image: shape, spacing, origin, direction",
        "a wrong header that image and label share",
        Severity.ERROR,
        "largest distance of matching corners: from 0.001 voxel info, 0.1 warning, 0.5 error; "
        "other shape error",
    ),
    "label_values": Check(
        storage.label_values,
        "fractional or undeclared values, several values in a mask of one structure, no structure",
        "two structures whose values are exchanged",
        Severity.ERROR,
        "farther than 0.001 from a whole number, or not declared: error; several, or none: warning",
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
        "all voxels error, 95 % warning",
    ),
    "islands": Check(
        pieces.islands,
        "pieces that float apart from the largest one",
        "a piece within 1 slice and 2 pixels of it; one cut off by the end of the scan",
        Severity.WARNING,
        "over 2 % of the voxels float, or more than 10 pieces; info below, for a few pieces "
        "over 30 % unless the name ends in a side, and for structures in pieces by nature",
    ),
    "holes": Check(
        pieces.holes,
        "background enclosed by mask",
        "a hole open to the outside",
        Severity.WARNING,
        "from 0.5 % of the mask, enclosed on all sides; info below, where hollow by nature, and "
        "from 0.5 % within slices only",
    ),
    "slice_gaps": Check(
        pieces.slice_gaps,
        "empty slices between filled ones; in isotropic volumes also rows and columns",
        "slices missing at an end",
        Severity.WARNING,
        "any slice; info above 40 % and for structures in pieces by nature; rows and columns: at "
        "most 2 between cuts of a quarter of the largest",
    ),
    "border_contact": Check(
        shape.border_contact,
        "a mask that runs into the sides of the image or into its first or last slice",
        "whether the structure really goes on there",
        Severity.INFO,
        "any voxel in the outermost row, column or slice",
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
        Severity.WARNING,
        "robust z of log size from 3.5; info where a small mask is cut by the border of the image",
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

    The mask's checksum covers its bounding box, where that lies and the shape of the image: two
    masks are the same where they have the same voxels in the same place. `image_sha256` is to be
    the checksum of the image's voxels, see `data.volume.voxel_sha256`; empty where it is not known.
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
    )
