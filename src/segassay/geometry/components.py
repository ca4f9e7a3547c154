"""Connected parts and holes of a mask."""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Components:
    """Sizes of the connected parts in voxels, largest first."""

    sizes: tuple[int, ...]

    @property
    def stray_share(self) -> float:
        """Share of the voxels that lie outside the largest part; 0 for an empty mask."""
        total = sum(self.sizes)
        return 1 - self.sizes[0] / total if total else 0.0


def components(mask: BoolArray) -> Components:
    """Find the parts of a mask; voxels that touch by a corner belong together.

    >>> components(np.array([[True, False, True], [True, False, False]])).sizes
    (2, 1)
    """
    labels, count = ndi.label(mask, structure=np.ones((3,) * mask.ndim, dtype=np.bool_))
    if not count:
        return Components(())
    sizes = np.bincount(labels.ravel())[1:]
    return Components(tuple(sorted((int(n) for n in sizes), reverse=True)))


def enclosed_in_slices(planes: BoolArray) -> NDArray[np.int64]:
    """Count the background that mask encloses in each slice of `(slice, row, column)`.

    A hole is a part of a slice's background, connected by edges, that does not reach the border.
    """
    counts = np.zeros(len(planes), dtype=np.int64)
    for index, plane in enumerate(planes):
        if plane.any():
            filled = np.asarray(ndi.binary_fill_holes(plane))
            counts[index] = np.count_nonzero(filled) - np.count_nonzero(plane)
    return counts


def enclosed_in_volume(planes: BoolArray) -> int:
    """Count the background enclosed on all sides; a stack's first and last slice are open.

    A single slice has no third dimension to be open in: its holes count as enclosed.
    """
    if len(planes) == 1:
        return int(enclosed_in_slices(planes).sum())
    around = ((0, 0), (1, 1), (1, 1))
    labels, _ = ndi.label(~np.pad(planes, around))
    sizes = np.bincount(labels.ravel())
    open_parts = np.unique(np.concatenate([labels[:, 0, 0], labels[0].ravel(), labels[-1].ravel()]))
    sizes[open_parts] = 0
    sizes[0] = 0
    return int(sizes.sum())
