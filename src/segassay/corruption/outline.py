"""Faults of the outline: too small, too large, rough, bulging, warped, smoothed."""

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.scene import BoolArray, FloatArray, Scene
from segassay.corruption.solve import solve, take_largest


def smooth_noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> FloatArray:
    """Return noise of zero mean and unit spread with structures of about `sigma` pixels."""
    step = max(1, int(sigma))
    coarse = rng.standard_normal([n // step + 4 for n in shape])
    field = ndi.zoom(coarse, step, order=1) if step > 1 else coarse
    field = field[: shape[0], : shape[1]]
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), dtype=np.float32)


def erosion(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Peel the mask evenly. Keeping a share f of it gives Dice 2f / (1 + f)."""
    jitter = rng.random(scene.gold.shape) * 1e-3
    return take_largest(scene.depth + jitter, round(scene.area * dice / (2 - dice)), scene.gold)


def dilation(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Grow the mask evenly to (2 - D) / D times its area."""
    jitter = rng.random(scene.gold.shape) * 1e-3
    wanted = round(scene.area * (2 - dice) / max(dice, 0.05))
    return take_largest(scene.depth + jitter, wanted, np.ones_like(scene.gold))


def rough(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Move the outline in and out by smooth noise of a random scale."""
    sigma = max(1.0, scene.radius * rng.uniform(0.1, 0.8))
    noise = smooth_noise(scene.gold.shape, sigma, rng)
    return solve(
        lambda a: scene.depth + a * noise > 0, scene.gold, dice, low=0, high=4 * scene.radius
    )


def bulge(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Add a bulge, or bite a piece out, at one to three places of the outline."""
    edge = np.argwhere(np.abs(scene.depth) <= 1.0)
    bump = np.zeros_like(scene.depth)
    sign = rng.choice((-1.0, 1.0))
    rows, columns = np.ogrid[: scene.gold.shape[0], : scene.gold.shape[1]]
    for row, column in edge[rng.integers(len(edge), size=rng.integers(1, 4))]:
        width = scene.radius * rng.uniform(0.3, 1.0) + 1
        near = (rows - row) ** 2 + (columns - column) ** 2
        bump += np.exp(-near / (2 * width**2)).astype(np.float32)
    return solve(
        lambda a: scene.depth + sign * a * bump > 0, scene.gold, dice, low=0, high=5 * scene.radius
    )


def elastic(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Warp the mask by a smooth random displacement."""
    sigma = max(2.0, scene.radius * rng.uniform(0.4, 1.2))
    shifts = [smooth_noise(scene.gold.shape, sigma, rng) for _ in range(2)]
    grid = np.indices(scene.gold.shape, dtype=np.float32)

    def warp(strength: float) -> BoolArray:
        """Displace by `strength` pixels at one standard deviation."""
        at = [g + strength * s for g, s in zip(grid, shifts, strict=True)]
        return _sample(scene.depth, at)

    return solve(warp, scene.gold, dice, low=0, high=2.5 * scene.radius, steps=4)


def smoothing(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Blur the mask and cut at one half, or at a random level: details and thin parts go."""
    level = rng.choice((0.5, rng.uniform(0.2, 0.8)))
    soft = scene.gold.astype(np.float32)
    return solve(
        lambda s: np.asarray(ndi.gaussian_filter(soft, s) > level),
        scene.gold,
        dice,
        low=0.3,
        high=scene.radius,
        steps=4,
    )


def _sample(depth: FloatArray, at: list[NDArray[np.float32]]) -> BoolArray:
    sampled = ndi.map_coordinates(depth, at, order=1, mode="nearest")
    return np.asarray(sampled > 0)
