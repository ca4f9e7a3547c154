"""What surrounds the organs: skin, fat, muscles, ribs, spine, pelvis, diaphragm and lungs."""

import numpy as np

from segassay.corruption.abdomen.fields import Array
from segassay.corruption.abdomen.painting import Scene
from segassay.corruption.abdomen.shapes import Ellipsoid, Shape, joined, tube
from segassay.corruption.abdomen.space import Block

_TRUNK = (145.0, 100.0, 89.0)
"""Half axes of the trunk within its fat: to either side, to the front, to the back."""

_VERTEBRA_MM, _DISC_MM = 33.0, 8.0
_RIBS_MM, _RIB_HALF_MM, _RIB_SLOPE = 27.0, 5.5, 0.7

# Domes of the diaphragm: centre x and y, height, and how far it has fallen by how much sideways.
_DOMES = (
    ((68.0, 4.0), 97.0, (94.0, 94.0)),
    ((-70.0, 4.0), 89.0, (94.0, 96.0)),
    ((0.0, 46.0), 84.0, (90.0, 70.0)),
)
_DOME_DROP_MM = 88.0

_MEDIASTINUM = (
    Ellipsoid((-2.0, -4.0, 118.0), (30.0, 40.0, 50.0)),
    Ellipsoid((-12.0, 46.0, 122.0), (68.0, 46.0, 46.0), (0.0, 0.0, 12.0)),
)
_HEART = _MEDIASTINUM[1]
_OESOPHAGUS = ((-4.0, 2.0, 125.0), (-8.0, 6.0, 95.0), (-22.0, 4.0, 78.0), (-44.0, -6.0, 72.0))

_BACK_MUSCLES = (Ellipsoid((33.0, -67.0, 0.0), (27.0, 16.0, 400.0)),)
_SQUARE_MUSCLE = Ellipsoid((64.0, -62.0, -60.0), (17.0, 9.0, 62.0))
_PSOAS = (
    (30.0, -46.0, 34.0),
    (32.0, -45.0, 5.0),
    (36.0, -42.0, -35.0),
    (41.0, -37.0, -75.0),
    (46.0, -30.0, -120.0),
)
_PSOAS_RADIUS = (4.0, 10.0, 15.0, 18.0, 19.0)
_CRUS = ((12.0, -25.0, -30.0), (12.0, -18.0, 10.0), (9.0, -8.0, 45.0), (12.0, 2.0, 75.0))
_ILIAC_WING = Ellipsoid((100.0, -38.0, -128.0), (7.0, 42.0, 46.0), (0.0, 0.0, -24.0))


def paint_torso(scene: Scene) -> None:
    """Paint the body without its organs, and set the scene's cavity and diaphragm."""
    fat = float(np.clip(scene.rng.lognormal(np.log(12), 0.35), 5, 20))
    wall = scene.rng.uniform(0.8, 1.2)
    for block in scene.space.slabs():
        depth = _depth(scene, block)
        _paint_wall(scene, block, depth, fat_mm=fat, wall=wall)
        _paint_lungs(scene, block)
        _paint_ribs(scene, block, depth)
    _paint_mediastinum(scene)
    _paint_muscles(scene)
    _paint_spine(scene)
    _paint_pelvis(scene)


def _depth(scene: Scene, block: Block) -> Array:
    """Return how deep below the surface of the trunk's muscles a voxel lies, mm."""
    x, y, _ = scene.space.coordinates(block)
    side, front, back = _TRUNK
    u = (x / side) ** 2
    v = np.where(y > 0, y / front, y / -back) ** 2
    # Between an ellipse and a rounded box, as trunks are.
    radius = (np.sqrt(u + v) + np.sqrt(np.sqrt(u * u + v * v))) / 2
    away = np.sqrt(x * x + y * y)
    return np.asarray(away / np.maximum(radius, 1e-3) - away, dtype=np.float32)


