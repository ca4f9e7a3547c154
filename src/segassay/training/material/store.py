"""Expert cases in memory, as 8-bit slices, ready to be drawn from.

Images are kept as bytes between their 0.1 and 99.9 percentiles: the judge standardises every crop
anyway, and all training sets together fit into a laptop's memory that way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.network_masks import NetworkMasks
from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_labelled_case
from segassay.errors import CaseError, UsageError
from segassay.images.intensity import robust_ends
from segassay.images.slicing import as_planes
from segassay.images.volume import voxel_sha256
from segassay.judge.inputs.preprocess import plane_stack
from segassay.training.settings import SetRecipe
from segassay.types import Modality, Say

Bytes = NDArray[np.uint8]
Codes = NDArray[np.unsignedinteger[Any]]
"""Numbers of label values: bytes, or two where a map holds more than 256 values."""

_AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Axis of a RAS+ volume that slices of each plane count along."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedLabel:
    """Where one structure is: codes in one of the case's maps, with its slices' areas.

    `areas` `(slices,)` in pixels, -1 where a slice has pixels with one of the codes `unknown`:
    nobody labelled those, and nothing is learned there. `extent_mm` is the largest in-plane extent
    over all slices.
    """

    layer: int
    codes: tuple[int, ...]
    areas: NDArray[np.int64]
    extent_mm: float
    unknown: tuple[int, ...] = ()

    @property
    def filled(self) -> NDArray[np.intp]:
        """Indices of the slices that hold the structure."""
        return np.flatnonzero(self.areas > 0)


@dataclass(frozen=True, slots=True, eq=False)
class StoredCase:
    """One image as `(slice, row, column)` bytes with its label maps of the same shape.

    `networks` holds what segmenters made of it that did not learn from its subject. `colours` are
    those of a picture in colour, as `Volume` has them. `problems` tell why labels of the case are
    not among `labels`.
    """

    set_name: str
    case_id: str
    subject_id: str
    voxels_sha256: str
    modality: Modality | None
    planes: Bytes
    pixel_mm: tuple[float, float]
    thickness_mm: float
    spacing_known: bool
    maps: tuple[Codes, ...]
    labels: dict[str, CodedLabel]
    networks: NetworkMasks | None = None
    colours: Bytes | None = None
    problems: tuple[str, ...] = ()

    def mask(self, structure: str, index: int | list[int]) -> NDArray[np.bool_]:
        """Return the expert mask `(row, column)` of one slice, or of several stacked."""
        label = self.labels[structure]
        return coded_mask(self.maps[label.layer][index], label.codes)

    def present(self, index: int) -> list[str]:
        """Return the structures that slice `index` holds."""
        return [name for name, label in self.labels.items() if label.areas[index] > 0]


@dataclass(frozen=True, slots=True, eq=False)
class StoredSet:
    """All cases of one data set that may be drawn, with its recipe."""

    recipe: SetRecipe
    cases: tuple[StoredCase, ...]
    holders: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, recipe: SetRecipe, cases: tuple[StoredCase, ...]) -> "StoredSet":
        """Index the cases by the structures that they hold."""
        holders: dict[str, list[int]] = {}
        for number, case in enumerate(cases):
            for name, label in case.labels.items():
                if label.filled.size:
                    holders.setdefault(name, []).append(number)
        return cls(recipe, cases, {name: tuple(numbers) for name, numbers in holders.items()})


def open_recipe(recipe: SetRecipe, root: Path) -> Dataset:
    """Open the data set that a recipe names, below `root`."""
    if recipe.path is not None:
        return open_dataset(root / recipe.path)
    return open_dataset(
        images=root / (recipe.images or ""),
        labels=root / (recipe.labels or ""),
        structure=recipe.structure,
    )


def load_set(
    recipe: SetRecipe, dataset: Dataset, subjects: frozenset[str], *, say: Say
) -> StoredSet:
    """Read the labelled cases of these subjects, with the labels that an audit calls valid.

    A label or an image that cannot be used is left out, and `say` gets a line that tells why.

    Raises:
        UsageError: Two sources label one structure, and which to learn from is not said.
    """
    wanted = [case for case in dataset.cases if case.subject_id in subjects and case.labels]
    return StoredSet.of(recipe, tuple(_load_cases(recipe, wanted, say)))


def _load_cases(recipe: SetRecipe, cases: Sequence[Case], say: Say) -> Iterator[StoredCase]:
    for case in cases:
        try:
            stored = load_case(recipe, case)
        except CaseError as error:
            say(f"{recipe.name}: case {case.case_id} is left out: {error}")
            continue
        for problem in stored.problems:
            say(f"{recipe.name}: a label of case {case.case_id} is left out: {problem}")
        if stored.labels:
            yield stored


def load_case(recipe: SetRecipe, case: Case) -> StoredCase:
    """Read one case with all its label files that can be used, see `read_labelled_case`.

    Raises:
        UsageError: Two sources label one structure, and which to learn from is not said.
        CaseError: The image cannot be read.
    """
    _require_one_source(recipe, case)
    read = read_labelled_case(case)
    stack = plane_stack(read.image, _AXES.get(recipe.plane), modality=recipe.modality)
    layers: dict[int, int] = {}
    maps: list[Codes] = []
    codes: list[dict[int, int]] = []
    labels = {}
    for ref, found in read.labels.items():
        layer = layers.setdefault(id(found), len(maps))
        if layer == len(maps):
            coded, code = _compact(as_planes(found.volume.array, stack.axis))
            maps.append(coded)
            codes.append(code)
        labels[ref.structure] = coded_label(
            layer, maps[layer], codes[layer], ref.values, stack.pixel_mm, ref.ignore
        )
    return StoredCase(
        set_name=recipe.name,
        case_id=case.case_id,
        subject_id=case.subject_id,
        voxels_sha256=voxel_sha256(read.image.array),
        modality=recipe.modality,
        planes=to_bytes(stack.every()),
        pixel_mm=stack.pixel_mm,
        thickness_mm=stack.thickness_mm,
        spacing_known=stack.spacing_known,
        maps=tuple(maps),
        labels=labels,
        colours=read.image.colours,
        problems=tuple(map(str, read.problems)),
    )


def _require_one_source(recipe: SetRecipe, case: Case) -> None:
    names = [ref.structure for ref in case.labels]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"{recipe.name}: case {case.case_id!r} has {twice!r} from several sources; "
            "name one of them with 'images' and 'labels'"
        )


def coded_mask(planes: Codes, codes: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where `planes` holds one of the codes; comparing is ten times faster than a table."""
    mask = np.zeros(planes.shape, dtype=np.bool_)
    for code in codes:
        mask |= planes == code
    return mask


