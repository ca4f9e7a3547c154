"""Faults of position, size and angle: the right shape in the wrong place."""

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.scene import BoolArray, Scene
from segassay.corruption.solve import solve


def shift(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Move the mask in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.sin(angle), np.cos(angle)])
    reach = float(np.hypot(*_extent(scene.gold)))
    return solve(
        lambda s: _moved(scene.gold, np.round(s * direction).astype(int)),
        scene.gold,
        dice,
        low=0,
        high=reach,
    )


def rotation(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Turn the mask about its centre; round masks hardly change."""
    sign = rng.choice((-1.0, 1.0))
    return solve(
        lambda a: _affine(scene, np.deg2rad(sign * a), 1.0),
        scene.gold,
        dice,
        low=0,
        high=90,
        steps=5,
    )


def scaling(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Shrink or enlarge the mask about its centre."""
    grow = rng.random() < 0.5
    return solve(
        lambda s: _affine(scene, 0.0, s if grow else 1 / s),
        scene.gold,
        dice,
        low=1.0,
        high=4.0,
        steps=5,
    )


def other_slice(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Use the mask of a neighbouring slice: the through-plane jitter of careless copying."""
    filled = [mask for mask in scene.nearby if mask.any()]
    if not filled:
        return shift(scene, dice, rng)
    return filled[int(rng.integers(len(filled)))].copy()


def transplant(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Put another subject's mask of this structure here, centred and then moved to the target."""
    if scene.foreign is None or not scene.foreign.any():
        return shift(scene, dice, rng)
    placed = paste_centred(scene.foreign, scene.gold.shape, scene.centre)
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.sin(angle), np.cos(angle)])
    return solve(
        lambda s: _moved(placed, np.round(s * direction).astype(int)),
        scene.gold,
        dice,
        low=0,
        high=2.5 * scene.radius,
    )


def paste_centred(
    mask: BoolArray, shape: tuple[int, ...], centre: tuple[float, float]
) -> BoolArray:
    """Put `mask` on an empty canvas so that its centre of mass lies at `centre`; cut at edges."""
    rows, columns = np.nonzero(mask)
    rows = rows + round(centre[0] - float(rows.mean()))
    columns = columns + round(centre[1] - float(columns.mean()))
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    canvas = np.zeros(shape, dtype=np.bool_)
    canvas[rows[inside], columns[inside]] = True
    return canvas


def _extent(mask: BoolArray) -> tuple[int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def _moved(mask: BoolArray, by: NDArray[np.integer]) -> BoolArray:
    rows, columns = np.nonzero(mask)
    rows, columns = rows + by[0], columns + by[1]
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved = np.zeros_like(mask)
    moved[rows[inside], columns[inside]] = True
    return moved


def _affine(scene: Scene, angle: float, scale: float) -> BoolArray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    centre = np.array(scene.centre)
    moved = ndi.affine_transform(
        scene.depth, turn, offset=centre - turn @ centre, order=1, mode="nearest"
    )
    return np.asarray(moved > 0)