def _paint_wall(scene: Scene, block: Block, depth: Array, *, fat_mm: float, wall: float) -> None:
    """Paint skin, fat, the layers of muscle and the fat within; set the scene's cavity."""
    x, y, z = scene.space.coordinates(block)
    tissue = scene.tissue
    outer = depth + fat_mm * (1 + 0.25 * np.clip(-y / 90, -1, 1))
    skin, fat, muscle = (Shape(block, -d) for d in (outer + 2, outer, depth))
    scene.paint(skin, tissue["skin"])
    scene.paint(fat, scene.textured(fat, tissue["fat"], 4))
    scene.paint(muscle, scene.textured(muscle, tissue["muscle"], 6))
    aside = np.abs(x)
    thin = np.clip(y / 40, 0, 1) * (5 + 4 * np.exp(-((x / 8) ** 2)))
    thick = wall * (15 - thin)
    # Thin fat between the flanks' layers, and between them and the muscles in front.
    flank = np.maximum(np.maximum(np.abs(y) - 62, 70 - aside), 0.6 * (z - 30))
    layers = np.minimum(np.abs(depth - 0.35 * thick), np.abs(depth - 0.68 * thick)) - 0.35
    edge = np.maximum(np.abs(aside - 66 + 0.2 * (depth - 6)) - 1.2, np.maximum(30 - y, 2 - depth))
    seams = np.minimum(np.maximum(layers, flank), edge)
    scene.paint(Shape(block, seams), tissue["fat"])
    scene.cavity[block] = thick - depth
    cavity = Shape(block, scene.cavity[block])
    scene.paint(cavity, scene.textured(cavity, tissue["fat"], 7))


def _paint_lungs(scene: Scene, block: Block) -> None:
    """Paint the diaphragm's domes and the lungs over them; set the scene's diaphragm."""
    x, y, z = scene.space.coordinates(block)
    heights = []
    for (x0, y0), top, (wide, long) in _DOMES:
        away = ((x - x0) / wide) ** 2 + ((y - y0) / long) ** 2
        heights.append(_DOME_DROP_MM * away - top)
    lowered = joined(joined(heights[0], heights[1], 10), heights[2], 10)
    diaphragm = np.float32(0.7) * (z + lowered - 2 * scene.lumps[block])
    scene.diaphragm[block] = diaphragm
    inner = scene.cavity[block] + np.float32(1.5)
    scene.paint(Shape(block, np.maximum(-diaphragm, inner)), scene.tissue["muscle"])
    vessels = 280 * np.clip(scene.grain[block] - 1.4, 0, 1)
    lung = Shape(block, np.maximum(np.float32(2.5) - diaphragm, inner))
    scene.paint(lung, scene.tissue["lung"] + vessels)


def _paint_ribs(scene: Scene, block: Block, depth: Array) -> None:
    """Paint ribs, which run down to the front within the wall, and their cartilage."""
    x, y, z = scene.space.coordinates(block)
    along = (z + np.float32(_RIB_SLOPE) * y) / np.float32(_RIBS_MM)
    off = np.abs(along - np.floor(along) - np.float32(0.5)) * np.float32(0.9 * _RIBS_MM)
    across = np.maximum(off - np.float32(_RIB_HALF_MM - 4), 0)
    rib = np.sqrt(across**2 + (depth - 6) ** 2) - 4
    lowest = np.where(y < 0, np.float32(-0.2), np.float32(0.95)) * y - 38
    rib = np.maximum(rib, np.maximum(lowest - z, 26 - np.abs(x)))
    bone = Shape(block, np.maximum(rib, y - 55))
    scene.paint(bone, scene.tissue["cortical_bone"] * 0.75)
    scene.paint(bone.grown(-2), scene.tissue["marrow"])
    scene.paint(Shape(block, np.maximum(rib, 55 - y)), scene.tissue["cartilage"])


def _paint_mediastinum(scene: Scene) -> None:
    """Paint the lower heart in its fat, and the oesophagus on its way to the stomach."""
    space, tissue = scene.space, scene.tissue
    for part in _MEDIASTINUM:
        scene.paint(
            part.in_space(space).rougher(scene.lumps, 2).within(scene.cavity), tissue["fat"]
        )
    heart = _HEART.in_space(space).within(scene.cavity)
    scene.paint(heart.grown(-4), 0.5 * (tissue["vena_cava"] + tissue["muscle"]))
    scene.paint(tube(space, _OESOPHAGUS, 7.0), tissue["muscle"])


