"""Structures made of structures, to learn from: what they are only the context can tell.

A network learns small data sets by heart: it then knows what is right without asking the labels of
others, and on a data set that it never saw it does not ask either. So a set is shown once more
with all of its labels changed alike, those of networks included: halves, rims, surroundings. The
same image now has two right answers, and only the labels of other images say which one is meant.
(Random tasks made of others: Butoi et al., UniverSeg, ICCV 2023.)
"""

from collections.abc import Callable
from dataclasses import replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segassay.training.material.predictions import with_predictions
from segassay.training.material.store import CodedLabel, Codes, StoredCase, StoredSet, coded_label

BoolArray = NDArray[np.bool_]


def derived_set(store: StoredSet, predictions: StoredSet | None, weight: float) -> StoredSet:
    """Return a set of pictures once more, its labels changed in one of the ways of `CHANGES`.

    Args:
        store: The set, as it was read.
        predictions: The same cases with labels of a network, which change alike; `None` for none.
        weight: Of its pairs beside those of the set.
    """
    kind = list(CHANGES)[crc32(store.recipe.name.encode()) % len(CHANGES)]
    # A half has a side, which the mirror image has on the other one.
    mirror = "never" if kind in ("left", "right") else store.recipe.mirror
    recipe = store.recipe.model_copy(
        update={
            "name": f"{store.recipe.name}-{kind}",
            "named": False,
            "derived": True,
            "mirror": mirror,
            "weight": weight * store.recipe.weight,
        }
    )
    changed = StoredSet.of(recipe, tuple(_changed(case, recipe.name, kind) for case in store.cases))
    if predictions is None:
        return changed
    cases = tuple(_changed(case, recipe.name, kind) for case in predictions.cases)
    return with_predictions(changed, StoredSet.of(recipe, cases))


def _changed(case: StoredCase, set_name: str, kind: str) -> StoredCase:
    maps: list[Codes] = []
    labels: dict[str, CodedLabel] = {}
    for name, label in case.labels.items():
        mask = CHANGES[kind](case.mask(name, 0))
        unknown = np.isin(case.maps[label.layer][0], label.unknown)
        coded = np.where(unknown, 2, mask).astype(np.uint8)[None]
        labels[name] = coded_label(
            len(maps), coded, {0: 0, 1: 1, 2: 2}, (1,), case.pixel_mm, (2,) if label.unknown else ()
        )
        maps.append(coded)
    return replace(case, set_name=set_name, maps=tuple(maps), labels=labels, networks=None)


def _rim(mask: BoolArray) -> BoolArray:
    depth = ndimage.distance_transform_edt(mask)
    return np.asarray(mask & (depth <= max(0.4 * float(depth.max()), 1.0)))


def _core(mask: BoolArray) -> BoolArray:
    depth = ndimage.distance_transform_edt(mask)
    return np.asarray(depth > 0.35 * float(depth.max()))


def _wide(mask: BoolArray, share: float = 0.5) -> BoolArray:
    if not mask.any():
        return mask
    reach = max(share * float(ndimage.distance_transform_edt(mask).max()), 1.0)
    return np.asarray(ndimage.distance_transform_edt(~mask) <= reach)


def _surroundings(mask: BoolArray) -> BoolArray:
    return np.asarray(_wide(mask, 0.8) & ~mask)


def _halves(side: int, axis: int) -> Callable[[BoolArray], BoolArray]:
    def half(mask: BoolArray) -> BoolArray:
        """Return one half of each piece, cut through the middle of its box."""
        pieces, _ = ndimage.label(mask)
        kept = np.zeros_like(mask)
        for number, box in enumerate(ndimage.find_objects(pieces), start=1):
            middle = (box[axis].start + box[axis].stop) // 2
            own = slice(None, middle) if side == 0 else slice(middle, None)
            part = (own, slice(None)) if axis == 0 else (slice(None), own)
            kept[part] |= pieces[part] == number
        return kept

    return half


def _boxes(mask: BoolArray) -> BoolArray:
    kept = np.zeros_like(mask)
    for box in ndimage.find_objects(ndimage.label(mask)[0]):
        kept[box] = True
    return kept


CHANGES: dict[str, Callable[[BoolArray], BoolArray]] = {
    "rim": _rim,
    "core": _core,
    "wide": _wide,
    "surroundings": _surroundings,
    "upper": _halves(0, 0),
    "lower": _halves(1, 0),
    "left": _halves(0, 1),
    "right": _halves(1, 1),
    "boxes": _boxes,
}
"""From a mask `(rows, columns)` to another one; an empty one stays empty."""
