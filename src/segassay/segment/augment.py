"""Patches turned, scaled, mirrored and given other tones: MONAI's transforms on one patch."""

from collections.abc import Callable

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
)

from segassay.segment.examples import Patch, Survey
from segassay.vocabulary.names import mirrored

_TURN, _SCALE = 0.26, 0.15
"""A quarter of a radian, about 15 degrees; and a seventh of the size."""


def augmentation(found: Survey) -> Callable[[Patch, np.random.Generator], Patch]:
    """Return what changes a patch at random.

    Structures that have a side are never mirrored left to right, since left would be called right;
    only pictures in colour are mirrored top to bottom.
    """
    pre = found.preprocessing
    names, keys = ("image", "target", "known"), ["image", "target", "known"]
    modes = ["bilinear", "nearest", "nearest"]
    turn = (_TURN,) if pre.axes == 2 else (0.1, 0.1, _TURN)
    steps = [
        RandAffined(
            keys,
            prob=0.5,
            rotate_range=turn,
            scale_range=(_SCALE,) * pre.axes,
            mode=modes,
            padding_mode="border",
        ),
        RandGaussianNoised(["image"], prob=0.15, std=0.1),
        RandGaussianSmoothd(["image"], prob=0.1),
        RandScaleIntensityd(["image"], factors=0.25, prob=0.3),
        RandAdjustContrastd(["image"], prob=0.3, gamma=(0.7, 1.5), retain_stats=True),
    ]
    if not any(mirrored(name) != name for name in found.structures):
        steps.insert(1, RandFlipd(keys, prob=0.5, spatial_axis=pre.axes - 1))
    if pre.colour:
        steps.insert(1, RandFlipd(keys, prob=0.5, spatial_axis=0))
    chain = Compose(steps)

    def changed(patch: Patch, rng: np.random.Generator) -> Patch:
        """Change a patch; the same draws give the same patch."""
        chain.set_random_state(int(rng.integers(2**31)))
        said = chain({name: torch.from_numpy(getattr(patch, name)) for name in names})
        image, target, known = (np.asarray(said[name], dtype=np.float32) for name in names)
        return Patch(image, target, known, patch.weight, patch.grey)

    return changed
