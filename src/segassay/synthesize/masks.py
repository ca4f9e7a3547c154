"""Masks that synthetic images are drawn to: those of the training data, each a little varied."""

import numpy as np
import torch
from monai.transforms import Rand2DElastic
from numpy.typing import NDArray

from segassay.errors import DatasetError
from segassay.synthesize.training_images import INSIDE, UNKNOWN, TrainingImages

_TRIES = 10
_TURN, _SCALE, _SHIFT = 0.26, 0.15, 0.06
"""Radians, about 15 degrees; share of the size; share of the longer side."""

_WAVES, _BEND = 1 / 4, 1 / 32
"""Distance between control points of the bending, and how far they move, in longer sides."""


def donors(training: TrainingImages) -> NDArray[np.intp]:
    """Return the numbers of images whose masks may be drawn to: at each known, at least one filled.

    A structure that nobody labelled in an image is unknown in all of it; pixels that are to be
    ignored would leave holes.

    Raises:
        DatasetError: There is none.
    """
    masks = training.masks
    known = masks != UNKNOWN
    whole = (known.all(axis=(2, 3)) | ~known.any(axis=(2, 3))).all(axis=1)
    found = np.flatnonzero(whole & (masks == INSIDE).any(axis=(1, 2, 3)))
    if not found.size:
        raise DatasetError(
            f"no image has masks without ignored pixels of {', '.join(training.structures)}: name "
            "other --structures, or leave --with-masks out"
        )
    return found


def varied(masks: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
    """Turn, scale, move and bend the masks of an image `(structures, rows, columns)` together.

    Every structure keeps at least half and at most twice its pixels; where no draw of ten does, the
    masks stay as they are.
    """
    longer = max(masks.shape[1:])
    bend = Rand2DElastic(
        spacing=(longer * _WAVES,) * 2,
        magnitude_range=(0.0, longer * _BEND),
        prob=1.0,
        rotate_range=(_TURN,),
        translate_range=(longer * _SHIFT,) * 2,
        scale_range=(_SCALE,) * 2,
        mode="nearest",
        padding_mode="border",
    )
    area = (masks == INSIDE).sum(axis=(1, 2))
    for _ in range(_TRIES):
        bend.set_random_state(int(rng.integers(2**31)))
        bent = np.asarray(bend(torch.from_numpy(masks.astype(np.float32)))).round().astype(np.int8)
        share = (bent == INSIDE).sum(axis=(1, 2)) / np.maximum(area, 1)
        if ((share >= 0.5) & (share <= 2) | (area == 0)).all():
            return bent
    return masks
