"""The grey range of an image, when its numbers mean nothing by themselves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ENDS = (0.1, 99.9)
_MOST_SLICES = 64


def robust_ends(planes: NDArray[Any]) -> tuple[float, float]:
    """Return what is black and what is white in slices `(slice, row, column)`.

    The 0.1 and 99.9 percentiles over at least 64 evenly spread slices (all, where there are
    fewer); equal for a constant image.
    """
    low, high = np.percentile(planes[:: max(1, len(planes) // _MOST_SLICES)], _ENDS)
    return float(low), float(high)
