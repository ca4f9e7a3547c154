"""Regions found in the training images as a training set of its own, without names.

No expert label has a part in it: what stands out in an image is taken for a structure
(`data.found_regions`), so that the judge learns to follow what it sees where it knows no name.
"""

import numpy as np
from numpy.typing import NDArray

from segassay.data.found_regions import found_regions
from segassay.geometry.resample import resized
from segassay.training.settings import RegionRecipe, SetRecipe
from segassay.training.store import Bytes, StoredCase, StoredSet, coded_label

BoolArray = NDArray[np.bool_]

_LONGEST = 192
"""Pixels along the longer side of the slices that regions are found in."""

_NAME = "found_regions"


def region_set(recipe: RegionRecipe, sets: tuple[StoredSet, ...], *, seed: int) -> StoredSet:
    """Find regions in slices of the sets' cases, the same number from every set.

    A slice comes with its neighbours, and its regions are taken to go through all three.
    """
    entry = SetRecipe(name=_NAME, weight=recipe.weight, mirror="free", named=False)
    each = -(-recipe.images // len(sets))
    found = [
        _case(store, np.random.default_rng([seed, number, turn]), f"{store.recipe.name}_{turn}")
        for number, store in enumerate(sets)
        for turn in range(each)
    ]
    return StoredSet.of(entry, tuple(case for case in found if case.labels))


def _case(store: StoredSet, rng: np.random.Generator, case_id: str) -> StoredCase:
    """Draw a case and one of its slices that hold a label, and find what stands out there."""
    case = store.cases[int(rng.integers(len(store.cases)))]
    filled = [label.filled for label in case.labels.values() if label.filled.size]
    index = int(rng.choice(np.concatenate(filled))) if filled else 0
    last = len(case.planes) - 1
    around = [max(index - 1, 0), index, min(index + 1, last)] if last else [0]
    planes = _reduced(case.planes[around])
    regions = found_regions(planes[len(around) // 2], rng)
    maps = [np.repeat(layer[None], len(around), axis=0) for layer in _layers(regions)]
    scale = case.planes.shape[1] / planes.shape[1], case.planes.shape[2] / planes.shape[2]
    pixel = case.pixel_mm[0] * scale[0], case.pixel_mm[1] * scale[1]
    labels = {
        f"region_{layer}_{value}": coded_label(layer, coded, {value: value}, (value,), pixel)
        for layer, coded in enumerate(maps)
        for value in range(1, int(coded.max()) + 1)
    }
    return StoredCase(
        set_name=_NAME,
        case_id=case_id,
        subject_id=case.subject_id,
        voxels_sha256=case.voxels_sha256,
        modality=None,
        planes=planes,
        pixel_mm=pixel,
        thickness_mm=case.thickness_mm,
        spacing_known=case.spacing_known,
        maps=tuple(maps),
        labels=labels,
    )


def _reduced(planes: Bytes) -> Bytes:
    """Return slices with at most so many pixels along their longer side."""
    factor = min(_LONGEST / max(planes.shape[1:]), 1.0)
    shape = tuple(max(round(n * factor), 1) for n in planes.shape[1:])
    small = resized(planes.astype(np.float32), (len(planes), shape[0], shape[1]))
    return np.asarray(np.clip(np.rint(small), 0, 255), dtype=np.uint8)


def _layers(regions: list[BoolArray]) -> list[Bytes]:
    """Write regions `(row, column)` into as few maps as hold them without overlap."""
    layers: list[Bytes] = []
    for region in regions:
        free = next((layer for layer in layers if not layer[region].any()), None)
        if free is None:
            free = np.zeros(region.shape, dtype=np.uint8)
            layers.append(free)
        free[region] = free.max() + 1
    return layers
