"""Where labels lie in the patient: centres and upper ends in millimetres, RAS+."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.checks.base import CaseView, ImageView, LabelView


@dataclass(frozen=True, slots=True)
class Place:
    """A label's centre `(right, anterior, superior)` in millimetres, and its upper end."""

    structure: str
    centre_mm: tuple[float, float, float]
    top_mm: float
    at_top: bool


def places(view: CaseView) -> dict[str, Place]:
    """Return the place of every label that has voxels, by structure."""
    return {label.structure: _place(label, view.image) for label in view.labels if label.n_voxels}


def _place(label: LabelView, image: ImageView) -> Place:
    r, a, s = _to_mm(label.centre, image)
    corners = [_to_mm(corner, image)[2] for corner in _corners(label)]
    upper = max(_to_mm(corner, image)[2] for corner in _image_corners(image))
    step = min(image.grid.spacing_mm)
    return Place(label.structure, (r, a, s), max(corners), max(corners) > upper - step)


def _to_mm(index: tuple[float, ...], image: ImageView) -> tuple[float, float, float]:
    """Lead an index `(slice, row, column)` back to the grid, then to the world."""
    first, second = (axis for axis in range(3) if axis != image.axis)
    stored = np.empty(3)
    stored[image.axis] = index[0]
    stored[second] = image.grid.shape[second] - 1 - index[1]
    stored[first] = image.grid.shape[first] - 1 - index[2]
    world: NDArray[np.float64] = image.grid.affine[:3, :3] @ stored + image.grid.affine[:3, 3]
    return float(world[0]), float(world[1]), float(world[2])


def _corners(label: LabelView) -> list[tuple[float, ...]]:
    if label.box is None:
        return []
    ends = [(box.start, box.stop - 1) for box in label.box]
    return [(s, r, c) for s in ends[0] for r in ends[1] for c in ends[2]]


def _image_corners(image: ImageView) -> list[tuple[float, ...]]:
    ends = [(0, n - 1) for n in image.planes.shape]
    return [(s, r, c) for s in ends[0] for r in ends[1] for c in ends[2]]
