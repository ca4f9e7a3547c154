"""Voxels together with their grid, in one orientation.

Orientation is handled here, once: every array that leaves `images.io` is RAS+, axes `(i, j, k)`
pointing to the patient's right, front and top. Storage order on disk, flipped axes and permuted
axes make no difference to anything that follows.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import nibabel.orientations as nbo
import numpy as np
from numpy.typing import NDArray

from segassay.geometry.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """An array `(i, j, k)` in RAS+ order and the grid it lies on.

    A 2D image is a volume with one slice, `k == 1`. `anatomical` is `False` where the file says
    nothing believable about orientation (PNG, JPEG, an identity header): rules about left and
    right must stay silent there. `spacing_known` is `False` where millimetres are made up.

    `known` marks the voxels whose label is known, `None` for all of them. The others were declared
    to be ignored: what lies there is neither a structure nor background, and nothing that is
    counted, compared or learned may rest on it.

    `exif` is the EXIF orientation by which a picture was turned upright, 1 for none. `colours` are
    red, green and blue of a picture in colour, `(rows, columns, 3)` bytes as it is looked at; its
    `array` is their luma.
    """

    array: NDArray[Any]
    grid: Grid
    anatomical: bool
    spacing_known: bool
    known: NDArray[np.bool_] | None = None
    exif: int = 1
    colours: NDArray[np.uint8] | None = None

    def knowing(self, known: NDArray[np.bool_] | None) -> "Volume":
        """Return the volume with only those of its known voxels that `known` marks, too."""
        both = known if self.known is None or known is None else self.known & known
        return self if known is None else replace(self, known=both)

    @property
    def is_2d(self) -> bool:
        """Whether this is a single image rather than a stack of slices."""
        return self.grid.shape[2] == 1

    @property
    def n_axes(self) -> int:
        """Axes of more than one voxel: 2 for a single slice, in whichever plane it lies."""
        return sum(n > 1 for n in self.grid.shape)


def to_canonical(array: NDArray[Any], affine: NDArray[np.float64]) -> tuple[NDArray[Any], Grid]:
    """Reorder and flip the axes of a 3D array so that they run right, anterior, superior.

    No voxel is interpolated: an oblique or sheared grid keeps its obliquity, only whole axes are
    exchanged or reversed. The returned array is a view.
    """
    orientation = nbo.io_orientation(affine)
    shape = np.array(array.shape)
    turned = nbo.apply_orientation(array, orientation)
    moved = affine @ nbo.inv_ornt_aff(orientation, shape)
    i, j, k = turned.shape
    return turned, Grid((i, j, k), np.asarray(moved, dtype=np.float64))


def voxel_sha256(array: NDArray[Any]) -> str:
    """Return a checksum of an image's shape and voxels, as numbers in single precision.

    How a file was compressed does not matter, nor which type its voxels are stored in.
    """
    digest = hashlib.sha256(f"{array.shape} float32".encode())
    for plane in np.moveaxis(array, -1, 0):
        digest.update(plane.T.astype(np.float32).tobytes())
    return digest.hexdigest()
