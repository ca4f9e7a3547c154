"""Stomach, duodenum, colon and small bowel: walls, fluid, stool, contrast medium and gas."""

from dataclasses import dataclass

import numpy as np

from segassay.corruption.abdomen.fields import Array
from segassay.corruption.abdomen.painting import Points, Scene, random_placement
from segassay.corruption.abdomen.shapes import Shape, tube

_STOMACH: Points = (
    (-54.0, -12.0, 72.0),
    (-58.0, 0.0, 56.0),
    (-62.0, 22.0, 36.0),
    (-54.0, 42.0, 14.0),
    (-24.0, 54.0, 2.0),
    (6.0, 50.0, 0.0),
    (24.0, 40.0, 4.0),
)
_STOMACH_RADIUS = (26.0, 30.0, 31.0, 28.0, 22.0, 16.0, 10.0)

_DUODENUM: Points = (
    (26.0, 38.0, 4.0),
    (44.0, 28.0, 0.0),
    (48.0, 12.0, -22.0),
    (40.0, 6.0, -46.0),
    (14.0, 4.0, -54.0),
    (-16.0, 4.0, -46.0),
    (-30.0, 12.0, -22.0),
)
_COLON: tuple[tuple[Points, float], ...] = (
    (
        ((96.0, -8.0, -125.0), (101.0, -14.0, -85.0), (102.0, -14.0, -55.0), (94.0, 6.0, -36.0)),
        23.0,
    ),
    (
        (
            (94.0, 6.0, -36.0),
            (72.0, 50.0, -38.0),
            (34.0, 66.0, -52.0),
            (-10.0, 70.0, -52.0),
            (-54.0, 60.0, -36.0),
            (-92.0, 28.0, -6.0),
            (-108.0, -8.0, 8.0),
        ),
        18.0,
    ),
    (
        (
            (-108.0, -8.0, 8.0),
            (-111.0, -28.0, -25.0),
            (-110.0, -30.0, -70.0),
            (-104.0, -16.0, -125.0),
        ),
        15.0,
    ),
)

_LOOPS, _LOOP_POINTS, _LOOP_STEP_MM = 18, 6, 24.0
_LOOPS_AT, _LOOPS_WITHIN = (-18.0, 26.0, -60.0), (86.0, 40.0, 56.0)


@dataclass(frozen=True, slots=True)
class _Content:
    """What fills a piece of bowel: HU below the surface, where gas begins, how uneven it is."""

    hu: float
    gas_above_mm: float
    uneven_hu: float = 3.0


def paint_small_bowel(scene: Scene) -> None:
    """Paint loops that wind through the middle of the cavity, and the duodenum."""
    bright = scene.rng.random() < 0.3
    shapes = [_random_loop(scene) for _ in range(_LOOPS)]
    shapes.append(tube(scene.space, _DUODENUM, 11.0 * scene.rng.uniform(0.9, 1.15)))
    for shape in shapes:
        hu = scene.rng.uniform(180, 320) if bright else scene.tissue["fluid"]
        gas = _gas_level(scene, shape, scene.rng.uniform(0.85, 1.6))
        _paint_hollow(scene, shape, 2.5, _Content(hu, gas))


def _random_loop(scene: Scene) -> Shape:
    """Draw a loop of bowel: a walk that turns back where it leaves the region."""
    rng = scene.rng
    reach = np.array(_LOOPS_WITHIN)
    at = rng.uniform(-0.9, 0.9, size=3) * reach
    heading = rng.normal(size=3)
    points = []
    for _ in range(_LOOP_POINTS):
        x, y, z = at + _LOOPS_AT
        points.append((float(x), float(y), float(z)))
        heading = heading / np.linalg.norm(heading) + rng.normal(0, 0.6, size=3) - 0.8 * at / reach
        at = at + _LOOP_STEP_MM * heading / np.linalg.norm(heading)
    shape = tube(scene.space, points, rng.uniform(9, 13), pieces=1)
    return shape.rougher(scene.grain, 1.2).within(scene.cavity, 2)


def paint_colon(scene: Scene) -> None:
    """Paint the colon round the cavity, with its pouches, stool and gas."""
    for course, radius in _COLON:
        place = random_placement(scene.rng, (3.0, 4.0, 5.0), 0.03)
        shape = tube(scene.space, place.points(course), radius * scene.rng.uniform(0.8, 1.15))
        shape = shape.rougher(scene.grain, 2.2).within(scene.cavity, 2)
        gas = _gas_level(scene, shape, scene.rng.uniform(0.55, 1.2))
        scene.paint(shape.grown(1.5), scene.tissue["fat"], 0)
        _paint_hollow(scene, shape, 2.5, _Content(scene.tissue["stool"], gas, 60.0))


def paint_stomach(scene: Scene, *, label: int) -> None:
    """Paint the stomach: wall, what the subject drank, and air in front of it."""
    rng = scene.rng
    place = random_placement(rng, (4.0, 4.0, 5.0), 0.04)
    fill = rng.uniform(0.82, 1.12)
    shape = tube(scene.space, place.points(_STOMACH), [fill * r for r in _STOMACH_RADIUS])
    shape = shape.rougher(scene.lumps, 1.8).rougher(scene.grain, 0.6)
    shape = shape.within(scene.cavity, 2).within(scene.diaphragm, 3)
    hu = rng.uniform(150, 260) if rng.random() < 0.2 else rng.uniform(8, 45)
    gas = _gas_level(scene, shape, rng.uniform(0.55, 1.1))
    scene.paint(shape.grown(2), scene.tissue["fat"], 0)
    _paint_hollow(scene, shape, 4.0, _Content(hu, gas, 8.0), label)


def _gas_level(scene: Scene, shape: Shape, share: float) -> float:
    """Return the height in the scanner below which fluid fills `share` of a shape's height."""
    heights = scene.space.height[:, shape.block[1]].ravel()
    inside = heights[(shape.distance < 0).any(axis=(0, 2))]
    if not inside.size:
        return np.inf
    return float(inside[0] + share * (inside[-1] - inside[0]))


def _paint_hollow(
    scene: Scene, shape: Shape, wall_mm: float, content: _Content, label: int = 0
) -> None:
    """Paint a wall round its content; gas lies in front, for the patient lies on the back."""
    wall = scene.tissue["stomach_wall" if label else "bowel_wall"]
    scene.paint(shape, wall, label)
    lumen = shape.grown(-wall_mm)
    scene.paint(lumen, _mixed(scene, lumen, content))
    surface = np.float32(content.gas_above_mm) - scene.space.height[:, shape.block[1]]
    if np.isfinite(content.gas_above_mm):
        gas = Shape(lumen.block, np.maximum(lumen.distance, surface))
        scene.paint(gas, scene.tissue["gas"])


def _mixed(scene: Scene, lumen: Shape, content: _Content) -> Array:
    """Return the content's HU; stool is mottled with small bubbles."""
    hu = scene.textured(lumen, content.hu, min(content.uneven_hu, 12.0))
    if content.uneven_hu > 20:
        hu -= 250 * np.clip(scene.grain[lumen.block] - 0.7, 0, 1)
    return hu
