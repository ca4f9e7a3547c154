"""How random shapes look: grey values, textures, outlines, clutter and what scanners add.

What marks a structure differs from one kind of image to the next: brightness on CT, a bright rim
on ultrasound, texture in skin, the sum of all that lies behind one another on X-ray. A judge that
has met all of these shall not rest on one of them (what it gained: docs/decisions/0020).
"""

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shape = tuple[int, int, int]

_IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
_IN_PLANE[1] = True


def random_look(
    labels: NDArray[np.uint8],
    greys: Floats,
    view: NDArray[np.bool_] | None,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw an image `(slice, row, column)` of a label map, about 0..1; black outside `view`.

    `greys` are the grey values of labels 0, 1, ...; they get texture, and not all stay.
    """
    n_labels = len(greys)
    planes = _tissue(labels, greys, rng)
    if rng.random() < 0.5:
        planes = with_parts(planes, labels, n_labels, rng)
    if rng.random() < 0.5:
        planes = planes + _clutter(labels, rng)
    if rng.random() < 0.5:
        planes = _rims(planes, labels, n_labels, rng)
    for change, share in ((_ribs, 0.15), (_lines, 0.15), (_shadow, 0.15), (_speckle, 0.25)):
        if rng.random() < share:
            planes = change(planes, rng)
    planes = _scanned(planes, rng)
    return (planes if view is None else np.where(view, planes, planes.min())).astype(np.float32)


def smooth_field(rng: np.random.Generator, shape: Shape, width: tuple[float, ...]) -> Floats:
    """Draw a smooth random field of unit spread; `width` in voxels along every axis."""
    field = ndi.gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
    return np.asarray(field / max(float(field.std()), 1e-9), dtype=np.float64)


def random_greys(n: int, rng: np.random.Generator) -> Floats:
    """Draw `n` grey values in 0..1 that keep a distance from one another."""
    return np.asarray((rng.permutation(n) + rng.uniform(0, 0.7, size=n)) / n)


def wide_view(shape: Shape, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the part of the scene that is seen: a disc, larger than the image or smaller."""
    _, rows, columns = shape
    down, along = np.ogrid[:rows, :columns]
    centre = (0.5 + rng.normal(0, 0.08, size=2)) * (rows, columns)
    far = np.hypot(down - centre[0], along - centre[1]) < rng.uniform(0.4, 0.65) * max(shape)
    return np.broadcast_to(far, shape)


def with_parts(
    planes: Floats, labels: NDArray[np.uint8], n_labels: int, rng: np.random.Generator
) -> Floats:
    """Fill some structures of an image with parts that nobody labels, as different as structures.

    A head holds a brain, a tumour what died in it; the structure is all of it. Some keep a wall.
    Arguments and result as for `random_look`; background, label 0, may have parts, too.
    """
    planes = planes.copy()
    grey = _parts(labels.shape, rng)
    strength = rng.uniform(0.5, 1)
    for value in range(n_labels):
        mask = labels == value
        if rng.random() < 0.3 or not mask.any():
            continue
        if rng.random() < 0.5:
            mask = _eroded(mask, int(rng.integers(1, 6)))
        planes[mask] += strength * (grey[mask] - planes[mask])
    return planes


def _tissue(labels: NDArray[np.uint8], greys: Floats, rng: np.random.Generator) -> Floats:
    """Give every label its grey value, a slope and a texture of its own."""
    rough = rng.uniform(0, 0.12, size=len(greys))
    slope = smooth_field(rng, labels.shape, (2, 30, 30)) * rng.uniform(0, 0.12)
    grain = (0.0, *rng.uniform(0.5, 4, size=2))
    return np.asarray(
        greys[labels] + slope + rough[labels] * smooth_field(rng, labels.shape, grain)
    )


def _parts(shape: Shape, rng: np.random.Generator) -> Floats:
    """Draw a scene of regions with grey values far from one another."""
    width, n_parts = rng.uniform(2, 9), int(rng.integers(2, 6))
    fields = [smooth_field(rng, shape, (1, width, width)) for _ in range(n_parts)]
    return np.asarray(random_greys(n_parts, rng)[np.argmax(fields, axis=0)])


def _eroded(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Take `by` pixels off a mask's border in every slice; the image's edge is no border."""
    inner = ndi.binary_erosion(mask, _IN_PLANE, iterations=by, border_value=1)
    return np.asarray(inner, dtype=bool)


def _clutter(labels: NDArray[np.uint8], rng: np.random.Generator) -> Floats:
    """Draw regions that nobody labels, everywhere or in the background alone."""
    fields = [smooth_field(rng, labels.shape, (1.5, w, w)) for w in rng.uniform(4, 20, size=5)]
    grey = rng.uniform(-0.2, 0.2, size=5)[np.argmax(fields, axis=0)]
    inside = rng.uniform(0, 0.5) if rng.random() < 0.5 else 0.0
    return np.asarray(grey * np.where(labels == 0, 1.0, inside))


def _rims(
    planes: Floats, labels: NDArray[np.uint8], n_labels: int, rng: np.random.Generator
) -> Floats:
    """Draw outlines of some structures, with gaps; some of these differ in nothing else."""
    planes = planes.copy()
    gaps = smooth_field(rng, labels.shape, (1, 12, 12)) > rng.uniform(-2.5, -0.6)
    for value in range(1, n_labels):
        mask = labels == value
        if rng.random() < 0.4 or not mask.any():
            continue
        if rng.random() < 0.3:
            planes[mask] += float(planes[labels != value].mean()) - float(planes[mask].mean())
        rim = mask & ~_eroded(mask, int(rng.integers(1, 4)))
        planes[rim & gaps] = rng.uniform(-0.2, 1.2)
    return planes


def _ribs(planes: Floats, rng: np.random.Generator) -> Floats:
    """Lay bands over everything, as bones lie over lungs on an X-ray."""
    width = rng.uniform(6, 16)
    across = smooth_field(rng, planes.shape, (1, width, 4 * width))
    return planes + rng.uniform(-0.3, 0.3) * ndi.gaussian_filter((across > 0.5) * 1.0, (0, 1, 1))


def _lines(planes: Floats, rng: np.random.Generator) -> Floats:
    """Draw thin lines over everything: hairs, vessels, wires."""
    width = rng.uniform(6, 16)
    line = np.abs(smooth_field(rng, planes.shape, (2, width, width))) < rng.uniform(0.02, 0.06)
    return np.where(line, rng.uniform(-0.2, 1.2), planes)


def _shadow(planes: Floats, rng: np.random.Generator) -> Floats:
    """Darken stripes from some depth on, as air and bone do under a probe."""
    stripes = ndi.gaussian_filter1d(rng.standard_normal(planes.shape[2]), rng.uniform(3, 10))
    stripes = np.clip(stripes / max(float(stripes.std()), 1e-9) - rng.uniform(0, 1), 0, 1)
    depth = np.linspace(-rng.uniform(0, 1), 1, planes.shape[1]).clip(0)
    darker = rng.uniform(0.3, 0.9) * np.outer(depth, stripes)
    return np.asarray(planes * (1 - darker), dtype=np.float64)


def _speckle(planes: Floats, rng: np.random.Generator) -> Floats:
    """Multiply by grain that coherent waves leave: Rayleigh, wider across than along."""
    grain = rng.rayleigh(0.8, size=planes.shape)
    grain = ndi.gaussian_filter(grain, (0, rng.uniform(0.3, 1), rng.uniform(0.5, 2)))
    return np.asarray(planes * (1 + rng.uniform(0.3, 1.2) * (grain - grain.mean())))


def _scanned(planes: Floats, rng: np.random.Generator) -> Floats:
    """Add what every scanner adds: blur, brightness that drifts, noise."""
    blurred = ndi.gaussian_filter(planes, (0, *[rng.uniform(0.3, 1.5)] * 2))
    quarter = planes.shape[1] / 4
    bias = 1 + rng.uniform(0, 0.3) * smooth_field(rng, planes.shape, (2, quarter, quarter))
    return np.asarray(blurred * bias + rng.uniform(0, 0.05) * rng.standard_normal(planes.shape))
