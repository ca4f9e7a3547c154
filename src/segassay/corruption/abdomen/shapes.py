"""Signed distances to simple shapes, in mm: negative inside, good near the surface."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.abdomen.fields import Array
from segassay.corruption.abdomen.space import Block, Point, Space, turned

_MARGIN_MM = 6.0
"""How far from a shape its distance is still known."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A shape in the part of the fine grid where it lies.

    Attributes:
        block: That part.
        distance: Signed distance in it, mm, `(i, j, fine k)`.
    """

    block: Block
    distance: Array

    def within(self, field: Array, gap_mm: float = 0.0) -> "Shape":
        """Keep what lies inside another shape, too, whose distance covers the whole fine grid.

        Between the other's surface and what is kept a gap remains.
        """
        outside = field[self.block] + np.float32(gap_mm)
        return Shape(self.block, np.maximum(self.distance, outside))

    def rougher(self, field: Array, by_mm: float) -> "Shape":
        """Move the surface by a random field on the whole fine grid, `by_mm` for a value of 1.

        Values beyond 2 count as 2: the surface must stay where its distance is known.
        """
        moved = np.float32(by_mm) * np.clip(field[self.block], -2, 2)
        return Shape(self.block, self.distance + moved)

    def grown(self, by_mm: float) -> "Shape":
        """Move the surface outwards, or inwards where `by_mm` is negative."""
        return Shape(self.block, self.distance - np.float32(by_mm))


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid of the anatomy: mm and degrees about x, y, z."""

    centre: Point
    half_axes: Point
    turn: Point = (0.0, 0.0, 0.0)

    def distance(self, at: Array) -> Array:
        """Return the distance at coordinates `(3, ...)`, mm; exact on the surface only."""
        inverse = turned(np.radians(self.turn)).T / np.array(self.half_axes)[:, None]
        inverse = inverse.astype(np.float32)
        away = [a - np.float32(c) for a, c in zip(at, self.centre, strict=True)]
        if any(self.turn):
            unit = [sum(w * a for w, a in zip(row, away, strict=True)) for row in inverse]
        else:
            unit = [np.float32(1 / h) * a for a, h in zip(away, self.half_axes, strict=True)]
        radius = np.sqrt(unit[0] ** 2 + unit[1] ** 2 + unit[2] ** 2)
        slope = np.sqrt(
            sum((u * np.float32(1 / h)) ** 2 for u, h in zip(unit, self.half_axes, strict=True))
        )
        return np.asarray(radius * (radius - 1) / np.maximum(slope, 1e-6), dtype=np.float32)

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the corners of a box around it, mm."""
        rotation = turned(np.radians(self.turn))
        reach = np.sqrt((rotation**2) @ np.array(self.half_axes) ** 2) + _MARGIN_MM
        return np.array(self.centre) - reach, np.array(self.centre) + reach

    def in_space(self, space: Space) -> Shape:
        """Return the ellipsoid in a subject."""
        block = space.block(*self.box())
        return Shape(block, self.distance(space.coordinates(block)))


def ellipsoids(space: Space, parts: Sequence[Ellipsoid], blend_mm: float) -> Shape:
    """Return the union of ellipsoids, its creases filled over about `blend_mm`."""
    boxes = [part.box() for part in parts]
    low = np.min([box[0] for box in boxes], axis=0)
    high = np.max([box[1] for box in boxes], axis=0)
    block = space.block(low, high)
    at = space.coordinates(block)
    distance = parts[0].distance(at)
    for part in parts[1:]:
        distance = joined(distance, part.distance(at), blend_mm)
    return Shape(block, distance)


def joined(one: Array, two: Array, blend_mm: float) -> Array:
    """Return the smaller of two distances, the crease between them filled."""
    near = np.maximum(np.float32(blend_mm) - np.abs(one - two), 0)
    return np.asarray(np.minimum(one, two) - near**2 / np.float32(4 * blend_mm))


def tube(
    space: Space, points: Sequence[Point], radius: float | Sequence[float], *, pieces: int = 2
) -> Shape:
    """Return a tube along a smooth curve through points, its radius given for all or for each.

    From one point to the next it consists of `pieces` straight pieces.
    """
    course = curve(np.array(points, dtype=np.float64), pieces)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), len(points))
    at_points = np.linspace(0, len(points) - 1, len(course))
    thick = np.interp(at_points, np.arange(len(points)), radii)
    reach = thick[:, None] + _MARGIN_MM
    block = space.block((course - reach).min(axis=0), (course + reach).max(axis=0))
    distance = np.full([s.stop - s.start for s in block], _MARGIN_MM, dtype=np.float32)
    for n in range(len(course) - 1):
        ends, radius_of = course[n : n + 2], thick[n : n + 2]
        part = space.block((ends - reach[n]).min(axis=0), (ends + reach[n]).max(axis=0))
        part = _overlap(part, block)
        inner = tuple(
            slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, block, strict=True)
        )
        at = space.coordinates(part)
        distance[inner] = np.minimum(distance[inner], _capsule(at, ends, radius_of))
    return Shape(block, distance)


def _overlap(part: Block, block: Block) -> Block:
    one, two, three = (
        slice(max(p.start, b.start), max(min(p.stop, b.stop), max(p.start, b.start)))
        for p, b in zip(part, block, strict=True)
    )
    return one, two, three


def _capsule(at: Array, ends: NDArray[np.float64], radius: NDArray[np.float64]) -> Array:
    """Return the distance to a straight piece of tube at coordinates `(3, ...)`, mm."""
    start, along = ends[0].astype(np.float32), (ends[1] - ends[0]).astype(np.float32)
    length = np.float32(max(float(along @ along), 1e-6))
    x, y, z = (a - s for a, s in zip(at, start, strict=True))
    onto = (along[0] / length) * x + (along[1] / length) * y + (along[2] / length) * z
    share = np.clip(onto, 0, 1)
    off = x * x + y * y + z * z - length * share * (2 * onto - share)
    thick = np.float32(radius[0]) + share * np.float32(radius[1] - radius[0])
    return np.asarray(np.sqrt(np.maximum(off, 0)) - thick)


def curve(points: NDArray[np.float64], pieces: int) -> NDArray[np.float64]:
    """Return a Catmull-Rom curve through points `(n, 3)`, in `pieces` straight pieces a step."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.arange(pieces)[:, None] / pieces
    steps = []
    for n in range(len(points) - 1):
        a, b, c, d = padded[n : n + 4]
        rise = (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        steps.append(b + rise / 2)
    return np.concatenate([*steps, points[-1:]])