def _paint_muscles(scene: Scene) -> None:
    """Paint the muscles beside the spine, on both sides, and the diaphragm's crura."""
    tissue, space = scene.tissue, scene.space
    bulk = scene.rng.uniform(0.85, 1.15)
    for side in (-1, 1):
        for part in (*_BACK_MUSCLES, _SQUARE_MUSCLE):
            muscle = _mirrored(part, side).in_space(space)
            scene.paint(muscle.grown(1.5), tissue["fat"])
            scene.paint(
                muscle.rougher(scene.grain, 0.8), scene.textured(muscle, tissue["muscle"], 9)
            )
        for course, radius in ((_PSOAS, _PSOAS_RADIUS), (_CRUS, (3.0, 5.0, 6.0, 4.0))):
            points = [(side * x, y, z) for x, y, z in course]
            muscle = tube(space, points, [bulk * r for r in radius])
            scene.paint(muscle, scene.textured(muscle, tissue["muscle"], 5))


def _mirrored(part: Ellipsoid, side: int) -> Ellipsoid:
    x, y, z = part.centre
    about_x, about_y, about_z = part.turn
    return Ellipsoid((side * x, y, z), part.half_axes, (about_x, side * about_y, side * about_z))


def _paint_spine(scene: Scene) -> None:
    """Paint vertebrae with shell and marrow, discs between them, arches and processes."""
    tissue, space = scene.tissue, scene.space
    bone = tissue["cortical_bone"]
    body = Ellipsoid((0.0, -44.0, 0.0), (23.0, 17.0, 900.0)).in_space(space)
    z = space.coordinates(body.block)[2]
    half = np.float32((_VERTEBRA_MM - _DISC_MM) / 2)
    start = np.float32(scene.rng.uniform(0, _VERTEBRA_MM))
    level = np.abs((z + start) % _VERTEBRA_MM - np.float32(_VERTEBRA_MM / 2))
    waist = body.distance + 2 * np.clip(1 - level / half, 0, 1)
    scene.paint(Shape(body.block, body.distance), tissue["disc"])
    vertebra = Shape(body.block, np.maximum(waist, level - half))
    scene.paint(vertebra, bone * 0.6)
    scene.paint(vertebra.grown(-1.8), scene.textured(vertebra, tissue["marrow"], 18))
    arch = Ellipsoid((0.0, -69.0, 0.0), (15.0, 12.0, 900.0)).in_space(space)
    scene.paint(arch, bone * 0.7)
    _paint_processes(scene, float(start))
    canal = Ellipsoid((0.0, -68.0, 0.0), (10.0, 8.5, 900.0)).in_space(space)
    scene.paint(canal, tissue["fat"] * 0.4)
    scene.paint(canal.grown(-2.5), tissue["cord"])


def _paint_processes(scene: Scene, start: float) -> None:
    bone = scene.tissue["cortical_bone"]
    for level in np.arange(-4, 5) * _VERTEBRA_MM + _VERTEBRA_MM / 2 - start:
        z = float(level)
        spinous = Ellipsoid((0.0, -86.0, z - 7), (3.5, 12.0, 11.0), (18.0, 0.0, 0.0))
        scene.paint(spinous.in_space(scene.space), 0.7 * bone)
        for side in (-1, 1):
            points = (
                (side * 12.0, -62.0, z + 4),
                (side * 27.0, -66.0, z + 3),
                (side * 40.0, -69.0, z),
            )
            scene.paint(tube(scene.space, points, (5.0, 4.0, 2.5)), 0.65 * bone)


def _paint_pelvis(scene: Scene) -> None:
    for side in (-1, 1):
        wing = _mirrored(_ILIAC_WING, side).in_space(scene.space)
        scene.paint(wing.grown(9), scene.tissue["muscle"])
        scene.paint(wing, 0.8 * scene.tissue["cortical_bone"])
        scene.paint(wing.grown(-2.5), scene.tissue["marrow"])