def to_bytes(planes: NDArray[np.float32]) -> Bytes:
    """Scale intensities linearly to 0..255 between robust ends; a constant image becomes 0."""
    low, high = robust_ends(planes)
    scaled = (planes - low) * (255.0 / max(high - low, 1e-6))
    return np.asarray(np.clip(np.rint(scaled), 0, 255), dtype=np.uint8)


def _compact(planes: NDArray[np.integer[Any]]) -> tuple[Codes, dict[int, int]]:
    """Number label values from 0, in bytes where these suffice: some maps hold hundreds."""
    values, coded = np.unique(planes, return_inverse=True)
    code = {int(value): number for number, value in enumerate(values)}
    return coded.reshape(planes.shape).astype(np.min_scalar_type(len(values) - 1)), code


def coded_label(
    layer: int,
    planes: Codes,
    code: dict[int, int],
    values: tuple[int, ...] | None,
    pixel: tuple[float, float],
    ignore: tuple[int, ...] = (),
) -> CodedLabel:
    """Describe where a structure is in one map of codes; `values` `None` means all but 0.

    Pixels of a value in `ignore` are not labelled.
    """
    wanted = [v for v in code if v not in (0, *ignore)] if values is None else values
    codes = tuple(code[v] for v in wanted if v in code)
    mask = coded_mask(planes, codes)
    rows, columns = mask.any(axis=2), mask.any(axis=1)
    extent = max(_longest(np.asarray(rows)) * pixel[0], _longest(np.asarray(columns)) * pixel[1])
    unknown = tuple(code[v] for v in ignore if v in code)
    areas = mask.sum(axis=(1, 2))
    if unknown:
        areas[coded_mask(planes, unknown).any(axis=(1, 2))] = -1
    return CodedLabel(layer, codes, areas, extent, unknown)


def _longest(profile: NDArray[np.bool_]) -> int:
    """Return the largest distance between the first and last set entry of any row."""
    spans = [np.flatnonzero(line) for line in profile if line.any()]
    return max((int(s[-1] - s[0] + 1) for s in spans), default=0)
