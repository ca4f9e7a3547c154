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

FEWEST = 3
"""With fewer labels of a structure there is nothing usual."""

_NOBODY_KNOWS = (float("nan"),) * N_UNUSUAL

_LONGEST = 256
_MARGIN = 4
_AROUND = 3
_FARTHEST = 4.0
_ROUNDS = 3


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
        self._ends = robust_ends(np.moveaxis(self._levels, 2, 0))
        shape = np.array(self._levels.shape)
        known = np.array(image.grid.spacing_mm) * np.array(image.array.shape) / shape
        self._unit = known if image.spacing_known else 1 / shape

    def __call__(self, mask: BoolArray) -> Floats:
        """Return the traits of a mask `(i, j, k)` of the image, in the order of `TRAITS`.

        Size, extents along the axes (both as logarithms, in mm or, where their size is unknown, as
        parts of the image) and place (parts of the image); mean and spread of the levels inside
        and the step to those around, as parts of the image's range; the logarithm of the change of
        levels along the border, from voxel to voxel, that of the border's size for the volume, and
        the share of the largest piece. Images of more than 256 voxels a side are thinned out
        first. NaN for an empty mask.
        """
        if not mask.any():
            return np.full(len(TRAITS), np.nan)
        thinned = mask[self._every]
        if not thinned.any():
            thinned = thinned.copy()
            thinned[tuple(np.argwhere(mask).T // np.array(self._steps)[:, None])] = True
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
        change = np.sqrt(sum((g**2 for g in _slopes(levels)), np.zeros_like(levels)))
        rim = _rim(inside)
        border = float(change[rim].mean()) if rim.any() else 0.0
        return float(own.mean()), float(own.std()), float(own.mean()) - outside, _log(border)


@dataclass(frozen=True, slots=True, eq=False)
class Typical:
    """Centre and spread of the traits of one structure's labels, each `(t,)`."""

    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, traits: Floats, belief: Floats) -> "Typical":
        """Find what is typical of labels with traits `(n, t)`, each believed so much `(n,)`.

        Labels far from the others count little: around the median first, then around the mean
        weighted by how near each label is, as long as there is something to be near to.
        """
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
    """What is typical of every structure of some labels, in millimetres and where none are known.

    Made from a mapping of structure and `Traits.in_mm` to what is typical.
    """

    def __init__(self, by_kind: Mapping[tuple[str, bool], Typical]) -> None:
        self._by_kind = by_kind

    @classmethod
    def of(cls, labels: Iterable["Seen"], *, fewest: int = FEWEST) -> "TypicalLabels":
        """Find what is typical of labels, where there are at least `fewest` of a kind."""
        found: dict[tuple[str, bool], list[Seen]] = {}
        for label in labels:
            if np.isfinite(label.traits).all():
                found.setdefault((label.structure, label.in_mm), []).append(label)
        return cls(
            {
                kind: Typical.of(
                    np.array([one.traits for one in own]), np.array([one.belief for one in own])
                )
                for kind, own in found.items()
                if len(own) >= fewest
            }
        )

    def unusual(
        self, image: Volume, labels: Sequence[tuple[str | None, BoolArray]]
    ) -> list[tuple[float, ...]]:
        """Return how unusual labels of one image are, each given as canonical name and mask.

        Returns:
            `N_UNUSUAL` numbers for every label; NaN for a structure without anything typical, one
            without a name and an empty mask.
        """
        known = [bool(name) and (name, image.spacing_known) in self._by_kind for name, _ in labels]
        measure = Traits(image) if any(known) else None
        return [
            self.how_unusual(Seen(name, image.spacing_known, measure(mask)))
            if measure is not None and name is not None and is_known
            else _NOBODY_KNOWS
            for (name, mask), is_known in zip(labels, known, strict=True)
        ]

    def how_unusual(self, label: "Seen") -> tuple[float, ...]:
        """Return how unusual a measured label is; NaN where nobody knows."""
        typical = self._by_kind.get((label.structure, label.in_mm))
        return _NOBODY_KNOWS if typical is None else typical.unusual(label.traits)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain lists."""
        kinds = [
            {
                "structure": structure,
                "in_mm": in_mm,
                "centre": np.round(typical.centre, 5).tolist(),
                "spread": np.round(typical.spread, 5).tolist(),
            }
            for (structure, in_mm), typical in self._by_kind.items()
        ]
        return {"traits": list(TRAITS), "typical": kinds}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TypicalLabels":
        """Rebuild from `to_json`."""
        return cls(
            {
                (str(one["structure"]), bool(one["in_mm"])): Typical(
                    np.asarray(one["centre"], float), np.asarray(one["spread"], float)
                )
                for one in data["typical"]
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A label as it was measured: canonical name, `Traits.in_mm`, traits, and how far believed."""

    structure: str
    in_mm: bool
    traits: Floats
    belief: float = 1.0


def _form(inside: BoolArray) -> tuple[float, float]:
    pieces, _ = ndi.label(inside)
    n_voxels = int(inside.sum())
    n_axes = max(sum(n > 1 for n in inside.shape), 1)
    rim = np.log(max(int(_rim(inside).sum()), 1) / n_voxels ** (1 - 1 / n_axes))
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
    middle = np.quantile(values, 0.5, axis=0, weights=weights, method="inverted_cdf")
    return np.asarray(middle, dtype=np.float64)


def _log(positive: float) -> float:
    return float(np.log(positive + 1e-3))
