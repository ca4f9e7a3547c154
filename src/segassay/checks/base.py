"""What a check gets to see, and how it describes itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from segassay.checks.certain import Certain
from segassay.checks.plane_changes import PlaneChanges, plane_changes
from segassay.datasets.case import Dataset
from segassay.geometry.grid import Grid
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.intensity import holds_hu
from segassay.images.mask import Mask
from segassay.records.findings import Finding
from segassay.types import Modality, Severity


@dataclass(frozen=True, slots=True, eq=False)
class FileView:
    """One label file of one case.

    `structure` is set where the file holds that structure alone. `counts` maps every voxel value
    to its number of voxels; `declared` are the values the data set names (empty: any may come).
    `max_fraction` is the largest distance of a voxel from a whole number. Grids are RAS+, as is
    what `array` makes when it is asked, the file's whole numbers `(i, j, k)`, cut to what is not 0
    with a rim. Headers are as stored, `None` where the format has none like NIfTI's. `ignore` are
    the values of voxels that nobody labelled. `n_greys`, `exif` and `turned` are a picture's: how
    many values it had where it means one mask, its own EXIF orientation, and the one by which it
    was turned.
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
    header: HeaderFacts | None = None
    image_header: HeaderFacts | None = None
    array: Callable[[], NDArray[Any]] | None = None
    ignore: frozenset[int] = frozenset()
    n_greys: int = 0
    exif: int = 1
    turned: int = 1

    @property
    def values(self) -> list[int]:
        """Values in the file that should mean a structure, in order."""
        return sorted(set(self.counts) - {0} - self.ignore)

    @property
    def voxels(self) -> str:
        """What its elements are called: a picture has pixels."""
        return "pixels" if self.label_grid.shape[2] == 1 else "voxels"


@dataclass(frozen=True, slots=True, eq=False)
class ImageView:
    """The image of one case as slices `(slice, row, column)` along `axis`, in any real type.

    `grid` is RAS+. `anatomical` is `False` where left and right are not known, see
    `images.volume.Volume`. `lowest` marks voxels of the image's smallest value, `None` where that
    is the only value; `hounsfield` tells that values are a CT's. `channels` are the grids of the
    image's further channels by file name, or why one cannot be read. `exif` is the EXIF
    orientation by which a picture was turned upright, 1 for none.
    """

    case_id: str
    file_name: str
    planes: NDArray[Any]
    axis: int
    grid: Grid
    anatomical: bool
    modality: Modality | None = None
    header: HeaderFacts | None = None
    exif: int = 1
    channels: Mapping[str, Grid | str] = field(default_factory=dict)
    least: float = field(init=False)
    most: float = field(init=False)
    lowest: NDArray[np.bool_] | None = field(init=False)
    hounsfield: bool = field(init=False)

    def __post_init__(self) -> None:
        least, most = self.planes.min(), self.planes.max()
        object.__setattr__(self, "least", float(least))
        object.__setattr__(self, "most", float(most))
        object.__setattr__(self, "lowest", self.planes <= least if least < most else None)
        object.__setattr__(self, "hounsfield", holds_hu(self.planes, self.modality))

    structure: ClassVar[None] = None
    source: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Bound:
    """What a user holds plausible for one structure: a quantity and its limits, both included.

    `None` is no limit: JSON has no infinity.
    """

    structure: str
    quantity: str
    lower: float | None
    upper: float | None

    def allows(self, value: float, *, may_be_more: bool = False) -> bool:
        """Whether a value lies within the limits; one that `may_be_more` has no lower one."""
        enough = self.lower is None or value >= self.lower or may_be_more
        return enough and (self.upper is None or value <= self.upper)


