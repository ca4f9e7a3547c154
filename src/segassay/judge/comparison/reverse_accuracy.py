"""Reverse classification accuracy with a simple atlas (Valindria 2017, arXiv 1702.03407).

The mask to judge is taken for true. The judged image is laid over a few reference images whose
labels are trusted, the mask goes along, and where it then agrees with a trusted label it must be
good: the best Dice over the references is the predicted quality. No training is needed, one kind
of image and a handful of trusted labels are enough. It cannot see more than the registration can:
where anatomy differs (lesions), good masks score low.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ContentError, GeometryError
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.judge.comparison.atlas import Overlay, Picture, Registration, around

BoolArray = NDArray[np.bool_]

_LARGEST = 128
"""Voxels along an axis of an image in 3D beyond which it is reduced before it is laid over others:
as many as the points of comparison have at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """An image whose masks `(i, j, k)` by structure are trusted; a missing name is not known."""

    name: str
    image: Volume
    masks: Mapping[str, BoolArray]


@dataclass(frozen=True, slots=True)
class ReverseScore:
    """What the references say about a mask.

    Attributes:
        value: Best Dice over the references in [0, 1], low = bad. NaN: see `reason`.
        reason: Why there is no value; empty if there is one.
        by_reference: Dice against every reference that knows the structure.
    """

    value: float
    reason: str
    by_reference: Mapping[str, float]


class ReverseAccuracy:
    """Judges masks by a few references. Make it once; every image is registered once.

    Raises:
        ContentError: Two references have one name, or one holds no label.
        GeometryError: A reference's mask has another shape than its image.
    """

    def __init__(
        self, references: Sequence[Reference], registration: Registration | None = None
    ) -> None:
        names = [reference.name for reference in references]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ContentError(f"references: {twice[0]!r} comes twice; give each a name of its own")
        how = registration or Registration()
        self._references = [_Prepared(reference, how) for reference in references]

    def score_labels(
        self, image: Volume, masks: Sequence[tuple[str, Mask | BoolArray]]
    ) -> list[ReverseScore]:
        """Score all labels `(structure, mask)` of one image; masks are `(i, j, k)` on its grid.

        Parts of a mask that come to lie outside a reference's image are not counted, nor are points
        whose label is not known to the image or to the reference.

        Raises:
            GeometryError: A mask has another shape than the image, or image and references are
                not of the same kind, 2D or 3D.
        """
        for structure, mask in masks:
            _require_shape(structure, mask, image)
        cut = [(structure, Mask.of(mask)) for structure, mask in masks]
        asked = {structure for structure, mask in cut if mask}
        overlaid = _Overlaid(image)
        places = {
            reference.name: reference.places_in(overlaid)
            for reference in self._references
            if asked & set(reference.labels)
        }
        known = None if image.known is None else np.append(image.known.ravel(), True)
        return [self._score(structure, mask, places, known) for structure, mask in cut]

    def registered_points(
        self, image: Volume, names: Collection[str]
    ) -> dict[str, tuple[NDArray[np.int32], Mapping[str, NDArray[np.int32]]]]:
        """Lay references of these names over an image.

        Returns:
            For each the voxel of the image that every point of comparison comes to lie in (an index
            into the flattened image, one past its end for a point outside), and the points that
            each of its labels holds.

        Raises:
            GeometryError: Image and references are not of the same kind, 2D or 3D.
        """
        overlaid = _Overlaid(image)
        chosen = (one for one in self._references if one.name in names)
        return {one.name: (one.places_in(overlaid), one.labels) for one in chosen}

    def _score(
        self,
        structure: str,
        mask: Mask,
        places: Mapping[str, NDArray[np.int32]],
        known: BoolArray | None,
    ) -> ReverseScore:
        if not mask:
            return ReverseScore(nan, "the mask is empty", {})
        flat = np.append(np.asarray(mask).ravel(), False)
        found = {
            reference.name: reference.dice(
                flat[at := places[reference.name]], structure, None if known is None else known[at]
            )
            for reference in self._references
            if structure in reference.labels
        }
        if not found:
            return ReverseScore(nan, f"no reference holds {structure!r}", {})
        return ReverseScore(max(found.values()), "", found)


class _Overlaid:
    """An image that is laid over references, reduced once for all of them."""

    def __init__(self, image: Volume) -> None:
        whole = Picture.of(image)
        self.shape = whole.array.shape
        is_3d = len(self.shape) == 3
        self.picture, self.into_voxels = whole.at_most(_LARGEST if is_3d else max(self.shape))


class _Prepared:
    """A reference with its labels sampled at the points of comparison."""

    def __init__(self, reference: Reference, how: Registration) -> None:
        self.name = reference.name
        self._picture = Picture.of(reference.image)
        shape = self._picture.array.shape
        for structure, mask in reference.masks.items():
            _require_shape(f"reference {self.name}, {structure}", mask, reference.image)
        masks = {n: m.reshape(shape) for n, m in reference.masks.items() if m.any()}
        if not masks:
            raise ContentError(f"reference {self.name}: holds no label; give one that does")
        region = around(list(masks.values()), how.margin)
        self._overlay = Overlay(self._picture, region, how)
        lattice = self._picture.reduced(how.measured)
        steps, shift = np.diag(lattice.place.matrix), lattice.place.shift
        self._points = [
            np.rint(steps[axis] * np.arange(n) + shift[axis])
            for axis, n in enumerate(lattice.pixels.shape)
        ]
        at = np.ix_(*(points.astype(np.intp) for points in self._points))
        # Only the points inside are kept: a hundred structures of ten cases would fill a memory.
        inside = {name: np.flatnonzero(mask[at]).astype(np.int32) for name, mask in masks.items()}
        # A label so small that no point meets it cannot be compared with anything.
        self.labels = {name: points for name, points in inside.items() if points.size}
        own = reference.image.known
        self._known = None if own is None else own.reshape(shape)[at].ravel()

    def dice(self, laid: BoolArray, structure: str, known: BoolArray | None = None) -> float:
        """Return the Dice of a mask, laid over the points of comparison, with a label.

        Only points count that are `known` where the mask is from, and here.
        """
        label = self.labels[structure]
        if known is not None:
            label = label[known[label]]
        if self._known is not None:
            laid = laid & self._known
        both, size = np.count_nonzero(laid[label]), np.count_nonzero(laid) + label.size
        return 2 * both / size if size else 0.0

    def places_in(self, image: _Overlaid) -> NDArray[np.int32]:
        """Return the voxel of an image that belongs to every point of comparison.

        Indices into the flattened image; one past its end where the point lies outside.
        """
        if len(image.shape) != self._picture.array.ndim:
            raise GeometryError(
                f"reference {self.name}: {self._picture.array.ndim}D; the image is "
                f"{len(image.shape)}D, give references of the same kind"
            )
        found = self._overlay(image.picture).into(image.into_voxels)
        voxels = np.rint(found(self._points)).astype(np.int32)
        limits = np.array(image.shape).reshape(-1, *[1] * len(image.shape))
        inside = np.all((voxels >= 0) & (voxels < limits), axis=0)
        flat = np.ravel_multi_index(tuple(voxels), image.shape, mode="clip")
        outside = int(np.prod(image.shape))
        return np.where(inside, flat, outside).astype(np.int32).ravel()


def _require_shape(name: str, mask: Mask | BoolArray, image: Volume) -> None:
    if mask.shape != image.grid.shape:
        raise GeometryError(
            f"{name}: shape {mask.shape}; the image has {image.grid.shape}; give a mask on its grid"
        )
