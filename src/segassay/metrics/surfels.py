"""Areas of surface elements, from which voxels around a point lie inside a mask (Nikolov 2018).

A surface element sits between eight voxels (four in a plane). It is the surface of marching cubes
(Lorensen 1987) through the middles of the edges between a voxel inside and one outside: around each
group of the fewer ones, those that meet at an edge of the cell taken as apart, and cut into the
triangles that are largest for cubic voxels. The areas are those of the reference code of Nikolov.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Corner = tuple[int, ...]
Edge = frozenset[Corner]

_CORNERS: tuple[Corner, ...] = tuple(product((0, 1), repeat=3))
_FACES = [
    [(*pair[:axis], side, *pair[axis:]) for pair in ((0, 0), (0, 1), (1, 1), (1, 0))]
    for axis, side in product(range(3), (0, 1))
]
"""The corners of each face of a cell, in a circle."""


def surfel_areas(spacing_mm: tuple[float, ...]) -> Floats:
    """Return the area of the surface element of every neighbourhood.

    Args:
        spacing_mm: Size of a voxel along each of one to three axes.

    Returns:
        `(2 ** 2 ** axes,)`, in mm², for two axes lengths in mm, for one counts. The neighbourhood
        with number `n` holds voxel `i` of `itertools.product((0, 1), repeat=axes)` where bit `i` of
        `n` is set.

    >>> surfel_areas((2.0, 3.0))[[0b0001, 0b0011, 0b1111]].round(3).tolist()
    [1.803, 3.0, 0.0]
    """
    axes = len(spacing_mm)
    if not 1 <= axes <= 3:
        raise ValueError(f"{axes} axes; surfaces are known for one to three")
    # Judges look through crops of any size, the cells of all of them square.
    unit = spacing_mm[0]
    return np.asarray(_areas(tuple(mm / unit for mm in spacing_mm)) * unit ** (axes - 1))


@lru_cache(maxsize=64)
def _areas(spacing_mm: tuple[float, ...]) -> Floats:
    axes = len(spacing_mm)
    # In fewer axes the voxels go on, one millimetre long, along the rest.
    sizes = np.array([*spacing_mm, *[1.0] * (3 - axes)])
    shown = list(product((0, 1), repeat=axes))
    scale = prod(sizes) / sizes  # of a triangle's shadow along each axis
    found = np.zeros(2 ** len(shown))
    for code in range(found.size):
        bits = {corner: bool(code >> bit & 1) for bit, corner in enumerate(shown)}
        inside = frozenset(corner for corner in _CORNERS if bits[corner[:axes]])
        found[code] = np.linalg.norm(_triangles(inside) * scale, axis=1).sum()
    found.setflags(write=False)
    return found


@lru_cache(maxsize=256)
def _triangles(inside: frozenset[Corner]) -> Floats:
    """Return the areas of a cell's triangles, cubic and of side 1, as vectors `(n, 3)`."""
    fewer = inside if len(inside) <= 4 else frozenset(_CORNERS) - inside
    cut = [_largest(loop) for loop in _loops(fewer)]
    return np.concatenate([np.zeros((1, 3)), *cut])


def _loops(inside: frozenset[Corner]) -> list[list[Floats]]:
    """Return the closed outlines around corners of a cell, each as points in order."""
    beside: dict[Edge, list[Edge]] = {}
    for face, start in product(_FACES, range(4)):
        if face[start] in inside and face[start - 1] not in inside:
            end = start
            while face[(end + 1) % 4] in inside:
                end += 1
            first = frozenset((face[start - 1], face[start]))
            last = frozenset((face[end % 4], face[(end + 1) % 4]))
            beside.setdefault(first, []).append(last)
            beside.setdefault(last, []).append(first)
    loops = []
    while beside:
        start_edge = before = next(iter(beside))
        edge = beside.pop(before)[0]
        loop = [before]
        while edge != start_edge:
            loop.append(edge)
            one, other = beside.pop(edge)
            before, edge = edge, one if one != before else other
        loops.append([np.mean(list(map(np.array, edge)), axis=0) for edge in loop])
    return loops


def _largest(loop: list[Floats]) -> Floats:
    """Cut an outline of `n` points into `n - 2` triangles, so that they have the most area."""
    return max(_cut(loop, 0, len(loop) - 1), key=lambda cut: np.linalg.norm(cut, axis=1).sum())


def _cut(loop: list[Floats], first: int, last: int) -> Iterator[Floats]:
    """Yield the triangles of each way to cut the part of an outline between two of its points."""
    if last - first < 2:
        yield np.zeros((0, 3))
        return
    for top in range(first + 1, last):
        triangle = np.cross(loop[top] - loop[first], loop[last] - loop[first]) / 2
        for left, right in product(list(_cut(loop, first, top)), list(_cut(loop, top, last))):
            yield np.concatenate([left, right, triangle[None]])
