"""All checks in three visible tables: of files, of labels, of the cohort."""

import hashlib
from collections.abc import Sequence

import numpy as np

from segassay.checks import cohort, header, pieces, shape, steps, storage, values
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
        values.label_values,
        "fractional or undeclared values, several values in a mask of one structure, no structure",
        "two structures whose values are exchanged",
        Severity.ERROR,
        "farther than 0.001 from a whole number, or not declared: error; several, or none: warning",
    ),
    "mask_coding": Check(
        values.mask_coding,
        "a mask of 0 and 255 (or another number) where 0 and 1 are meant",
        "pictures of one structure, where 255 is usual",
        Severity.WARNING,
        "one value other than 1: warning where only 1 is declared, info in a NIfTI mask",
    ),
    "interpolated_values": Check(
        values.interpolated_values,
        "a label map resampled as an image: rims of other structures' values",
        "files of one value; hardly those of 1 and 2, which leave few values in between",
        Severity.ERROR,
        "from 25 % of all steps between values (200 at least) over a voxel of a value in between",
    ),
    "float_storage": Check(
        header.float_storage,
        "whole numbers stored as floats",
        "formats other than NIfTI",
        Severity.INFO,
        "float on disk, all values within 0.001 of a whole number",
    ),
    "scaled_values": Check(
        header.scaled_values,
        "label values stored with a scale factor or an offset",
        "formats other than NIfTI",
        Severity.WARNING,
        "slope other than 1 or intercept other than 0 in the header",
    ),
    "header_forms": Check(
        header.header_forms,
        "a label header whose sform and qform disagree",
        "headers with one form only; which of the two is right",
        Severity.WARNING,
        "both stated, corners farther apart than 0.1 voxel",
    ),
    "axis_order": Check(
        header.axis_order,
        "label axes stored in another order or direction than the image's, in the same place",
        "formats other than NIfTI",
        Severity.WARNING,
        "other axis codes than the image's",
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
    "tiny_mask": Check(
        shape.tiny_mask,
        "a mask of a few voxels",
        "specks beside a larger piece: see islands",
        Severity.WARNING,
        "1 to 4 voxels",
    ),
    "stair_steps": Check(
        steps.stair_steps,
        "a mask made on a coarser grid, or in thicker slices, and enlarged",
        "labels that were smoothed afterwards; masks under 12 planes along the axis",
        Severity.WARNING,
        "90 % above chance of all changes fall on every n-th plane (n to 8), or, in volumes, 25 % "
        "of planes along two axes or 45 % along one repeat the plane before",
    ),
    "slice_jumps": Check(
        steps.slice_jumps,
        "an outline that jumps to and fro between planes: slices drawn apart or in another plane",
        "slow drift; volumes under 12 slices",
        Severity.WARNING,
        "from 50 % of the changes between planes are taken back by the next plane",
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
