"""Hand-made views for the tests of checks: a clean cube, its file, its facts."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.checks.base import FileView, LabelFacts, LabelView
from segassay.geometry.grid import Grid
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
    return LabelView("c", structure, "label", planes, (1.0, 1.0), thickness_mm, spacing_known=True)


def facts(n: int, size: float = 1.0, **changes: Any) -> LabelFacts:
    base = LabelFacts(f"c{n}", f"s{n}", "liver", "label", 100, size, "ml", f"m{n}", f"i{n}")
    return replace(base, **changes)


def names(findings: list[Finding], severity: Severity | None = None) -> set[str]:
    return {f.check for f in findings if severity is None or f.severity is severity}
