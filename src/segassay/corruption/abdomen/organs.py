"""Solid organs and the gallbladder, each with its label."""

import numpy as np

from segassay.corruption.abdomen.painting import Points, Scene, random_placement
from segassay.corruption.abdomen.shapes import Ellipsoid, Shape, ellipsoids, tube
from segassay.corruption.abdomen.vessels import paint_vessels_of_liver

_LIVER = (
    Ellipsoid((68.0, 2.0, 40.0), (76.0, 88.0, 76.0), (0.0, -8.0, 0.0)),
    Ellipsoid((82.0, 0.0, -4.0), (52.0, 64.0, 60.0)),
    Ellipsoid((-4.0, 50.0, 60.0), (62.0, 38.0, 30.0), (0.0, 10.0, 0.0)),
)
_BENEATH_LIVER = (
    Ellipsoid((0.0, -22.0, 6.0), (46.0, 50.0, 66.0)),
    Ellipsoid((14.0, 40.0, -20.0), (46.0, 60.0, 48.0)),
)
_SPLEEN = Ellipsoid((-103.0, -34.0, 35.0), (35.0, 49.0, 52.0), (16.0, 0.0, -14.0))
_BESIDE_SPLEEN = Ellipsoid((-54.0, -2.0, 36.0), (34.0, 50.0, 64.0))
_KIDNEY = Ellipsoid((62.0, -42.0, -10.0), (28.0, 26.5, 55.0), (6.0, -10.0, 20.0))
_SINUS = Ellipsoid((44.0, -34.0, -10.0), (19.0, 11.0, 22.0), (6.0, -10.0, 20.0))
_PANCREAS: Points = (
    (32.0, 18.0, -26.0),
    (28.0, 20.0, -12.0),
    (14.0, 22.0, 0.0),
    (-8.0, 20.0, 8.0),
    (-34.0, 8.0, 14.0),
    (-58.0, -8.0, 20.0),
    (-78.0, -20.0, 26.0),
)
_PANCREAS_RADIUS = (13.0, 15.0, 10.5, 10.5, 11.0, 11.0, 8.0)
_GALLBLADDER: Points = (
    (42.0, 28.0, 14.0),
    (48.0, 42.0, 2.0),
    (54.0, 56.0, -14.0),
    (56.0, 62.0, -22.0),
)
_GALLBLADDER_RADIUS = (5.0, 11.0, 15.0, 13.0)
_ADRENALS: tuple[Points, ...] = (
    ((28.0, -22.0, 40.0), (34.0, -32.0, 36.0), (38.0, -40.0, 32.0)),
    ((-24.0, -16.0, 34.0), (-32.0, -24.0, 30.0), (-38.0, -36.0, 28.0)),
)


def paint_liver(scene: Scene, *, label: int) -> None:
    """Paint the liver under the diaphragm, with its vessels."""
    place = random_placement(scene.rng, (3.0, 3.0, 5.0), 0.05)
    liver = ellipsoids(scene.space, place.parts(_LIVER), 14)
    at = scene.space.coordinates(liver.block)
    distance = liver.distance
    for beneath in _BENEATH_LIVER:
        distance = np.maximum(distance, -beneath.distance(at))
    liver = Shape(liver.block, distance).rougher(scene.lumps, 1.5)
    liver = liver.within(scene.cavity, 2.5).within(scene.diaphragm, 3)
    scene.paint(liver.grown(1), scene.tissue["fat"], 0)
    scene.paint(liver, scene.textured(liver, scene.tissue["liver"], 3.5), label)
    paint_vessels_of_liver(scene, liver)
    if scene.rng.random() < 0.4:
        _paint_cysts(scene, liver)


def paint_spleen(scene: Scene, *, label: int) -> None:
    """Paint the spleen: convex towards the ribs, hollow towards the stomach."""
    place = random_placement(scene.rng, (2.0, 4.0, 5.0), 0.08)
    whole, beside = place.parts((_SPLEEN, _BESIDE_SPLEEN))
    spleen = whole.in_space(scene.space)
    at = scene.space.coordinates(spleen.block)
    spleen = Shape(spleen.block, np.maximum(spleen.distance, -beside.distance(at)))
    spleen = spleen.rougher(scene.lumps, 1.2).within(scene.cavity, 2.5).within(scene.diaphragm, 3)
    scene.paint(spleen.grown(1), scene.tissue["fat"], 0)
    scene.paint(spleen, scene.textured(spleen, scene.tissue["spleen"], 3.5), label)


