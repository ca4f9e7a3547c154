"""What an image's numbers mean: Hounsfield units, or grey values of no meaning by themselves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.types import Modality

SOFT_TISSUE_HU = (-200.0, 300.0)
"""Window of CT that judges and pictures show."""

_AIR_HU = -250.0
_SHARE_OF_AIR = 0.001

MOST_USABLE = 1e18
"""Beyond it single precision cannot hold squares: one such voxel would leave nothing of a mean."""

_ENDS = (0.1, 99.9)
_MOST_SLICES = 64


def robust_ends(planes: NDArray[Any]) -> tuple[float, float]:
    """Return what is black and what is white in slices `(slice, row, column)`.

    The 0.1 and 99.9 percentiles over at least 64 evenly spread slices (all, where there are
    fewer); equal for a constant image.
    """
    some = np.asarray(planes[:: max(1, len(planes) // _MOST_SLICES)])
    low, high = np.percentile(some.astype(np.float32, copy=False), _ENDS)
    return float(low), float(high)


def holds_hu(values: NDArray[Any], modality: Modality | None = None) -> bool:
    """Tell whether an image holds Hounsfield units: whether some of it is darker than any tissue.

    Of no known modality, one voxel in a thousand must be: interpolation makes a few negative values
    in any image. Images of another modality than CT never do, whatever their values (phase
    images, differences, padding).
    """
    if modality is not None:
        return modality is Modality.CT and float(values.min()) < _AIR_HU
    # Whole numbers are compared with one: beside a fraction they would all be made fractions.
    n_dark = int(np.count_nonzero(values < int(_AIR_HU)))
    return n_dark >= max(1.0, _SHARE_OF_AIR * values.size)


def n_unusable(values: NDArray[Any]) -> int:
    """Count what is NaN, infinite or beyond `MOST_USABLE`, as 3.4e38, which stands for none."""
    return values.size - int(np.count_nonzero(np.abs(values) <= MOST_USABLE))
