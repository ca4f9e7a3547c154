"""What a label looks like in a dozen numbers: size, place, form, brightness and border."""

from math import ceil

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.images.intensity import robust_ends
from segassay.images.mask import Mask
from segassay.images.volume import Volume

BoolArray = NDArray[np.bool_]
Floats = NDArray[np.float64]

TRAITS = {
    "size": 0.1,
    "place_i": 0.03,
    "place_j": 0.03,
    "place_k": 0.03,
    "extent_i": 0.1,
    "extent_j": 0.1,
    "extent_k": 0.1,
    "level": 0.03,
    "contrast": 0.02,
    "step": 0.02,
    "border": 0.1,
    "roughness": 0.1,
    "wholeness": 0.02,
}
"""Names of the traits, each with a spread that is never unusual, however alike some labels are."""

_LONGEST = 256
_MARGIN = 4
_AROUND = 3


class Traits:
    """Measures labels of one image.

    Attributes:
        in_mm: Whether sizes are in millimetres; where these are unknown they are parts of the
            image, which compare with one another only.
    """

    def __init__(self, image: Volume) -> None:
        self.in_mm = image.spacing_known
        self._steps = tuple(ceil(n / _LONGEST) for n in image.array.shape)
        self._every = tuple(slice(None, None, step) for step in self._steps)
        self._levels = np.asarray(image.array[self._every])
        self._known = None if image.known is None else image.known[self._every]
        self._ends = robust_ends(np.moveaxis(self._levels, 2, 0))
        shape = np.array(self._levels.shape)
        known = np.array(image.grid.spacing_mm) * np.array(image.array.shape) / shape
        self._unit = known if image.spacing_known else 1 / shape

    def __call__(self, mask: Mask | BoolArray) -> Floats:
        """Return the traits of a mask `(i, j, k)` of the image, in the order of `TRAITS`.

        Size, extents along the axes (both as logarithms, in mm or, where their size is unknown, as
        parts of the image) and place (parts of the image); mean and spread of the levels inside
        and the step to those around, as parts of the image's range; the logarithm of the change of
        levels along the border, from voxel to voxel, that of the border's size for the volume, and
        the share of the largest piece. Images of more than 256 voxels a side are thinned out
        first. Voxels whose label is not known are no border, and within the mask's bounding box
        they count as mask in the proportion of the known ones. NaN for an empty mask.
        """
        mask = np.asarray(mask)
        if not mask.any():
            return np.full(len(TRAITS), np.nan)
        thinned = mask[self._every]
        if not thinned.any():
            thinned = thinned.copy()
            thinned[tuple(np.argwhere(mask).T // np.array(self._steps)[:, None])] = True
        where = _around(thinned)
        inside = thinned[where]
        known = np.ones_like(inside) if self._known is None else self._known[where]
        n_voxels = _whole_size(inside, known)
        voxels = np.argwhere(inside) + [s.start for s in where]
        extent = voxels.std(axis=0) * self._unit + 0.5 * self._unit
        return np.array(
            [
                np.log(n_voxels * self._unit.prod()),
                *((voxels.mean(axis=0) + 0.5) / thinned.shape),
                *np.log(extent),
                *self._look(where, inside, known),
                *_form(inside, known),
            ]
        )

    def _look(
        self, where: tuple[slice, ...], inside: BoolArray, known: BoolArray
    ) -> tuple[float, ...]:
        low, high = self._ends
        levels = (self._levels[where].astype(np.float32) - low) / max(high - low, 1e-6)
        levels = levels.clip(0, 1)
        element = _flat(inside.shape)
        around = ndi.binary_dilation(inside, element, iterations=_AROUND) & ~inside & known
        own = levels[inside]
        outside = float(levels[around].mean()) if around.any() else float(own.mean())
        change = np.sqrt(sum((g**2 for g in _slopes(levels)), np.zeros_like(levels)))
        rim = _rim(inside, known)
        border = float(change[rim].mean()) if rim.any() else 0.0
        return float(own.mean()), float(own.std()), float(own.mean()) - outside, _log(border)


def _form(inside: BoolArray, known: BoolArray) -> tuple[float, float]:
    pieces, _ = ndi.label(inside | ~known)
    n_voxels = int(inside.sum())
    whole = _whole_size(inside, known)
    n_axes = max(sum(n > 1 for n in inside.shape), 1)
    n_rim = max(int(_rim(inside, known).sum()), 1) * whole / n_voxels
    rim = np.log(n_rim / whole ** (1 - 1 / n_axes))
    return float(rim), float(np.bincount(pieces[inside]).max() / n_voxels)


def _whole_size(inside: BoolArray, known: BoolArray) -> float:
    """Return the voxels of a mask, with what lies in the unknown part of its bounding box."""
    return float(inside.sum() / known[_around(inside, 0)].mean())


def _rim(inside: BoolArray, known: BoolArray) -> BoolArray:
    return np.asarray(inside & ~ndi.binary_erosion(inside | ~known, _flat(inside.shape)))


def _flat(shape: tuple[int, ...]) -> BoolArray:
    """Return a cross that leaves out axes of one voxel: along these everything is border."""
    element = ndi.generate_binary_structure(3, 1)
    keep = tuple(slice(None) if n > 1 else slice(1, 2) for n in shape)
    flat = np.zeros_like(element)
    flat[keep] = element[keep]
    return flat


def _slopes(levels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [np.gradient(levels, axis=axis) for axis, n in enumerate(levels.shape) if n > 1]


def _around(mask: BoolArray, margin: int = _MARGIN) -> tuple[slice, ...]:
    found: tuple[slice, ...] = ndi.find_objects(mask.astype(np.uint8))[0]
    return tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in found)


def _log(positive: float) -> float:
    return float(np.log(positive + 1e-3))
