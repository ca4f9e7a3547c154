"""Parts of a mask that is fine beside its extent: nuclei all over a picture, vessels, exudates.

Seen as a whole through a crop of a hundred pixels, each of many small things is a blur. In parts,
each seen through a crop of its own, they are judged at their own scale, and what is found in the
parts is added up.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BoolArray = NDArray[np.bool_]

FINE = 1.7
"""From this fineness on a mask is seen in parts."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels, from `top` to before `bottom`, from `left` to before `right`."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, mask: BoolArray) -> BoolArray:
        """Return a mask `(rows, columns)` with nothing outside of this window."""
        found = np.zeros_like(mask)
        rows, columns = slice(self.top, self.bottom), slice(self.left, self.right)
        found[rows, columns] = mask[rows, columns]
        return found


def extent(mask: BoolArray) -> Window:
    """Return the smallest window round a mask `(rows, columns)` that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def thickness(mask: BoolArray) -> float:
    """Return how thick a mask `(rows, columns)` is on average, in pixels, at least 1.

    Four areas over the pixels of its border: the diameter where it is made of discs, twice the
    width where it is made of bands. 0 for an empty mask.
    """
    if not mask.any():
        return 0.0
    window = extent(mask)
    padded = np.pad(mask[window.top : window.bottom, window.left : window.right], 1)
    border = padded & ~ndimage.binary_erosion(padded)
    return 4 * float(np.count_nonzero(padded)) / float(np.count_nonzero(border))


def fineness(mask: BoolArray) -> float:
    """Return the extent of a mask `(rows, columns)` in units of its thickness; 0 for none."""
    if not mask.any():
        return 0.0
    window = extent(mask)
    longest = max(window.bottom - window.top, window.right - window.left)
    return longest / thickness(mask)


def windows(mask: BoolArray, n: int) -> list[Window]:
    """Lay `n` by `n` windows over a mask `(rows, columns)`; return those that hold some of it.

    They divide its extent evenly, and the outer ones reach to the ends of the image.
    """
    if not mask.any():
        return []
    around = extent(mask)
    rows = _edges(around.top, around.bottom, mask.shape[0], n)
    columns = _edges(around.left, around.right, mask.shape[1], n)
    every = [
        Window(top, bottom, left, right)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    return [one for one in every if mask[one.top : one.bottom, one.left : one.right].any()]


def _edges(low: int, high: int, size: int, n: int) -> list[int]:
    inner = {low + ceil((high - low) * part / n) for part in range(1, n)}
    return [0, *sorted(inner - {0, size}), size]
