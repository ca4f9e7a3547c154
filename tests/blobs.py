"""Pictures of one bright ellipse on noise: an object that any comparison between images can use."""

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.grid import Grid
from segassay.images.volume import Volume

SIDE = 80


def blob(seed: int, side: int = SIDE) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return an image of bytes `(row, column)` as numbers, and the ellipse's mask."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    centre, radii = rng.uniform(0.45, 0.55, 2), rng.uniform(0.2, 0.28, 2)
    inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
    grey = rng.normal(60, 8, (side, side)) + 90 * inside
    return grey.clip(0, 255).astype(np.float32), inside


def blob_volume(seed: int, side: int = SIDE) -> tuple[Volume, NDArray[np.bool_]]:
    """Return the same as a volume of one slice, its mask `(i, j, 1)`."""
    grey, inside = blob(seed, side)
    grid = Grid((side, side, 1), np.eye(4))
    return Volume(grey[..., None], grid, anatomical=False, spacing_known=False), inside[..., None]
