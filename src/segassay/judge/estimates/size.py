"""How much larger or smaller a label is than the mask that the judge expects."""

from dataclasses import dataclass
from math import nan

from segassay.images.slicing import pixel_mm, slicing_axis
from segassay.images.volume import Volume
from segassay.judge.estimates.aggregate import VolumeEstimate

_ABSENT = 0.5
"""Below this presence the structure was not found where the judge looked: nothing to compare."""


@dataclass(frozen=True, slots=True)
class SizeError:
    """A label's size minus the expected one; below 0 the label is too small.

    Attributes:
        relative: As a share of the expected size, at least -1, without an upper end.
        ml: In millilitres; NaN for a single image and without a spacing.
        mm2: In square millimetres; NaN for a volume and without a spacing.
    """

    relative: float = nan
    ml: float = nan
    mm2: float = nan


def size_error(n_voxels: int, estimate: VolumeEstimate, image: Volume) -> SizeError:
    """Compare a mask of `n_voxels` > 0 with the mask that is expected on `image`.

    The expected size is what the judge draws on the slices it examines, each for those it stands
    for, and what it expects outside its crops. All NaN where the judge does not find the structure
    there (presence below one half): where it may be instead, and how large, it cannot tell.
    """
    if not estimate.presence >= _ABSENT or estimate.size <= 0:
        return SizeError()
    surplus = float(n_voxels - estimate.size)
    relative = surplus / estimate.size
    if not image.spacing_known:
        return SizeError(relative)
    if 1 not in image.grid.shape:
        return SizeError(relative, ml=surplus * image.grid.voxel_ml)
    down, across = pixel_mm(image.grid, slicing_axis(image.grid))
    return SizeError(relative, mm2=surplus * down * across)