def paint_kidney(scene: Scene, *, side: int, label: int) -> None:
    """Paint a kidney: cortex round pyramids of medulla, and fat and urine in its sinus.

    `side` is 1 on the right, where the liver pushes it down, and -1 on the left.
    """
    rng, tissue = scene.rng, scene.tissue
    place = random_placement(rng, (3.0, 3.0, 7.0), 0.06)
    whole, hollow = (_on_side(part, side) for part in place.parts((_KIDNEY, _SINUS)))
    kidney = whole.in_space(scene.space)
    at = scene.space.coordinates(kidney.block)
    sinus = Shape(kidney.block, hollow.distance(at)).rougher(scene.grain, 2)
    kidney = Shape(kidney.block, np.maximum(kidney.distance, -sinus.distance))
    kidney = kidney.rougher(scene.grain, 0.5)
    scene.paint(kidney.grown(rng.uniform(3, 8)).within(scene.cavity), tissue["fat"], 0)
    scene.paint(kidney, scene.textured(kidney, tissue["cortex"], 4), label)
    pyramids = np.maximum(whole.distance(at) + 7, 5 * (-0.3 - scene.grain[kidney.block]))
    scene.paint(Shape(kidney.block, np.maximum(pyramids, kidney.distance + 1.5)), tissue["medulla"])
    inner = Shape(kidney.block, np.maximum(sinus.distance + 4.5, whole.distance(at) + 3))
    scene.paint(inner, tissue["urine"])
    if rng.random() < 0.3:
        _paint_cysts(scene, kidney)


def _paint_cysts(scene: Scene, organ: Shape) -> None:
    """Paint one to three cysts inside an organ; they are part of it and of its label."""
    inside = np.argwhere(organ.distance < -6)
    for _ in range(int(scene.rng.integers(1, 4))):
        if not len(inside):
            return
        i, j, k = inside[scene.rng.integers(len(inside))]
        x, y, z = scene.space.coordinates(organ.block)[:, i, j, k].tolist()
        radius = scene.rng.uniform(4, 11)
        cyst = Ellipsoid((x, y, z), (radius, radius, radius)).in_space(scene.space)
        scene.paint(cyst.within(scene.on_whole(organ.grown(-1))), scene.tissue["urine"])


def _on_side(part: Ellipsoid, side: int) -> Ellipsoid:
    x, y, z = part.centre
    about_x, about_y, about_z = part.turn
    lower = 7.0 if side > 0 else -3.0
    turn = (about_x, side * about_y, side * about_z)
    return Ellipsoid((side * x, y, z - lower), part.half_axes, turn)


def paint_pancreas(scene: Scene, *, label: int) -> None:
    """Paint the pancreas, lobed, from the duodenum's loop to the spleen."""
    place = random_placement(scene.rng, (3.0, 3.0, 4.0), 0.03)
    size = scene.rng.normal(1.0, 0.08)
    pancreas = tube(scene.space, place.points(_PANCREAS), [size * r for r in _PANCREAS_RADIUS])
    pancreas = pancreas.rougher(scene.grain, 1.5)
    scene.paint(pancreas.grown(1.5), scene.tissue["fat"], 0)
    scene.paint(pancreas, scene.textured(pancreas, scene.tissue["pancreas"], 8), label)


def paint_gallbladder(scene: Scene, *, label: int) -> None:
    """Paint the gallbladder at the liver's lower face."""
    place = random_placement(scene.rng, (4.0, 3.0, 4.0), 0.0)
    size = scene.rng.uniform(0.8, 1.25)
    radius = [size * r for r in _GALLBLADDER_RADIUS]
    gallbladder = tube(scene.space, place.points(_GALLBLADDER), radius)
    gallbladder = gallbladder.within(scene.cavity, 3)
    scene.paint(gallbladder, scene.tissue["stomach_wall"], label)
    scene.paint(gallbladder.grown(-1.2), scene.tissue["bile"])


def paint_adrenals(scene: Scene) -> None:
    """Paint the adrenal glands, thin and without a label."""
    for course in _ADRENALS:
        gland = tube(scene.space, course, 2.6)
        scene.paint(gland, scene.tissue["pancreas"] * 0.8, 0)
