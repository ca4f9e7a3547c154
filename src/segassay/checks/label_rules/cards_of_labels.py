"""The checks of one label and of the labels of one case, with their cards."""

from segassay.checks.base import CaseView, Check, LabelView
from segassay.checks.certain import EXCHANGED, SAME_MASK
from segassay.checks.label_rules import (
    against_image,
    levels,
    neighbours,
    pieces,
    shape,
    sides,
    stair_steps,
)
from segassay.types import Severity

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
        "over 30 % unless the name ends in a side, for structures in pieces by nature, and in a "
        "single slice of a volume",
    ),
    "holes": Check(
        pieces.holes,
        "background enclosed by mask",
        "a hole open to the outside",
        Severity.WARNING,
        "from 0.5 % of the mask, enclosed on all sides; info below, where hollow by nature, and "
        "from 0.5 % within slices only, and in a single slice of a volume",
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
        stair_steps.stair_steps,
        "a mask made on a coarser grid, or in thicker slices, and enlarged",
        "labels that were smoothed afterwards; masks under 12 planes along the axis",
        Severity.WARNING,
        "90 % above chance of all changes fall on every n-th plane (n to 8), or, in volumes, 25 % "
        "of planes along two axes or 45 % along one repeat the plane before",
    ),
    "slice_jumps": Check(
        stair_steps.slice_jumps,
        "an outline that jumps to and fro between planes: slices drawn apart or in another plane",
        "slow drift; volumes under 12 slices",
        Severity.WARNING,
        "from 50 % of the changes between planes are taken back by the next plane",
    ),
    "void_label": Check(
        against_image.void_label,
        "a mask where the image is empty: padding of a rotation, air outside a window",
        "padding with noise; void that does not reach the border of its slice",
        Severity.WARNING,
        "from 5 % of the mask on the smallest value, joined to the border of its slice; info from "
        "1 %",
    ),
    "tissue_hu": Check(
        against_image.tissue_hu,
        "a mean HU that the structure cannot have: air in a liver, tissue in a lung",
        "images not in HU; organs of similar HU",
        Severity.WARNING,
        "mean outside wide limits by kind: lung -1000 to -250, organs -100 to 400 (kidney, heart, "
        "vessels 1000), muscle 300, bone 0 to 2000",
    ),
    "user_bounds": Check(
        against_image.user_bounds,
        "a volume or a mean value outside the user's own table (`--bounds`)",
        "structures not in the table",
        Severity.WARNING,
        "below lower or above upper",
    ),
}

CASE_CHECKS: dict[str, Check[CaseView]] = {
    "left_right": Check(
        sides.left_right,
        "a pair whose left one lies to the right of the right one: names exchanged",
        "headers without a true orientation; single ones of a pair",
        Severity.ERROR,
        "centres 10 mm or more apart the wrong way, unless single organs show a mirrored header",
        EXCHANGED,
    ),
    "orientation": Check(
        sides.orientation,
        "a header that contradicts the anatomy: liver left of the spleen, behind the kidneys, "
        "below the bladder",
        "headers without a true orientation; cases without such organs",
        Severity.ERROR,
        "most signs of an axis (centres 10 mm or more apart) are against the header: warning; "
        "all, and for left and right the pairs as well, else two signs at least: error",
    ),
    "level_order": Check(
        levels.level_order,
        "vertebrae or ribs out of order, or a level skipped in the names",
        "a whole row off by one; transitional anatomy",
        Severity.ERROR,
        "centres (ribs: upper ends) in the wrong order: error; a missing level where the distance "
        "is under 1.5 of the usual: warning",
    ),
    "overlap": Check(
        neighbours.overlap,
        "masks of different files that share voxels: the overlap matrix",
        "structures of one label map, which cannot overlap",
        Severity.WARNING,
        "from 5 % of the smaller mask, in volumes, unless one is a part of the other by name; "
        "info from 1 %",
        SAME_MASK,
    ),
    "impossible_contact": Check(
        neighbours.impossible_contact,
        "structures that touch although others lie between them; levels two or more apart",
        "pairs not in its list",
        Severity.WARNING,
        "from 20 voxel faces and 5 % of the smaller surface",
    ),
    "uneven_twins": Check(
        sides.uneven_twins,
        "one of a pair many times as large as the other",
        "masks cut by the border of the image, single slices",
        Severity.WARNING,
        "4 times as many voxels, both clear of the border",
    ),
}
