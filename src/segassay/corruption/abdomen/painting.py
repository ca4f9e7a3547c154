"""Painting a subject: shapes over shapes, with partial volume at their borders."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.abdomen.fields import Array
from segassay.corruption.abdomen.shapes import Ellipsoid, Shape
from segassay.corruption.abdomen.space import FINE_SHAPE, SPACING_MM, Point, Space

_EDGE_MM = SPACING_MM[0]
"""Width over which one tissue gives way to the next within a voxel."""

Points = tuple[Point, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A subject while it is painted.

    Attributes:
        space: Where its voxels lie in the anatomy.
        tissue: Hounsfield units of its tissues, by name.
        rng: Source of everything that is drawn at random.
        hu: The image on the fine grid.
        labels: Labels `(i, j, k)` of its slices.
        lumps: A random field, bumps of about 3 cm, spread 1.
        grain: One with bumps of about 12 mm.
        cavity: Distance to the cavity of chest and abdomen, mm, negative inside; set by the torso.
        diaphragm: Height over the diaphragm, mm, negative below it; set by the torso.
    """

    space: Space
    tissue: dict[str, float]
    rng: np.random.Generator
    hu: Array
    labels: NDArray[np.uint8]
    lumps: Array
    grain: Array
    cavity: Array
    diaphragm: Array

    def paint(self, shape: Shape, hu: float | Array, label: int | None = None) -> None:
        """Paint a shape; where its label is `None` it lies within what is labelled there.

        `hu` is one value or one for every voxel of the shape's block. Label 0 clears labels.
        """
        cover = np.clip(np.float32(0.5) - shape.distance / np.float32(_EDGE_MM), 0, 1)
        image = self.hu[shape.block]
        image += cover * (np.asarray(hu, dtype=np.float32) - image)
        if label is not None:
            i, j, k = shape.block
            middle = shape.distance[:, :, 1::2]
            self.labels[i, j, k.start // 2 : k.start // 2 + middle.shape[2]][middle < 0] = label

    def on_whole(self, shape: Shape) -> Array:
        """Return a shape's distance on the whole fine grid, for `Shape.within`."""
        field = np.full_like(self.hu, 10.0)
        field[shape.block] = shape.distance
        return field

    def textured(self, shape: Shape, hu: float, by_hu: float) -> Array:
        """Return Hounsfield units of a tissue that is not the same everywhere."""
        uneven = self.grain[shape.block] + np.float32(0.7) * self.lumps[shape.block]
        return np.asarray(np.float32(hu) + np.float32(by_hu) * uneven)


@dataclass(frozen=True, slots=True)
class Placement:
    """How a subject's organ differs from the common anatomy: moved, and larger or smaller."""

    by_mm: Point
    scale: float

    def point(self, at: Point, about: Point) -> Point:
        """Move a point; `about` is what the organ grows from."""
        x, y, z = (
            c + b + self.scale * (a - c) for a, b, c in zip(at, self.by_mm, about, strict=True)
        )
        return x, y, z

    def points(self, at: Points) -> Points:
        """Move the points of a tube, which grows from its middle."""
        x, y, z = np.mean(at, axis=0)
        return tuple(self.point(point, (float(x), float(y), float(z))) for point in at)

    def parts(self, parts: tuple[Ellipsoid, ...]) -> tuple[Ellipsoid, ...]:
        """Move ellipsoids together; they grow from the first one's centre."""
        about = parts[0].centre
        return tuple(self._part(part, about) for part in parts)

    def _part(self, part: Ellipsoid, about: Point) -> Ellipsoid:
        x, y, z = (self.scale * h for h in part.half_axes)
        return replace(part, centre=self.point(part.centre, about), half_axes=(x, y, z))


def random_placement(
    rng: np.random.Generator, by_mm: Point = (3.0, 3.0, 4.0), scale: float = 0.06
) -> Placement:
    """Draw a placement, with standard deviations in mm and as a share of the size."""
    x, y, z = rng.normal(0, by_mm)
    return Placement((x, y, z), float(np.clip(rng.normal(1, scale), 1 - 2 * scale, 1 + 2 * scale)))


def empty_hu(value: float) -> Array:
    """Return an image on the fine grid, one value everywhere."""
    return np.full(FINE_SHAPE, value, dtype=np.float32)
