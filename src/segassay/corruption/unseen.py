"""Five families that no judge is ever trained on: what does it do with faults it has not met?

Written for the frozen test. Nothing under `training` may use them; a test looks.
"""

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.scene import BoolArray, Scene
from segassay.corruption.solve import overlap, solve


def ellipse_fit(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Replace the mask by the ellipse with its second moments, grown or shrunk to the target.

    One pixel has no second moments; it is erased.
    """
    grow = rng.random() < 0.5
    if scene.area == 1:
        return np.zeros_like(scene.gold)
    rows, columns = np.nonzero(scene.gold)
    centre = np.array(scene.centre)
    spread = np.cov(np.stack([rows, columns])) + 0.5 * np.eye(2)
    inverse = np.linalg.inv(spread)
    grid = np.indices(scene.gold.shape, dtype=np.float32)
    away = np.stack([grid[0] - centre[0], grid[1] - centre[1]], axis=-1)
    distance = np.sqrt(np.einsum("...i,ij,...j->...", away, inverse, away))
    return solve(
        lambda s: np.asarray(distance < 2.0 * (s if grow else 1 / s)),
        scene.gold,
        dice,
        low=1.0,
        high=3.0,
    )


def polygon(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Keep only a few corners of the outline, as a hasty annotator does; concave parts are lost."""
    turn = rng.uniform(0, 2 * np.pi)
    reach = _reach_by_angle(scene)
    best = scene.gold
    for n_corners in (14, 10, 8, 6, 5, 4, 3):
        best = _polygon(scene, reach, n_corners, turn)
        if overlap(best, scene.gold) <= dice:
            break
    return best


def jagged_edge(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Redraw the mask on a coarse grid of squares: stairs along every edge."""
    offset = rng.integers(0, 64, size=2)
    best = scene.gold
    for size in (2, 3, 4, 6, 8, 12, 16, 24, 32):
        best = _coarse(scene.gold, size, offset)
        if overlap(best, scene.gold) <= dice:
            break
    return best


def grid_distortion(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Move the knots of a coarse grid at random and stretch what lies between them linearly."""
    knots = int(rng.integers(3, 6))
    coarse = rng.uniform(-1, 1, size=(2, knots, knots))
    shape = scene.gold.shape
    factors = (shape[0] / knots, shape[1] / knots)
    fields = [ndi.zoom(c, factors, order=1, grid_mode=True, mode="nearest") for c in coarse]
    grid = np.indices(shape, dtype=np.float32)

    def warp(strength: float) -> BoolArray:
        """Move knots by up to `strength` pixels."""
        at = [g + strength * f for g, f in zip(grid, fields, strict=True)]
        return np.asarray(ndi.map_coordinates(scene.depth, at, order=1, mode="nearest") > 0)

    return solve(warp, scene.gold, dice, low=0, high=3 * scene.radius)


def rectangle_dropout(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Erase rectangles until the target is met."""
    mask = scene.gold.copy()
    inside = np.argwhere(scene.gold)
    for _ in range(40):
        if overlap(mask, scene.gold) <= dice:
            break
        row, column = inside[rng.integers(len(inside))]
        height, width = (max(1, int(scene.radius * rng.uniform(0.2, 0.9))) for _ in range(2))
        top, left = max(row - height // 2, 0), max(column - width // 2, 0)
        mask[top : top + height, left : left + width] = False
    return mask


def _reach_by_angle(scene: Scene) -> NDArray[np.float64]:
    """Return the distance of the farthest mask pixel from the centre in each of 72 directions."""
    rows, columns = np.nonzero(scene.gold)
    dy, dx = rows - scene.centre[0], columns - scene.centre[1]
    sector = ((np.arctan2(dy, dx) / (2 * np.pi) + 1) * 72).astype(int) % 72
    reach = np.zeros(72)
    np.maximum.at(reach, sector, np.hypot(dy, dx) + 0.5)
    return reach


def _polygon(scene: Scene, reach: NDArray[np.float64], n: int, turn: float) -> BoolArray:
    """Fill the polygon through `n` points of the outline, each seen from the centre."""
    angles = turn + 2 * np.pi * np.arange(n) / n
    radii = reach[((angles / (2 * np.pi)) * 72).astype(int) % 72]
    corners = np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=1)
    corners += np.array(scene.centre)
    rows, columns = np.indices(scene.gold.shape, dtype=np.float64)
    inside = np.zeros(scene.gold.shape, dtype=np.bool_)
    for (y1, x1), (y2, x2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y1 > rows) != (y2 > rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = (x2 - x1) * (rows - y1) / (y2 - y1) + x1
        inside ^= crosses & (columns < at)
    return inside


def _coarse(mask: BoolArray, size: int, offset: NDArray[np.int64]) -> BoolArray:
    """Fill every square of a grid that is at least half mask."""
    rows = (np.arange(mask.shape[0]) + offset[0]) // size
    columns = (np.arange(mask.shape[1]) + offset[1]) // size
    cells = (rows[:, None] - rows[0]) * (columns[-1] - columns[0] + 1) + columns - columns[0]
    share = np.bincount(cells.ravel(), weights=mask.ravel()) / np.bincount(cells.ravel())
    return np.asarray(share[cells] >= 0.5)
