"""What a check gets to see, and how it describes itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.grid import Grid
from segassay.records.findings import Finding
from segassay.types import Severity


@dataclass(frozen=True, slots=True, eq=False)
class FileView:
    """One label file of one case.

    `structure` is set where the file holds that structure alone. `counts` maps every voxel value
    to its number of voxels; `declared` are the values the data set names (empty: any may come).
    `max_fraction` is the largest distance of a voxel from a whole number. Grids are RAS+.
    """

    case_id: str
    structure: str | None
    source: str
    file_name: str
    label_grid: Grid
    image_grid: Grid
    counts: dict[int, int]
    declared: frozenset[int]
    max_fraction: float


@dataclass(frozen=True, slots=True, eq=False)
class LabelView:
    """One label as slices `(slice, row, column)` along the slicing axis; nothing may be changed.

    `pixel_mm` is (row, column). Sizes are in millilitres; in voxels where the spacing is unknown.
    """

    case_id: str
    structure: str
    source: str
    planes: NDArray[np.bool_]
    pixel_mm: tuple[float, float]
    thickness_mm: float
    spacing_known: bool
    areas: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        areas = self.planes.sum(axis=(1, 2), dtype=np.int64)
        object.__setattr__(self, "areas", areas)

    @property
    def n_voxels(self) -> int:
        """Voxels of the mask."""
        return int(self.areas.sum())

    @property
    def voxel_size(self) -> float:
        """Millilitres per voxel; 1 where the spacing is unknown."""
        if not self.spacing_known:
            return 1.0
        return self.pixel_mm[0] * self.pixel_mm[1] * self.thickness_mm / 1000

    @property
    def unit(self) -> str:
        """Unit of sizes, as written after a number."""
        return "ml" if self.spacing_known else "voxels"

    @property
    def cropped(self) -> NDArray[np.bool_]:
        """The slices cut to the mask's bounding box; empty for an empty mask."""
        filled = np.flatnonzero(self.areas)
        if not filled.size:
            return self.planes[:0]
        part = self.planes[filled[0] : filled[-1] + 1]
        rows = np.flatnonzero(part.any(axis=(0, 2)))
        columns = np.flatnonzero(part.any(axis=(0, 1)))
        return part[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What the cohort checks need of one label; small enough to be kept in a shard."""

    case_id: str
    subject_id: str
    structure: str
    source: str
    n_voxels: int
    size: float
    unit: str
    mask_sha256: str
    image_sha256: str


View = TypeVar("View", FileView, LabelView, Sequence[LabelFacts])


@dataclass(frozen=True, slots=True)
class Check(Generic[View]):
    """A check with its card: what it finds, what it cannot see, its worst severity, its rule."""

    run: Callable[[View], list[Finding]]
    sees: str
    blind_to: str
    severity: Severity
    rule: str


def found(
    check: str,
    view: FileView | LabelView | LabelFacts,
    severity: Severity,
    message: str,
    suggestion: str,
    **evidence: Any,
) -> Finding:
    """Make a finding about what a view shows."""
    return Finding(
        check=check,
        severity=severity,
        case_id=view.case_id,
        structure=view.structure,
        source=view.source,
        message=message,
        suggestion=suggestion,
        evidence=evidence,
    )
