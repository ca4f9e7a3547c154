"""Images of random shapes: what a judge can learn without any anatomy.

Three kinds of label maps take turns. In one, smooth random fields compete for every voxel and the
winner's number is the label. In another, a few objects lie on a background: rounded outlines,
rings round a core, twins on both sides, thin bands; they end within the stack. In the third such
objects lie behind one another and shine through, as on an X-ray. How they look is drawn in
`random_looks` (the idea of SynthSeg, Billot 2023, and SynthMorph, Hoffmann 2022).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.phantoms.random_looks import (
    random_greys,
    random_look,
    smooth_field,
    wide_view,
)

Labels = NDArray[np.uint8]
Shape = tuple[int, int, int]
Structures = tuple[tuple[int, ...], ...]
"""Structures of a label map, each the labels that are it together."""

_ROUNDED = 0.35
"""Share of images that show only a disc of the scene, black round it, as scopes and probes do."""


@dataclass(frozen=True, slots=True, eq=False)
class ShapeImage:
    """Slices `(slice, row, column)` of an image, any range, and its labels 0..n - 1.

    `structures` are the labels that make up each object; a label may be part of several.
    """

    planes: NDArray[np.float32]
    labels: Labels
    n_labels: int
    structures: Structures


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    labels: Labels
    structures: Structures
    greys: NDArray[np.float64]


def random_shapes(
    rng: np.random.Generator, *, n_slices: int = 5, size: int = 144, most_labels: int = 8
) -> ShapeImage:
    """Draw one image; the same generator gives the same image.

    Of rivals there are at most `most_labels`; the last of the objects may bring one label more.
    Voxels of label 0 are background where the image has objects. Not every label need be in it, but
    one besides 0 is.
    """
    shape = (n_slices, size, size)
    while True:
        draw = _SCENES[int(rng.integers(len(_SCENES)))]
        view = wide_view(shape, rng) if rng.random() < _ROUNDED else None
        scene = draw(shape, most_labels, rng)
        labels = scene.labels
        if view is not None:
            labels[~view] = 0
        if labels.min() < labels.max():
            look = random_look(labels, scene.greys, view, rng)
            return ShapeImage(look, labels, scene.greys.size, scene.structures)


def _rivals(shape: Shape, most: int, rng: np.random.Generator) -> _Scene:
    n_labels = int(rng.integers(3, most + 1))
    width = rng.uniform(4, 18, size=n_labels)
    fields = [smooth_field(rng, shape, (1.5, w, w)) + rng.normal(0, 0.3) for w in width]
    labels = np.asarray(np.argmax(fields, axis=0), dtype=np.uint8)
    return _Scene(labels, tuple((n,) for n in range(n_labels)), random_greys(n_labels, rng))


def _objects(shape: Shape, most: int, rng: np.random.Generator) -> _Scene:
    """Draw objects one over the other until there are enough; a ring and its core are a third."""
    labels = np.zeros(shape, dtype=np.uint8)
    wanted = int(rng.integers(1, most))
    used = 0
    whole: Structures = ()
    while used < wanted:
        kind = _KINDS[int(rng.integers(len(_KINDS)))]
        for mask in kind(shape, rng):
            used += 1
            labels[mask] = used
        whole = ((used - 1, used),) if kind is _ring else whole
    single = tuple((n,) for n in range(1, used + 1))
    return _Scene(labels, single + whole, random_greys(used + 1, rng))


def _shining_through(shape: Shape, most: int, rng: np.random.Generator) -> _Scene:
    """Draw objects that each add to the grey value, or take from it, wherever they are.

    Bit n of a label says whether object n is there.
    """
    objects: list[NDArray[np.bool_]] = []
    while len(objects) < most // 2:
        objects += _KINDS[int(rng.integers(len(_KINDS)))](shape, rng)
    labels = np.sum([mask << n for n, mask in enumerate(objects)], axis=0).astype(np.uint8)
    bits = np.arange(2 ** len(objects))[:, None] >> np.arange(len(objects)) & 1
    adds = rng.uniform(0.15, 0.5, size=len(objects)) * rng.choice((-1, 1), size=len(objects))
    greys = bits @ adds + rng.uniform(0.3, 0.7)
    structures = tuple(tuple(map(int, np.flatnonzero(there))) for there in bits.T)
    return _Scene(labels, structures, greys)


def _single(shape: Shape, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    return [_rounded(shape, rng) < 1]


def _ring(shape: Shape, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Draw a wall round a core, as the heart has; the core comes second and lies over it."""
    radius = _rounded(shape, rng)
    return [radius < 1, radius < rng.uniform(0.5, 0.85)]


def _twins(shape: Shape, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Draw one shape and its mirror image, not quite at the mirrored place."""
    one = _rounded(shape, rng) < 1
    return [one, np.roll(one[..., ::-1], rng.integers(-6, 7, size=2), axis=(1, 2))]


def _band(shape: Shape, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Draw a thin band that winds through a rounded place."""
    width = rng.uniform(8, 20)
    winding = np.abs(smooth_field(rng, shape, (2, width, width))) < rng.uniform(0.08, 0.3)
    return [winding & (_rounded(shape, rng) < 1)]


_KINDS: tuple[Callable[[Shape, np.random.Generator], list[NDArray[np.bool_]]], ...] = (
    _single,
    _single,
    _ring,
    _twins,
    _band,
)


_SCENES = (_objects, _objects, _objects, _rivals, _rivals, _shining_through)
"""Kinds of label maps, as often as they are here."""


def _rounded(shape: Shape, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a field `(slice, row, column)` that is below 1 inside a rounded outline.

    In every slice the distance from a centre over the outline's radius in that direction. Towards
    the ends of the stack the outline shrinks, often to nothing.
    """
    n_slices, rows, columns = shape
    down, along = np.mgrid[:rows, :columns].astype(np.float64)
    centre = rng.uniform(0.2, 0.8, size=2) * (rows, columns)
    radius = np.exp(rng.uniform(np.log(0.05), np.log(0.42))) * min(rows, columns)
    turn, narrow = rng.uniform(0, np.pi), rng.uniform(0.4, 1)
    y, x = down - centre[0], along - centre[1]
    u = np.cos(turn) * x + np.sin(turn) * y
    v = (np.cos(turn) * y - np.sin(turn) * x) / narrow
    plane = np.hypot(u, v) / (radius * _outline(np.arctan2(v, u), rng))
    middle, reach = rng.uniform(0, n_slices - 1), n_slices * rng.uniform(0.2, 1.5)
    shrink = 1 - ((np.arange(n_slices) - middle) / reach) ** 2
    field = plane / np.sqrt(np.maximum(shrink, 1e-3))[:, None, None]
    return np.asarray(ndi.gaussian_filter1d(field, 0.5, axis=0, mode="nearest"))


def _outline(angle: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a closed outline's radius, about 1, at every angle: from an ellipse to lobes."""
    wild = rng.uniform(0, 0.25)
    waves = [
        rng.normal(0, wild / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 7)
    ]
    return np.asarray(np.exp(np.sum(waves, axis=0)))
