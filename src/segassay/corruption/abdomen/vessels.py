"""Vessels: aorta and inferior vena cava with their labels, and branches without."""

import numpy as np

from segassay.corruption.abdomen.painting import Points, Scene, random_placement
from segassay.corruption.abdomen.shapes import Shape, tube

_AORTA: Points = (
    (-7.0, -10.0, 125.0),
    (-6.0, -12.0, 80.0),
    (-5.0, -14.0, 40.0),
    (-5.0, -14.0, 0.0),
    (-4.0, -14.0, -40.0),
    (-2.0, -13.0, -78.0),
)
_VENA_CAVA: Points = (
    (15.0, -12.0, -86.0),
    (18.0, -13.0, -45.0),
    (19.0, -12.0, -10.0),
    (21.0, -8.0, 30.0),
    (21.0, 2.0, 65.0),
    (14.0, 12.0, 105.0),
)
_AORTA_RADIUS = (11.5, 11.0, 10.5, 9.5, 9.0, 8.5)
_VENA_CAVA_RADIUS = (8.5, 9.0, 9.5, 10.5, 11.0, 11.0)

# Branches without a label: whose blood, course, radius.
_BRANCHES: tuple[tuple[str, Points, float], ...] = (
    ("aorta", ((-2.0, -13.0, -76.0), (14.0, -12.0, -95.0), (28.0, -14.0, -125.0)), 6.0),
    ("aorta", ((-2.0, -13.0, -76.0), (-16.0, -12.0, -95.0), (-30.0, -14.0, -125.0)), 6.0),
    ("vena_cava", ((15.0, -14.0, -84.0), (26.0, -22.0, -100.0), (34.0, -26.0, -125.0)), 7.0),
    ("vena_cava", ((15.0, -14.0, -84.0), (-10.0, -22.0, -100.0), (-32.0, -26.0, -125.0)), 7.0),
    ("aorta", ((-4.0, -4.0, 22.0), (-3.0, 8.0, 10.0), (0.0, 14.0, -15.0), (2.0, 22.0, -55.0)), 3.6),
    ("aorta", ((-4.0, -4.0, 32.0), (2.0, 8.0, 34.0), (22.0, 18.0, 24.0)), 3.2),
    (
        "aorta",
        ((-4.0, -4.0, 32.0), (-18.0, 4.0, 34.0), (-50.0, -6.0, 36.0), (-82.0, -18.0, 42.0)),
        3.0,
    ),
    ("aorta", ((4.0, -14.0, 2.0), (24.0, -24.0, -4.0), (46.0, -30.0, -14.0)), 3.0),
    ("aorta", ((-12.0, -14.0, 4.0), (-28.0, -24.0, 0.0), (-46.0, -30.0, -4.0)), 3.0),
    ("vena_cava", ((26.0, -12.0, -2.0), (36.0, -20.0, -10.0), (50.0, -30.0, -16.0)), 5.0),
    (
        "vena_cava",
        ((16.0, -8.0, 4.0), (-4.0, -1.0, 6.0), (-24.0, -16.0, 2.0), (-46.0, -30.0, -4.0)),
        4.5,
    ),
    ("portal_vein", ((14.0, 20.0, -70.0), (13.0, 17.0, -30.0), (12.0, 10.0, 2.0)), 5.5),
    (
        "portal_vein",
        ((-84.0, -22.0, 38.0), (-48.0, -6.0, 24.0), (-14.0, 6.0, 8.0), (12.0, 9.0, 2.0)),
        4.8,
    ),
    ("portal_vein", ((12.0, 9.0, 2.0), (24.0, 8.0, 20.0), (36.0, 10.0, 36.0)), 7.0),
)
_IN_LIVER: tuple[tuple[str, Points, float], ...] = (
    (
        "portal_vein",
        ((36.0, 10.0, 36.0), (62.0, 6.0, 40.0), (92.0, -8.0, 46.0), (112.0, -16.0, 52.0)),
        5.0,
    ),
    ("portal_vein", ((62.0, 6.0, 40.0), (78.0, 26.0, 28.0), (98.0, 34.0, 14.0)), 3.8),
    (
        "portal_vein",
        ((36.0, 10.0, 36.0), (20.0, 28.0, 48.0), (0.0, 46.0, 58.0), (-26.0, 52.0, 62.0)),
        4.0,
    ),
    (
        "vena_cava",
        ((22.0, 4.0, 82.0), (58.0, 0.0, 72.0), (94.0, -8.0, 50.0), (112.0, -6.0, 18.0)),
        4.2,
    ),
    (
        "vena_cava",
        ((22.0, 6.0, 82.0), (46.0, 34.0, 70.0), (68.0, 52.0, 46.0), (76.0, 56.0, 22.0)),
        4.0,
    ),
    ("vena_cava", ((20.0, 8.0, 82.0), (2.0, 36.0, 76.0), (-18.0, 56.0, 64.0)), 3.5),
)
_MESENTERY: Points = ((8.0, 20.0, -30.0), (5.0, 24.0, -50.0), (2.0, 26.0, -70.0))


def paint_branches(scene: Scene) -> None:
    """Paint what branches off the great vessels, and the mesentery's vessels to the bowel."""
    for blood, course, radius in _BRANCHES:
        branch = tube(scene.space, course, radius * scene.rng.uniform(0.85, 1.15))
        scene.paint(branch, scene.tissue[blood])
    for root in _MESENTERY:
        for _ in range(6):
            away = scene.rng.uniform((-75, 5, -35), (65, 50, 5))
            middle = np.array(root) + 0.5 * away + scene.rng.normal(0, 6, size=3)
            end = np.array(root) + away
            points = (root, tuple(middle.tolist()), tuple(end.tolist()))
            scene.paint(
                tube(scene.space, points, (2.4, 2.0, 1.4), pieces=1), scene.tissue["portal_vein"]
            )


def paint_great_vessels(scene: Scene, *, aorta: int, vena_cava: int) -> None:
    """Paint the aorta down to where it divides, and the inferior vena cava up to the heart."""
    place = random_placement(scene.rng, (1.5, 1.5, 3.0), 0.0)
    size = scene.rng.normal(1.0, 0.08)
    tissue = scene.tissue
    shape = tube(scene.space, place.points(_VENA_CAVA), [size * r for r in _VENA_CAVA_RADIUS])
    scene.paint(shape.grown(1), tissue["fat"] * 0.5, 0)
    scene.paint(shape, tissue["vena_cava"], vena_cava)
    size = scene.rng.normal(1.0, 0.1)
    shape = tube(scene.space, place.points(_AORTA), [size * r for r in _AORTA_RADIUS])
    scene.paint(shape.grown(1), tissue["fat"] * 0.5, 0)
    scene.paint(shape, tissue["aorta"], aorta)
    if scene.rng.random() < 0.4:
        _paint_plaque(scene, shape)


def _paint_plaque(scene: Scene, vessel: Shape) -> None:
    """Paint lime in the vessel's wall, as in every second elderly patient."""
    wall = np.abs(vessel.distance + 1.2) - 0.9
    patches = Shape(vessel.block, np.maximum(wall, 2 * (1.2 - scene.grain[vessel.block])))
    scene.paint(patches, 450.0)


def paint_vessels_of_liver(scene: Scene, liver: Shape) -> None:
    """Paint portal and hepatic veins inside the liver, whose label they keep."""
    inside = scene.on_whole(liver.grown(-4))
    for blood, course, radius in _IN_LIVER:
        vein = tube(scene.space, course, (*np.linspace(radius, 0.6 * radius, len(course)),))
        scene.paint(vein.within(inside), scene.tissue[blood])
