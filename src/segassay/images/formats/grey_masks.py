"""Masks stored as grey pictures: compressed as JPEG, smoothed or enlarged, with a rim of greys.

Such a picture means two values. The outline lies where the grey is half of the mask's: there the
area is right, while "any value but zero" would add the whole rim to it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

_MIDDLE = (0.12, 0.88)
"""Greys between these shares of the mask's own value are neither mask nor background."""

_EVEN = 0.1
"""Share of the mask's value by which a pixel's neighbours may differ where there is a plateau."""

_FEW = 4
_PLATEAU = 0.01
"""Share of the mask on plateaus of a value in between from which they are a structure. Binary masks
in JPEG of any quality have none; a second structure is nearly nothing else."""

_LEAST_MASK = 128
_LEAST_VALUES = 5
"""A picture with fewer values, or darker ones, is a map of labels unless its format loses some."""

_LEAST_JPEG = 16
"""JPEG keeps differences of a few greys badly: 0 and 1 come out as 0 to 2, in blocks."""


def levelled(picture: NDArray[Any], *, lossy: bool) -> NDArray[Any] | None:
    """Set a mask's greys to 0 or to the mask's own value, whichever is nearer.

    Args:
        picture: Whole numbers `(row, column)`, not negative.
        lossy: Whether the format loses values, as JPEG does. Of one that does not, only what
            cannot be a map of labels is levelled: many values, in a rim narrower than the mask.

    Returns:
        The two values; `picture` itself where it holds no more, or is a map of labels; `None`
        where a lossy format hid which values there were.
    """
    values = np.unique(picture)
    if values.size <= 2:
        return picture
    most = int(values[-1])
    if not lossy and (most < _LEAST_MASK or values.size < _LEAST_VALUES):
        return picture
    value = int(np.median(picture[picture > most / 2]))
    low, high = (share * value for share in _MIDDLE)
    middle = (picture > low) & (picture < high)
    n_mask = int(np.count_nonzero(picture >= high))
    spread = ndi.maximum_filter(picture, 3).astype(np.int64) - ndi.minimum_filter(picture, 3)
    n_even = int(np.count_nonzero(middle & (spread <= _EVEN * value)))
    is_mask = n_even <= _FEW + _PLATEAU * n_mask and value >= (_LEAST_JPEG if lossy else 0)
    if lossy and not is_mask:
        return None
    if not is_mask or (not lossy and np.count_nonzero(middle) > n_mask):
        return picture
    return np.where(picture >= value / 2, value, 0).astype(picture.dtype)
