"""Faults of identity: the neighbour swallowed, the wrong structure, a leak, a miss."""

import numpy as np
import scipy.ndimage as ndi

from segassay.corruption.outline import dilation, smooth_noise
from segassay.corruption.placement import paste_centred, shift
from segassay.corruption.scene import BoolArray, Scene
from segassay.corruption.solve import take_largest


def merged_neighbour(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Swallow the part of a neighbouring structure that lies nearest."""
    near = [o & ~scene.gold for o in scene.others if _touches(o, scene)]
    near = [o for o in near if o.any()]
    if not near:
        return dilation(scene, dice, rng)
    neighbour = near[int(rng.integers(len(near)))]
    wanted = round(scene.area * (2 - dice) / max(dice, 0.05)) - scene.area
    noise = 0.3 * scene.radius * smooth_noise(scene.gold.shape, max(2.0, scene.radius / 3), rng)
    return scene.gold | take_largest(scene.depth + noise, wanted, neighbour)


def wrong_structure(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Give another structure's mask; without one, a blob that misses."""
    if not scene.others:
        return missed_blob(scene, dice, rng)
    return scene.others[int(rng.integers(len(scene.others)))].copy()


def leak(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Run out into what has nearly the same intensity and is connected."""
    inside = scene.image[scene.gold]
    tolerance = rng.uniform(0.7, 2.0) * (float(inside.std()) + 1e-6)
    alike = np.abs(ndi.uniform_filter(scene.image, 3) - inside.mean()) < tolerance
    parts, _ = ndi.label(alike | scene.gold)
    connected = np.isin(parts, np.unique(parts[scene.gold])) & ~scene.gold
    wanted = round(scene.area * (2 - dice) / max(dice, 0.05)) - scene.area
    rows, columns = np.indices(scene.gold.shape, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    slope = 0.5 * (rows * np.sin(angle) + columns * np.cos(angle))
    return scene.gold | take_largest(scene.depth + slope, wanted, connected)


def missed_blob(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Put a blob of about the right size somewhere else: Dice near zero."""
    noise = smooth_noise(scene.gold.shape, max(2.0, scene.radius / 2), rng)
    away = scene.depth < -0.3 * scene.radius
    places = np.argwhere(away)
    if not len(places):
        return shift(scene, min(dice, 0.1), rng)
    row, column = places[rng.integers(len(places))]
    rows, columns = np.ogrid[: away.shape[0], : away.shape[1]]
    reach = np.sqrt((rows - row) ** 2 + (columns - column) ** 2) / max(scene.radius, 1.0)
    size = round(scene.area * rng.uniform(0.4, 1.6))
    return take_largest(0.3 * noise - reach, size, away)


def misplaced_copy(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Put a copy of the mask where the gold is not: right shape, wrong organ."""
    places = np.argwhere(scene.depth < -scene.radius)
    if not len(places):
        return shift(scene, min(dice, 0.1), rng)
    row, column = places[rng.integers(len(places))]
    copy = paste_centred(scene.gold, scene.gold.shape, (float(row), float(column)))
    return copy if copy.any() else shift(scene, min(dice, 0.1), rng)


def everything(scene: Scene, dice: float, rng: np.random.Generator) -> BoolArray:
    """Mark a large part of the view: a threshold gone wrong."""
    del dice
    noise = smooth_noise(scene.gold.shape, max(4.0, scene.radius), rng)
    return np.asarray(noise > rng.uniform(-1.5, 0.5))


def _touches(other: BoolArray, scene: Scene) -> bool:
    reach = max(2.0, 0.15 * scene.radius)
    return bool((scene.depth[other] > -reach).any())
