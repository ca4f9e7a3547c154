"""What a label looks like in a dozen numbers, and how unusual that is beside other labels.

A network that never saw such images knows little about them. But a spleen of the size of a liver,
or in another corner, or without a border, is unusual among spleens in any kind of image. Centre and
spread of size, place, form, brightness and border of some labels tell; no image is kept for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.data.intensity import robust_ends
from segassay.data.volume import Volume

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

N_UNUSUAL = 1 + len(TRAITS)
"""Numbers that say how unusual a label is: altogether, then in every trait."""

FEWEST = 2
"""With fewer labels of a structure there is nothing usual."""

_LONGEST = 256
_MARGIN = 4
_AROUND = 3
_FARTHEST = 4.0
_ROUNDS = 3


class Traits:
    """Measures labels of one image."""

    def __init__(self, image: Volume) -> None:
        self._every = tuple(slice(None, None, ceil(n / _LONGEST)) for n in image.array.shape)
        self._levels = np.asarray(image.array[self._every])
        self._ends = robust_ends(np.moveaxis(self._levels, 2, 0))
        shape = np.array(self._levels.shape)
        known = np.array(image.grid.spacing_mm) * np.array(image.array.shape) / shape
        self._unit = known if image.spacing_known else 1 / shape

    def __call__(self, mask: BoolArray) -> Floats:
        """Return the traits of a mask `(i, j, k)` of the image, in the order of `TRAITS`.

        Size, extents along the axes (both as logarithms, in mm or, where their size is unknown, as
        parts of the image) and place (parts of the image); mean and spread of the levels inside
        and the step to those around, as parts of the image's range; the logarithm of the change of
        levels along the border, that of the border's size for the volume, and the share of the
        largest piece. NaN for an empty mask, or one that is empty once large images are thinned
        out to 256 voxels a side.
        """
        thinned = mask[self._every]
        if not thinned.any():
            return np.full(len(TRAITS), np.nan)
        where = _around(thinned)
        inside = thinned[where]
        voxels = np.argwhere(inside) + [s.start for s in where]
        extent = voxels.std(axis=0) * self._unit + 0.5 * self._unit
        return np.array(
            [
                np.log(len(voxels) * self._unit.prod()),
                *((voxels.mean(axis=0) + 0.5) / thinned.shape),
                *np.log(extent),
                *self._look(where, inside),
                *_form(inside),
            ]
        )

    def _look(self, where: tuple[slice, ...], inside: BoolArray) -> tuple[float, ...]:
        low, high = self._ends
        levels = (self._levels[where].astype(np.float32) - low) / max(high - low, 1e-6)
        levels = levels.clip(0, 1)
        element = _flat(inside.shape)
        around = ndi.binary_dilation(inside, element, iterations=_AROUND) & ~inside
        own = levels[inside]
        outside = float(levels[around].mean()) if around.any() else float(own.mean())
        change = np.sqrt(sum(g**2 for g in _slopes(levels)))
        border = float(change[_rim(inside)].mean())
        return float(own.mean()), float(own.std()), float(own.mean()) - outside, _log(border)


@dataclass(frozen=True, slots=True, eq=False)
class Typical:
    """Centre and spread of the traits of one structure's labels, each `(t,)`."""

    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, traits: Floats, belief: Floats | None = None) -> "Typical":
        """Find what is typical of labels with traits `(n, t)`, each believed so much `(n,)`.

        Labels far from the others count little: around the median first, then around the mean
        weighted by how near each label is, as long as there is something to be near to.
        """
        belief = np.ones(len(traits)) if belief is None else belief
        least = np.array(list(TRAITS.values()))
        centre = _median(traits, belief)
        spread = 1.4826 * _median(np.abs(traits - centre), belief) + least
        for _ in range(_ROUNDS):
            far = _altogether((traits - centre) / spread)
            weight = belief * np.exp(-0.5 * (far / max(float(np.median(far)), 1e-6)) ** 2)
            centre = np.average(traits, axis=0, weights=weight)
            spread = np.sqrt(np.average((traits - centre) ** 2, axis=0, weights=weight)) + least
        return cls(centre, spread)

    def unusual(self, traits: Floats) -> tuple[float, ...]:
        """Return how far traits `(t,)` lie from the centre, in spreads: altogether, then each."""
        far = np.abs((traits - self.centre) / self.spread).clip(0, _FARTHEST)
        return (float(_altogether(far)), *far.tolist())


