"""A simulated subject: image and exact labels."""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.abdomen.bowel import paint_colon, paint_small_bowel, paint_stomach
from segassay.corruption.abdomen.enhancement import random_tissues
from segassay.corruption.abdomen.organs import (
    paint_adrenals,
    paint_gallbladder,
    paint_kidney,
    paint_liver,
    paint_pancreas,
    paint_spleen,
)
from segassay.corruption.abdomen.painting import Scene, empty_hu
from segassay.corruption.abdomen.scanner import scan
from segassay.corruption.abdomen.space import SHAPE, SPACING_MM, fine_field, random_space
from segassay.corruption.abdomen.torso import paint_torso
from segassay.corruption.abdomen.vessels import paint_branches, paint_great_vessels

LABELS = {
    "spleen": 1,
    "kidney_right": 2,
    "kidney_left": 3,
    "gallbladder": 4,
    "liver": 5,
    "stomach": 6,
    "aorta": 7,
    "inferior_vena_cava": 8,
    "pancreas": 9,
}
"""Voxel value of every structure."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """An image `(i, j, k)` in HU, RAS+, with its label map (values as in `LABELS`)."""

    image: NDArray[np.int16]
    labels: NDArray[np.uint8]

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel to millimetres, RAS+, with the origin at the scan's centre."""
        affine = np.diag([*SPACING_MM, 1.0])
        affine[:3, 3] = -0.5 * np.array(SPACING_MM) * (np.array(SHAPE) - 1)
        return affine


def make_subject(seed: int) -> Subject:
    """Make one subject; build, shapes, contrast and noise vary with the seed, and only with it."""
    rng = np.random.default_rng(seed)
    tissue = random_tissues(rng)
    space = random_space(rng)
    scene = Scene(
        space,
        tissue,
        rng,
        hu=empty_hu(tissue["air"]),
        labels=np.zeros(SHAPE, dtype=np.uint8),
        lumps=fine_field(rng, 16.0),
        grain=fine_field(rng, 6.0),
        cavity=empty_hu(0.0),
        diaphragm=empty_hu(0.0),
    )
    paint_torso(scene)
    paint_small_bowel(scene)
    paint_branches(scene)
    paint_colon(scene)
    paint_spleen(scene, label=LABELS["spleen"])
    paint_stomach(scene, label=LABELS["stomach"])
    paint_adrenals(scene)
    paint_pancreas(scene, label=LABELS["pancreas"])
    paint_liver(scene, label=LABELS["liver"])
    paint_kidney(scene, side=1, label=LABELS["kidney_right"])
    paint_kidney(scene, side=-1, label=LABELS["kidney_left"])
    paint_great_vessels(scene, aorta=LABELS["aorta"], vena_cava=LABELS["inferior_vena_cava"])
    paint_gallbladder(scene, label=LABELS["gallbladder"])
    _drop_slivers(scene.labels)
    return Subject(scan(scene.hu, space, rng), scene.labels)


def _drop_slivers(labels: NDArray[np.uint8]) -> None:
    """Take the label from slivers that a neighbour has cut off: every organ is one piece."""
    for value, box in enumerate(ndi.find_objects(labels), start=1):
        if box is None:
            continue
        parts, n_parts = ndi.label(labels[box] == value)
        if n_parts > 1:
            largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
            labels[box][(parts > 0) & (parts != largest)] = 0
