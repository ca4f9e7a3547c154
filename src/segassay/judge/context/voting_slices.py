"""Which slices of a case vote, and are learned from: one choice for both."""

import numpy as np
from numpy.typing import NDArray

_SHARE, _LEAST = 0.1, 2
"""Slices beyond the first and the last with a label: a share of their number, but at least so many.

What lies just beyond a structure says where it ends.
"""


def chosen_slices(filled: NDArray[np.intp], n_slices: int, most: int) -> NDArray[np.intp]:
    """Choose slices evenly from a few before the first label to a few behind the last.

    Args:
        filled: The slices that hold a label, in any order, twice or once.
        n_slices: Of the case; a picture has one, which is always chosen.
        most: So many at most.

    Returns:
        Their numbers in order, `(n,)`; none of a volume without any label.
    """
    if n_slices == 1:
        return np.zeros(1, dtype=np.intp)
    if not filled.size:
        return np.zeros(0, dtype=np.intp)
    first, last = int(filled.min()), int(filled.max())
    margin = max(_LEAST, round(_SHARE * (last - first + 1)))
    low, high = max(0, first - margin), min(n_slices - 1, last + margin)
    count = min(most, high - low + 1)
    return np.unique(np.rint(np.linspace(low, high, count)).astype(np.intp))