class TypicalLabels:
    """What is typical of every structure of some labels."""

    def __init__(self, by_structure: Mapping[str, Typical]) -> None:
        self._by_structure = by_structure

    @classmethod
    def of(cls, labels: Iterable[tuple[str, Floats]]) -> "TypicalLabels":
        """Find what is typical of labels given as structure and traits, all believed alike."""
        found: dict[str, list[Floats]] = {}
        for structure, traits in labels:
            if np.isfinite(traits).all():
                found.setdefault(structure, []).append(traits)
        return cls({name: Typical.of(np.array(t)) for name, t in found.items() if len(t) >= FEWEST})

    def unusual(
        self, image: Volume, labels: Sequence[tuple[str | None, BoolArray]]
    ) -> list[tuple[float, ...]]:
        """Return how unusual labels of one image are, each given as canonical name and mask.

        Returns:
            `N_UNUSUAL` numbers for every label; NaN for a structure without anything typical, one
            without a name and an empty mask.
        """
        if not any(name in self._by_structure for name, _ in labels):
            return [self.unusual_traits(None, np.zeros(0)) for _ in labels]
        measure = Traits(image)
        return [
            self.unusual_traits(name, measure(mask) if name in self._by_structure else np.zeros(0))
            for name, mask in labels
        ]

    def unusual_traits(self, structure: str | None, traits: Floats) -> tuple[float, ...]:
        """Return how unusual measured traits are for a structure; NaN where nobody knows."""
        typical = self._by_structure.get(structure or "")
        return (float("nan"),) * N_UNUSUAL if typical is None else typical.unusual(traits)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain lists."""
        return {
            name: {
                "centre": np.round(typical.centre, 5).tolist(),
                "spread": np.round(typical.spread, 5).tolist(),
            }
            for name, typical in self._by_structure.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TypicalLabels":
        """Rebuild from `to_json`."""
        return cls(
            {
                name: Typical(np.asarray(one["centre"], float), np.asarray(one["spread"], float))
                for name, one in data.items()
            }
        )


def _form(inside: BoolArray) -> tuple[float, float]:
    pieces, _ = ndi.label(inside)
    n_voxels = int(inside.sum())
    n_axes = max(sum(n > 1 for n in inside.shape), 1)
    rim = np.log(_rim(inside).sum() / n_voxels ** (1 - 1 / n_axes))
    return float(rim), float(np.bincount(pieces.ravel())[1:].max() / n_voxels)


def _rim(inside: BoolArray) -> BoolArray:
    return np.asarray(inside & ~ndi.binary_erosion(inside, _flat(inside.shape)))


def _flat(shape: tuple[int, ...]) -> BoolArray:
    """Return a cross that leaves out axes of one voxel: along these everything is border."""
    element = ndi.generate_binary_structure(3, 1)
    keep = tuple(slice(None) if n > 1 else slice(1, 2) for n in shape)
    flat = np.zeros_like(element)
    flat[keep] = element[keep]
    return flat


def _slopes(levels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [np.gradient(levels, axis=axis) for axis, n in enumerate(levels.shape) if n > 1]


def _around(mask: BoolArray) -> tuple[slice, ...]:
    found: tuple[slice, ...] = ndi.find_objects(mask.astype(np.uint8))[0]
    return tuple(slice(max(s.start - _MARGIN, 0), s.stop + _MARGIN) for s in found)


def _altogether(far: Floats) -> Floats:
    """Return the root mean square over traits, each cut."""
    return np.asarray(np.sqrt((np.clip(far, -_FARTHEST, _FARTHEST) ** 2).mean(axis=-1)))


def _median(values: Floats, weights: Floats) -> Floats:
    """Return the weighted median of every column `(n, t)`."""
    order = np.argsort(values, axis=0)
    share = np.cumsum(weights[order], axis=0) / weights.sum()
    at = (share < 0.5).sum(axis=0).clip(max=len(values) - 1)
    row = np.take_along_axis(order, at[None], axis=0)
    return np.asarray(np.take_along_axis(values, row, axis=0)[0], dtype=np.float64)


def _log(positive: float) -> float:
    return float(np.log(positive + 1e-3))
