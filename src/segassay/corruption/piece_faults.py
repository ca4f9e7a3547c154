"""Faults of pieces: parts cut off, holes, islands, one component lost, primitive shapes."""

import numpy as np
import scipy.ndimage as ndi

from segassay.corruption.outline import smooth_noise
from segassay.corruption.scene import BoolArray, Scene
from segassay.corruption.solve import overlap, solve, take_largest


def cut(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Cut a side off along a slightly wavy line."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.indices(scene.gold.shape, dtype=np.float32)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    along = along + smooth_noise(scene.gold.shape, max(2.0, scene.radius / 2), rng)
    return take_largest(along, round(scene.area * dice / (2 - dice)), scene.gold)


def holes(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Punch round holes into the mask."""
    return _discs(scene, dice, rng, inside=True)


def islands(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Add round islands around the mask."""
    return _discs(scene, dice, rng, inside=False)


def _discs(scene: Scene, dice: float, rng: np.random.Generator, *, inside: bool) -> BoolArray:
    candidates = np.argwhere(scene.gold if inside else scene.depth < -1)
    mask = scene.gold.copy()
    if not len(candidates):
        return mask
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    for _ in range(12):
        if overlap(mask, scene.gold) <= dice:
            break
        row, column = candidates[rng.integers(len(candidates))]
        radius = max(1.0, scene.radius * rng.uniform(0.1, 0.5))
        mask[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = not inside
    return mask


def lost_component(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Drop one of several components; a mask in one piece loses a side instead."""
    parts, count = ndi.label(scene.gold)
    if count < 2:
        return cut(scene, dice, rng)
    return np.asarray(scene.gold & (parts != rng.integers(1, count + 1)))


def disc(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Replace the mask by a disc of its area, moved until the target is met."""
    rows, columns = np.ogrid[: scene.gold.shape[0], : scene.gold.shape[1]]
    angle = rng.uniform(0, 2 * np.pi)

    def at(distance: float) -> BoolArray:
        """Put the disc that many pixels from the centre."""
        row = scene.centre[0] + distance * np.sin(angle)
        column = scene.centre[1] + distance * np.cos(angle)
        return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= scene.radius**2)

    return solve(at, scene.gold, dice, low=0, high=2.2 * scene.radius)


def box(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Replace the mask by its bounding box, shrunk or grown by up to a third."""
    del dice  # the box is what it is
    rows, columns = np.flatnonzero(scene.gold.any(axis=1)), np.flatnonzero(scene.gold.any(axis=0))
    factor = rng.uniform(0.67, 1.33)
    filled = np.zeros_like(scene.gold)
    window = []
    for index, size in ((rows, filled.shape[0]), (columns, filled.shape[1])):
        middle, half = (index[0] + index[-1] + 1) / 2, factor * (index[-1] - index[0] + 1) / 2
        window.append(slice(max(round(middle - half), 0), min(round(middle + half), size)))
    filled[tuple(window)] = True
    return filled
