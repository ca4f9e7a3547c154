"""Masks that somebody's network predicted, as masks of a network: real errors to learn from."""

from dataclasses import replace

import numpy as np

from segassay.corruption.network_masks import NetworkMasks
from segassay.corruption.solve import overlap
from segassay.judge.inputs.letterbox import letterbox
from segassay.training.material.store import StoredCase, StoredSet

NAME = "public"
_SIDE = 192


def with_predictions(store: StoredSet, predictions: StoredSet) -> StoredSet:
    """Give every case of pictures the predictions of the same case as masks of one network.

    Predictions on another grid, and of volumes, are left out.
    """
    others = {case.case_id: case for case in predictions.cases}
    cases = (_with_masks(case, others.get(case.case_id)) for case in store.cases)
    return StoredSet.of(store.recipe, tuple(cases))


def _with_masks(case: StoredCase, other: StoredCase | None) -> StoredCase:
    fits = other is not None and other.planes.shape == case.planes.shape and len(case.planes) == 1
    if other is None or not fits:
        return case
    names = [name for name in other.labels if name in case.labels]
    if not names:
        return case
    masks = [other.mask(name, 0) for name in names]
    shape = (case.planes.shape[1], case.planes.shape[2])
    lay = letterbox(shape, case.pixel_mm, _SIDE)
    shown = lay(np.stack(masks).astype(np.float32))
    dice = [overlap(m, case.mask(name, 0)) for m, name in zip(masks, names, strict=True)]
    return replace(
        case,
        networks=NetworkMasks(
            networks=(NAME,),
            structures=tuple(names),
            places=np.array([(0, n, 0) for n in range(len(names))], dtype=np.int32),
            probability=np.rint(255 * shown).clip(0, 255).astype(np.uint8),
            dice=np.asarray(dice, dtype=np.float32),
        ),
    )
