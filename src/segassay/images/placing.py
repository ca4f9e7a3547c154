"""Labels that were stored cropped, put back into the whole grid of their image."""

from dataclasses import replace

import numpy as np

from segassay.geometry.grid import Grid
from segassay.images.volume import Volume

_OFF_GRID = 0.1
"""Voxels by which a voxel centre may miss one of the image's."""


def placed_on(labels: Volume, grid: Grid) -> Volume:
    """Put labels on a grid that holds every one of their voxel centres; the rest is 0.

    DICOM SEG leaves out slices without a label, Slicer stores the box around its segments. Labels
    that do not lie on voxels of the grid are returned as they are: whoever compares grids says so.
    Both are RAS+.
    """
    if labels.grid.shape == grid.shape and np.allclose(labels.grid.affine, grid.affine):
        return labels
    shift = np.linalg.solve(grid.affine, labels.grid.affine)
    last = np.array(labels.grid.shape) - 1
    first_at = shift[:3, 3]
    last_at = shift[:3, :3] @ last + first_at
    stride = np.where(last > 0, np.rint(np.diag(shift)[:3]), 1).astype(int)
    begin = np.rint(first_at).astype(int)
    end = begin + stride * last
    off = max(np.abs(first_at - begin).max(), np.abs(last_at - end).max())
    if off > _OFF_GRID or stride.min() < 1 or begin.min() < 0 or (end >= grid.shape).any():
        return labels
    whole = np.zeros(grid.shape, dtype=labels.array.dtype)
    box = tuple(
        slice(int(b), int(e) + 1, int(s)) for b, e, s in zip(begin, end, stride, strict=True)
    )
    whole[box] = labels.array
    return replace(labels, array=whole, grid=grid)
