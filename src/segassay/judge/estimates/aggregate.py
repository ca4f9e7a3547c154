"""From the examined slices of a volume to one expected Dice.

Sums are led back to the whole volume before they are divided: with M the voxels of the mask
(counted exactly), I the expected overlap and G the expected size of the true mask,

    Dice = 2 I / (G + M).

I and G inside the mask's reach come from sampled slices by the ratio estimator, M times the
weighted sum over the weighted mask area of the sample; slices beyond the ends add to G with the
number of slices they stand for. The mean of slice Dice scores, which earlier systems report, is
something else: it forgets missing slices and weighs a fragment like the middle of the organ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from segassay.judge.documents.error_types import error_type


@dataclass(frozen=True, slots=True)
class SliceSums:
    """One examined slice in pixels: mask, expected overlap, expected size of the true mask.

    `weight` is the number of slices it stands for; `beyond` marks slices outside the mask's ends.
    `doubt` is the expected number of pixels that the judge is in two minds about, Σ p (1 - p).
    `embedding` `(e,)` is the network's view of the slice, of length 0 where it gives none.
    `agreeing` and `outline` are lengths as from `surface.outline_lengths`, 0 where the judge draws
    no mask. `error` is what error the judge expects of its Dice, NaN where it says nothing.
    """

    index: int
    weight: float
    beyond: bool
    mask: float
    overlap: float
    true: float
    presence: float
    doubt: float = 0.0
    embedding: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(0, np.float32), compare=False, repr=False
    )
    agreeing: float = 0.0
    outline: float = 0.0
    error: float = nan

    @property
    def dice(self) -> float:
        """Expected Dice of the slice; 0 where the mask is empty there."""
        total = self.true + self.mask
        return min(2 * self.overlap / total, 1.0) if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class VolumeEstimate:
    """Expected Dice of the volume before calibration, and what its error looks like.

    `size` is the expected number of voxels of the true mask. `doubt` is the part of both masks'
    mean size that the judge is in two minds about, 0 to 1/2. `nsd` is the expected surface Dice at
    2 mm, in the planes of the slices, and `path` the length of outline that a correction redraws;
    both NaN where no outline was drawn.
    """

    dice: float
    error_type: str
    presence: float
    doubt: float
    size: float
    nsd: float = nan
    path: float = nan


def estimate_volume(slices: Sequence[SliceSums], n_voxels: int) -> VolumeEstimate:
    """Combine examined slices of a mask with `n_voxels` > 0 voxels."""
    inside = [s for s in slices if not s.beyond]
    seen = sum(s.weight * s.mask for s in inside)
    scale = n_voxels / seen
    overlap = scale * sum(s.weight * s.overlap for s in inside)
    true = scale * sum(s.weight * s.true for s in inside)
    true += sum(s.weight * s.true for s in slices if s.beyond)
    doubt = scale * sum(s.weight * s.doubt for s in inside)
    doubt += sum(s.weight * s.doubt for s in slices if s.beyond)
    dice = min(2 * overlap / (true + n_voxels), 1.0)
    kind = error_type(dice, max(true - overlap, 0.0), max(n_voxels - overlap, 0.0))
    weight = sum(s.weight for s in inside)
    presence = sum(s.weight * s.presence for s in inside) / weight
    doubt = min(2 * doubt / (true + n_voxels), 0.5)
    error = sum(s.weight * s.mask * s.error for s in inside) / seen
    doubt = doubt if isnan(error) else error
    return VolumeEstimate(dice, kind, presence, doubt, true, *_surface(slices))


def _surface(slices: Sequence[SliceSums]) -> tuple[float, float]:
    """Return the surface Dice, and the length of outline that a correction redraws.

    The latter is the added path length (Vaassen 2020) of either outline to the other, averaged: a
    piece that is too much costs as the same piece missing does.
    """
    outline = sum(s.weight * s.outline for s in slices)
    agreeing = sum(s.weight * s.agreeing for s in slices)
    return (agreeing / outline, (outline - agreeing) / 2) if outline else (nan, nan)


def estimate_presence(probabilities: Sequence[float]) -> float:
    """Whether a structure is anywhere in a stack, from single slices spread over it.

    The mean of the highest fifth: the maximum alone would rise with the number of slices looked at.
    """
    highest = sorted(probabilities, reverse=True)[: max(1, round(len(probabilities) / 5))]
    return sum(highest) / len(highest)
