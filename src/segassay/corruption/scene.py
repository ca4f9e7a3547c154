"""What a fault may look at: one slice with its expert mask and everything around it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """One slice `(rows, columns)` of one structure.

    Attributes:
        gold: The expert mask; not empty.
        image: The image, any range.
        others: Masks of the other structures in this slice.
        nearby: Masks of the same structure in other slices of the volume.
        foreign: The same structure's mask in another subject, any shape; `None` if there is none.
    """

    gold: BoolArray
    image: FloatArray
    others: tuple[BoolArray, ...] = field(default=())
    nearby: tuple[BoolArray, ...] = field(default=())
    foreign: BoolArray | None = None

    @cached_property
    def area(self) -> int:
        """Pixels of the expert mask."""
        return int(self.gold.sum())

    @cached_property
    def radius(self) -> float:
        """Radius of the disc with the expert mask's area, in pixels."""
        return float(np.sqrt(self.area / np.pi))

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Centre of mass of the expert mask (row, column)."""
        rows, columns = np.nonzero(self.gold)
        return float(rows.mean()), float(columns.mean())

    @cached_property
    def depth(self) -> FloatArray:
        """Signed distance to the expert outline in pixels, positive inside."""
        return signed_distance(self.gold)


def signed_distance(mask: BoolArray) -> FloatArray:
    """Return the distance to the outline in pixels, positive inside, for a non-empty mask."""
    inside = ndi.distance_transform_edt(mask)
    outside = ndi.distance_transform_edt(~mask)
    return np.asarray(np.where(mask, inside - 0.5, 0.5 - outside), dtype=np.float32)


def crop_scene(scene: Scene, margin: float) -> tuple[Scene, tuple[slice, slice]]:
    """Cut a scene to the expert mask's bounding box plus `margin` times its larger extent.

    Faults cost time in proportion to the pixels they touch; the room around the mask is what they
    may grow or move into.
    """
    rows, columns = np.flatnonzero(scene.gold.any(axis=1)), np.flatnonzero(scene.gold.any(axis=0))
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    room = int(margin * extent) + 8
    window = (
        slice(max(rows[0] - room, 0), int(rows[-1]) + 1 + room),
        slice(max(columns[0] - room, 0), int(columns[-1]) + 1 + room),
    )
    part = Scene(
        gold=scene.gold[window],
        image=scene.image[window],
        others=tuple(m for m in (o[window] for o in scene.others) if m.any()),
        nearby=tuple(n[window] for n in scene.nearby),
        foreign=scene.foreign,
    )
    return part, window