@dataclass(frozen=True, slots=True, eq=False)
class LabelView:
    """One label as slices `(slice, row, column)` along the slicing axis; nothing may be changed.

    `pixel_mm` is (row, column). Sizes are in millilitres; in voxels where the spacing is unknown.
    `areas` are the mask pixels of every slice, `box` is the bounding box, `None` without a voxel;
    `changes` tell how the mask changes from plane to plane. `image` has the same slices, `None`
    where nothing of it is known; `file_name` is empty where the mask lies in no file. `known` marks
    the voxels that somebody labelled, `None` for all: a rule holds no other against a label.
    """

    case_id: str
    structure: str
    source: str
    planes: Mask
    pixel_mm: tuple[float, float]
    thickness_mm: float
    spacing_known: bool
    image: ImageView | None = None
    file_name: str = ""
    bounds: tuple[Bound, ...] = ()
    known: NDArray[np.bool_] | None = None
    areas: NDArray[np.int64] = field(init=False)
    box: tuple[slice, ...] | None = field(init=False)
    changes: tuple[PlaneChanges, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "areas", self.planes.areas)
        object.__setattr__(self, "box", self.planes.box if self.planes else None)
        object.__setattr__(self, "changes", plane_changes(self.cropped, self.cropped_known))

    @property
    def n_voxels(self) -> int:
        """Voxels of the mask."""
        return int(self.areas.sum())

    @property
    def voxel_size(self) -> float:
        """Millilitres per voxel; 1 where the spacing is unknown."""
        if not self.spacing_known:
            return 1.0
        if self.image is not None:  # its axes may be sheared, which widens no voxel
            return self.image.grid.voxel_ml
        return self.pixel_mm[0] * self.pixel_mm[1] * self.thickness_mm / 1000

    @property
    def unit(self) -> str:
        """Unit of sizes, as written after a number."""
        return "ml" if self.spacing_known else self.voxels

    @property
    def is_flat(self) -> bool:
        """Whether this is a single image: it has pixels, and no slices to look at."""
        return len(self.planes) == 1

    @property
    def voxels(self) -> str:
        """What its elements are called, in the plural."""
        return "pixels" if self.is_flat else "voxels"

    def in_slice(self, index: int) -> str:
        """Name a slice after a blank, as in ` in slice 7`; empty for a single image."""
        return "" if self.is_flat else f" in slice {index}"

    def look_at(self, index: int) -> str:
        """Tell where to look: at the slice, or at the image if there is one only."""
        return "look at the image" if self.is_flat else f"look at slice {index}"

    @property
    def is_cut(self) -> bool:
        """Whether this is one slice of a volume: what hangs together in space may not do so here.

        A single slice with a voxel size was cut from a volume; pictures have none.
        """
        return len(self.planes) == 1 and self.spacing_known

    @property
    def cropped(self) -> NDArray[np.bool_]:
        """The slices cut to the mask's bounding box; empty for an empty mask."""
        return self.planes.inside

    @property
    def cropped_known(self) -> NDArray[np.bool_] | None:
        """`known` cut to the mask's bounding box; `None` where all of it is known."""
        if self.known is None or self.box is None or self.known[self.box].all():
            return None
        return self.known[self.box]

    @property
    def may_go_on(self) -> bool:
        """Whether unknown voxels lie in or beside the mask: then its size is a lower bound.

        Of an empty mask, whether nothing at all is known.
        """
        if self.known is None or self.box is None:
            return self.known is not None and not self.known.any()
        around = tuple(slice(max(box.start - 1, 0), box.stop + 1) for box in self.box)
        return not self.known[around].all()

    @property
    def first_slice(self) -> int:
        """Index of the first slice of `cropped`; 0 for an empty mask."""
        return 0 if self.box is None else int(self.box[0].start)

    @property
    def centre(self) -> tuple[float, float, float]:
        """Mean index `(slice, row, column)` of the mask's voxels; NaN for an empty mask."""
        if self.box is None:
            return (float("nan"),) * 3
        flat = np.add.reduce(self.cropped, axis=0, dtype=np.int64)
        inside = (self.areas[self.box[0]], flat.sum(axis=1), flat.sum(axis=0))
        s, r, c = (
            float(box.start + np.average(np.arange(len(n)), weights=n))
            for box, n in zip(self.box, inside, strict=True)
        )
        return s, r, c

    @property
    def at_sides(self) -> int:
        """Mask voxels in the outermost rows and columns of the slices."""
        return self.planes.at_border()[0]

    @property
    def at_ends(self) -> int:
        """Mask voxels in the first and the last slice; 0 for a single slice, which has no ends."""
        return self.planes.at_border()[1] if len(self.areas) > 1 else 0


@dataclass(frozen=True, slots=True, eq=False)
class CaseView:
    """The labels of one case and one source that have voxels, on one image."""

    case_id: str
    source: str
    image: ImageView
    labels: tuple[LabelView, ...]

    structure: ClassVar[None] = None

    def named(self, prefix: str) -> tuple[LabelView, ...]:
        """Return labels whose name is `prefix` or goes on after it with an underscore."""
        return tuple(
            view
            for view in self.labels
            if view.structure == prefix or view.structure.startswith(f"{prefix}_")
        )


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What the cohort checks need of one label; small enough to be kept in a shard.

    `cut` tells that a good part of the mask lies on the border of the image, so that its size is
    a lower bound, `may_go_on` that voxels in or beside it were ignored. `split` is the part of the
    data set the case belongs to, empty for none; `image_print` is the image's print, see
    `checks.cohort_rules.fingerprints`, empty where it is not known.
    Checksums are of the voxels, not of the files: the same content compressed anew is the same. An
    image without a usable label has one entry, with an empty `structure`.
    """

    case_id: str
    subject_id: str
    structure: str
    source: str
    n_voxels: int
    size: float
    unit: str
    mask_sha256: str
    image_sha256: str
    cut: bool = False
    split: str = ""
    image_print: str = ""
    may_go_on: bool = False


View = TypeVar("View", FileView, ImageView, LabelView, CaseView, Sequence[LabelFacts], Dataset)


@dataclass(frozen=True, slots=True)
class Check(Generic[View]):
    """A check with its card: what it finds, what it cannot see, its worst severity, its rule.

    `certain` tells what follows for a score where an error of the rule leaves no doubt.
    """

    run: Callable[[View], list[Finding]]
    sees: str
    blind_to: str
    severity: Severity
    rule: str
    certain: Certain | None = None


def found(
    check: str,
    view: FileView | ImageView | LabelView | CaseView | LabelFacts,
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
