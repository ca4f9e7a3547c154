"""Hand-made views for the tests of checks: a clean cube, its file, its facts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.checks.base import CaseView, FileView, ImageView, LabelFacts, LabelView
from segassay.geometry.grid import Grid
from segassay.images.mask import Mask
from segassay.images.slicing import as_planes, pixel_mm
from segassay.records.findings import Finding
from segassay.types import Severity

Planes = NDArray[np.bool_]

GRID = Grid((10, 12, 14), np.diag([1.0, 1.0, 3.0, 1.0]))
FILE = FileView("c", None, "label", "c.nii.gz", GRID, GRID, {0: 900, 1: 100}, frozenset({1}), 0.0)


def cube(n_slices: int = 12) -> Planes:
    """A block of 8 x 20 x 20 = 3200 voxels, clear of the border on all sides."""
    planes = np.zeros((n_slices, 40, 40), dtype=np.bool_)
    planes[2 : n_slices - 2, 10:30, 10:30] = True
    return planes


def view(planes: Planes, structure: str = "liver", *, thickness_mm: float = 3.0) -> LabelView:
    mask = Mask.of(planes)
    return LabelView("c", structure, "label", mask, (1.0, 1.0), thickness_mm, spacing_known=True)


def image(planes: NDArray[np.float32], *, anatomical: bool = True) -> ImageView:
    """An image of 1 x 1 x 3 mm whose slices are axial."""
    k, j, i = planes.shape
    grid = Grid((i, j, k), GRID.affine)
    return ImageView("c", "c.nii.gz", planes, 2, grid, anatomical)


def facts(n: int, size: float = 1.0, **changes: Any) -> LabelFacts:
    base = LabelFacts(f"c{n}", f"s{n}", "liver", "label", 100, size, "ml", f"m{n}", f"i{n}")
    return replace(base, **changes)


def names(findings: list[Finding], severity: Severity | None = None) -> set[str]:
    return {f.check for f in findings if severity is None or f.severity is severity}


SHAPE = (60, 50, 40)
AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])

BODY: dict[str, tuple[int, int, int]] = {
    "liver": (40, 30, 25),
    "spleen": (15, 20, 25),
    "stomach": (22, 32, 26),
    "kidney_right": (38, 12, 20),
    "kidney_left": (18, 12, 20),
    "heart": (26, 33, 35),
    "urinary_bladder": (30, 30, 4),
    "vertebrae_L1": (29, 8, 20),
}
"""Centres (i, j, k) in RAS+: i to the right."""


def body_case(
    centres: Mapping[str, tuple[int, int, int]],
    *,
    anatomical: bool = True,
    axis: int = 2,
    half: int = 3,
    files: bool = False,
) -> CaseView:
    grid = Grid(SHAPE, AFFINE)
    slope = np.indices(SHAPE).sum(axis=0).astype(np.float32)
    image = ImageView("c", "c.nii.gz", as_planes(slope, axis), axis, grid, anatomical)
    labels = []
    for name, centre in centres.items():
        mask = np.zeros(SHAPE, dtype=np.bool_)
        mask[tuple(slice(max(c - half, 0), c + half) for c in centre)] = True
        labels.append(
            LabelView(
                "c",
                name,
                "label",
                Mask.of(mask).as_planes(axis),
                pixel_mm(grid, axis),
                grid.spacing_mm[axis],
                spacing_known=True,
                image=image,
                file_name=f"{name}.nii.gz" if files else "c.nii.gz",
            )
        )
    return CaseView("c", "label", image, tuple(labels))


def flipped(axis: int) -> dict[str, tuple[int, int, int]]:
    """The body as a header with one wrong sign shows it."""
    moved = {}
    for name, centre in BODY.items():
        turned = list(centre)
        turned[axis] = SHAPE[axis] - centre[axis]
        moved[name] = (turned[0], turned[1], turned[2])
    return moved
