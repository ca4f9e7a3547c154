"""Regions that an image itself shows: objects without a name, whatever the image is of.

A judge that only learns anatomy has nothing to say of what it never met. Regions that stand out
from what lies around them are everywhere, and whether a mask follows such a region is what can be
said of an unknown structure at all. They are found in two ways: as the extremal region around a
seed that changes least with its threshold (MSER, Matas 2002), and by joining the most alike
neighbours among the basins of the gradient (Ward 1963). Both are then smoothed and kept where they
are of one piece and compact, as structures are that people draw.
"""

from collections.abc import Iterator

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_LEAST, _MOST = 0.003, 0.3
"""Area of a region as a share of the image."""

_COMPACT = 0.4
"""Least share of its bounding box that a region fills."""

_AT_BORDER = 0.15
"""Most of a region's box edges that may lie on the image's border, as a share of its outline."""

_ONE = 0.8
"""Dice above which two regions count as one."""

_THRESHOLDS = 24
_MOST_GROWTH = 0.35
"""How much of its area an extremal region may gain between neighbouring thresholds."""


def found_regions(
    image: NDArray[np.number], rng: np.random.Generator, *, seeds: int = 60
) -> list[BoolArray]:
    """Return regions `(row, column)` of an image, largest first; no two of them are nearly one.

    An image without contrast has none.
    """
    found: list[BoolArray] = []
    candidates = [*_standing_out(image, rng, seeds), *_joined_basins(image, rng)]
    for rough in candidates:
        region = _smoothed(rough)
        if _looks_drawn(region) and not any(_nearly_one(region, other) for other in found):
            found.append(region)
    return sorted(found, key=np.count_nonzero, reverse=True)


def _standing_out(
    image: NDArray[np.number], rng: np.random.Generator, seeds: int
) -> Iterator[BoolArray]:
    """Yield bright or dark regions around random seeds that hardly change with their threshold."""
    for _ in range(seeds):
        smooth = ndi.gaussian_filter(image.astype(np.float32), rng.uniform(0.5, 3.0))
        values = smooth if rng.random() < 0.5 else -smooth
        seed = (int(rng.integers(image.shape[0])), int(rng.integers(image.shape[1])))
        region = _most_stable(values, seed)
        if region is not None:
            yield np.asarray(ndi.binary_fill_holes(region))


def _most_stable(values: Floats, seed: tuple[int, int]) -> BoolArray | None:
    """Return the component around the seed that grows least between thresholds; `None` for none."""
    top, low = float(values[seed]), float(np.percentile(values, 2))
    found, areas = [], []
    for threshold in np.linspace(top, low, _THRESHOLDS, endpoint=False)[1:] if top > low else ():
        labels, _ = ndi.label(values >= threshold)
        found.append(labels == labels[seed])
        areas.append(np.count_nonzero(found[-1]))
        if areas[-1] > _MOST * values.size:
            break
    area = np.array(areas, dtype=np.float64)
    if len(area) < 3:
        return None
    growth = (area[2:] - area[:-2]) / area[1:-1]
    growth[area[1:-1] < _LEAST * values.size] = np.inf
    best = int(growth.argmin())
    return found[best + 1] if growth[best] < _MOST_GROWTH else None


def _joined_basins(image: NDArray[np.number], rng: np.random.Generator) -> Iterator[BoolArray]:
    """Yield the parts of an image, its basins joined until a few are left."""
    smooth = ndi.gaussian_filter(image.astype(np.float32), rng.uniform(0.7, 2.0))
    slope = ndi.gaussian_gradient_magnitude(smooth, 1.0)
    scaled = 65535 * slope / max(float(slope.max()), 1e-6)
    basins = ndi.watershed_ift(scaled.astype(np.uint16), _markers(smooth.shape, rng)) - 1
    parts = _joined(smooth, basins, int(rng.integers(6, 20)))
    for number in range(int(parts.max()) + 1):
        yield parts == number


def _markers(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int32]:
    """Return a marker of its own in every cell of a shaken grid."""
    step = max(int(max(shape) / rng.uniform(7, 16)), 3)
    rows, columns = np.mgrid[step // 2 : shape[0] : step, step // 2 : shape[1] : step]
    shaken = np.stack([rows.ravel(), columns.ravel()])
    shaken = shaken + rng.integers(-(step // 3), step // 3 + 1, shaken.shape)
    row, column = np.clip(shaken, 0, np.array(shape)[:, None] - 1)
    markers = np.zeros(shape, dtype=np.int32)
    markers[row, column] = np.arange(1, len(row) + 1)
    return markers


def _joined(image: Floats, basins: NDArray[np.int32], n_left: int) -> NDArray[np.intp]:
    """Join touching basins, those first that add least to the spread within, until few are left."""
    present, flat = np.unique(basins, return_inverse=True)
    numbered, count = flat.reshape(image.shape), len(present)
    sizes = np.bincount(numbered.ravel(), minlength=count).astype(np.float64)
    sums = np.bincount(numbered.ravel(), image.ravel(), minlength=count)
    touching = np.zeros((count, count), dtype=np.bool_)
    for a, b in ((numbered[1:], numbered[:-1]), (numbered[:, 1:], numbered[:, :-1])):
        touching[a.ravel(), b.ravel()] = touching[b.ravel(), a.ravel()] = True
    np.fill_diagonal(touching, val=False)
    into = np.arange(count)
    for _ in range(count - n_left):
        means = sums / sizes
        weight = sizes[:, None] * sizes[None] / (sizes[:, None] + sizes[None])
        cost = np.where(touching, weight * (means[:, None] - means[None]) ** 2, np.inf)
        one, other = np.unravel_index(int(cost.argmin()), cost.shape)
        into[into == other] = one
        sizes[one], sums[one] = sizes[one] + sizes[other], sums[one] + sums[other]
        touching[one] |= touching[other]
        touching[:, one] = touching[one]
        touching[other] = touching[:, other] = False
        touching[one, one] = False
    return np.asarray(np.unique(into[numbered], return_inverse=True)[1].reshape(image.shape))


def _smoothed(region: BoolArray) -> BoolArray:
    """Return the largest piece of a region, its outline smoothed as far as its size allows."""
    width = 0.06 * np.sqrt(np.count_nonzero(region))
    smooth = ndi.gaussian_filter(region.astype(np.float32), width) > 0.5
    pieces, count = ndi.label(smooth)
    if count > 1:
        smooth = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    return np.asarray(smooth)


def _looks_drawn(region: BoolArray) -> bool:
    """Whether a region has the size of a structure, is compact and is not cut off by the border."""
    area = np.count_nonzero(region)
    if not _LEAST * region.size <= area <= _MOST * region.size:
        return False
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    at_border = sum(
        np.count_nonzero(e) for e in (region[0], region[-1], region[:, 0], region[:, -1])
    )
    compact = area >= _COMPACT * height * width
    return bool(compact and at_border <= _AT_BORDER * 2 * (height + width))


def _nearly_one(one: BoolArray, other: BoolArray) -> bool:
    both = np.count_nonzero(one & other)
    return bool(2 * both > _ONE * (np.count_nonzero(one) + np.count_nonzero(other)))
