"""From one slice and one mask to the judge's input. The only definition of it, in training too.

The judge sees a square crop around the mask (the slice, its two neighbours, the mask, and where
the image ends), the whole slice at low resolution with the mask and the crop's frame on it, and a
vector of what is known besides: name, modality, physical scale. Every image channel is brought to
zero mean and unit spread inside its own crop, so that HU, an 8-bit export and a slice-wise window
look alike.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.resample import Box, BoxResampler
from segassay.images.intensity import SOFT_TISSUE_HU, holds_hu
from segassay.images.slicing import as_planes, pixel_mm, slicing_axis
from segassay.images.volume import Volume
from segassay.judge.inputs.mask_parts import extent
from segassay.types import Modality
from segassay.vocabulary.vector import NAME_DIM, name_vector

PART_FACTOR = 1.3
"""Side of the crop round a part of a mask, in units of the part's larger extent."""

CROP_CHANNELS = 5
"""Slice below, slice, slice above, mask, inside-the-image."""

FIELD_CHANNELS = 3
"""Slice, mask, frame of the crop."""

_MODALITIES = tuple(Modality)
SCALE_DIM = 6
CONDITION_DIM = NAME_DIM + len(_MODALITIES) + 1 + SCALE_DIM
"""Length of the vector of everything that is not an image."""

_MODALITY = slice(NAME_DIM, CONDITION_DIM - SCALE_DIM)
"""Places in that vector of the modalities, and at the end of none."""

_FINENESS = CONDITION_DIM - 2
"""Place in that vector of log2 of image pixels per crop pixel."""

_MILLIMETRES = slice(CONDITION_DIM - SCALE_DIM, CONDITION_DIM - SCALE_DIM + 3)
"""Places in that vector of what is known in millimetres, and whether."""


@dataclass(frozen=True, slots=True, eq=False)
class PlaneStack:
    """An image as slices `(slice, row, column)` of any real type, with the size of a pixel.

    `pixel_mm` is (row, column), (1, 1) where the size is unknown. `axis` is the array axis of the
    volume that the slices count along. `known` marks the pixels whose label is known, as
    `Volume.known` does. `planes` are as stored: judges see them cut to the `limits`, if there are
    any. `fields` are slices at low resolution, as far as a judge made them.
    """

    planes: NDArray[Any]
    axis: int
    pixel_mm: tuple[float, float]
    thickness_mm: float
    spacing_known: bool
    known: NDArray[np.bool_] | None = None
    limits: tuple[float, float] | None = None
    fields: dict[tuple[int, int, float], NDArray[np.float32]] = field(default_factory=dict)

    def plane(self, index: int) -> NDArray[np.float32]:
        """Return one slice as judges see it, cut to the limits."""
        seen = np.ascontiguousarray(self.planes[index], dtype=np.float32)
        return seen if self.limits is None else seen.clip(*self.limits)

    def every(self) -> NDArray[np.float32]:
        """Return all slices as judges see them; of a large volume that is a lot."""
        seen = np.ascontiguousarray(self.planes, dtype=np.float32)
        return seen if self.limits is None else seen.clip(*self.limits)

    @property
    def is_3d(self) -> bool:
        """Whether there is more than one slice."""
        return len(self.planes) > 1


def plane_stack(
    volume: Volume,
    axis: int | None = None,
    *,
    modality: Modality | None = None,
    window_hu: tuple[float, float] = SOFT_TISSUE_HU,
) -> PlaneStack:
    """Turn an image volume into slices; HU are cut to a window when they are looked at.

    `axis` is the one that slices count along, by default the one that they were drawn along.
    """
    axis = slicing_axis(volume.grid) if axis is None else axis
    return PlaneStack(
        planes=as_planes(volume.array, axis),
        axis=axis,
        pixel_mm=pixel_mm(volume.grid, axis),
        thickness_mm=volume.grid.spacing_mm[axis],
        spacing_known=volume.spacing_known,
        known=None if volume.known is None else as_planes(volume.known, axis),
        limits=window_hu if holds_hu(volume.array, modality) else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class JudgeInput:
    """What the network gets for one slice, and how to lead its answer back to the slice.

    `crop` `(5, n, n)`, `field` `(3, f, f)`, `condition` `(CONDITION_DIM,)`, all float32;
    `box` is the crop in pixels of the slice, `pixels_per_cell` the number of image pixels one crop
    pixel stands for.
    """

    crop: NDArray[np.float32]
    field: NDArray[np.float32]
    condition: NDArray[np.float32]
    box: Box
    cut: BoxResampler
    pixels_per_cell: float


@dataclass(frozen=True, slots=True)
class JudgePreprocess:
    """The judge's eyes, frozen into every weight file and fingerprinted in every score.

    `crop_factor` is the side of the crop in units of the mask's larger extent; `min_pixels` keeps
    the crop of a speck from being a blur; `clip` bounds the standardised intensities. An image of
    more than `largest_px` pixels along a side, or a slice of a volume of more than
    `largest_slice_px`, counts as if it had been reduced to so many: judges learned from images of
    no more, and take finer ones for what they never saw. `tells_nameless` is false of judges that
    learned to do without modality and scale where there is no name (`untold`). Hounsfield units are
    cut to `window_hu`. The rules are versions of code, see
    `judge.documents.description.SliceSettings`. Defaults are for judges to be trained; those on a
    disk say all of it themselves.
    """

    crop_px: int = 96
    field_px: int = 64
    crop_factor: float = 1.8
    min_pixels: float = 24.0
    clip: float = 4.0
    largest_px: int = 400
    largest_slice_px: int = 260
    tells_nameless: bool = True
    window_hu: tuple[float, float] = SOFT_TISSUE_HU
    hu_rule: int = 1
    axis_rule: int = 1
    frame_rule: int = 1
    version: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the settings as they are saved with a judge."""
        return asdict(self)

    def frame(
        self, mask: NDArray[np.bool_], pixel: tuple[float, float], *, least_mm: float = 0.0
    ) -> Box:
        """Place the square (in mm) crop around a mask `(rows, columns)`.

        Args:
            mask: One slice of the mask. The whole image is framed when it is empty.
            pixel: Size of a pixel (row, column) in mm.
            least_mm: Smallest extent to frame, for example half of the structure's largest
                extent over all slices, so that a slice with a fragment is not judged by it alone.
        """
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size == 0:
            return whole_image(mask.shape, pixel)
        height, width = (
            (rows[-1] - rows[0] + 1) * pixel[0],
            (columns[-1] - columns[0] + 1) * pixel[1],
        )
        side = self.crop_factor * max(height, width, least_mm)
        side = max(side, self.min_pixels * min(pixel))
        centre = ((rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2)
        return square(centre, side, pixel)

    def frame_part(self, part: NDArray[np.bool_], pixel: tuple[float, float]) -> Box:
        """Place the crop around a part of a mask that a window cut out, closer than `frame`."""
        around = extent(part)
        height = (around.bottom - around.top) * pixel[0]
        width = (around.right - around.left) * pixel[1]
        side = max(PART_FACTOR * max(height, width), self.min_pixels * min(pixel))
        centre = ((around.top + around.bottom) / 2, (around.left + around.right) / 2)
        return square(centre, side, pixel)

    def __call__(
        self,
        stack: PlaneStack,
        mask: NDArray[np.bool_],
        index: int,
        box: Box,
        *,
        name: str | None,
        modality: Modality | None,
    ) -> JudgeInput:
        """Prepare slice `index` of `stack` with `mask` `(rows, columns)`, seen through `box`."""
        shape = (mask.shape[0], mask.shape[1])
        cut = BoxResampler.to_square(shape, box, self.crop_px)
        wide = BoxResampler.to_square(shape, whole_image(shape, stack.pixel_mm), self.field_px)
        marked = np.asarray(mask)[None]
        crop = np.empty((CROP_CHANNELS, self.crop_px, self.crop_px), dtype=np.float32)
        crop[:3] = self._with_neighbours(stack, index, cut)
        crop[3] = mask_crop = cut(marked)[0]
        crop[4] = cut.coverage
        field = np.empty((FIELD_CHANNELS, self.field_px, self.field_px), dtype=np.float32)
        field[0] = self._field(stack, index, wide)
        field[1] = wide(marked)[0]
        field[2] = _frame_picture(box, shape, wide, stack.pixel_mm)
        side_px = (box.bottom - box.top) * self._reduction(stack)
        condition = condition_vector(
            stack, box, mask_crop, name=name, modality=modality, side_px=side_px
        )
        cell = (box.bottom - box.top) * (box.right - box.left) / self.crop_px**2
        return JudgeInput(crop, field, condition, box, cut, cell)

    def _reduction(self, stack: PlaneStack) -> float:
        """Return how much smaller an image counts than it is, at most 1."""
        largest = self.largest_slice_px if stack.is_3d else self.largest_px
        return min(1.0, largest / int(max(stack.planes.shape[1:])))

    def _field(self, stack: PlaneStack, index: int, wide: BoxResampler) -> NDArray[np.float32]:
        """Return the whole slice at low resolution, made once for all labels seen in it."""
        key = (index, self.field_px, self.clip)
        if key not in stack.fields:
            seen = wide(stack.planes[index : index + 1], stack.limits)
            stack.fields[key] = self.standardise(seen, wide.coverage)[0]
        return stack.fields[key]

    def _with_neighbours(
        self, stack: PlaneStack, index: int, cut: BoxResampler
    ) -> NDArray[np.float32]:
        """Return slice below, slice and slice above; at the ends the slice is its own neighbour.

        Of an image that is one number for all voxels, as a black one, nothing need be cut out.
        """
        if not any(stack.planes.strides):
            return np.zeros((3, *cut.coverage.shape), dtype=np.float32)
        below, above = max(index - 1, 0), min(index + 1, len(stack.planes) - 1)
        seen = self.standardise(cut(stack.planes[below : above + 1], stack.limits), cut.coverage)
        return seen[[0, index - below, above - below]]

    def standardise(
        self, planes: NDArray[np.float32], coverage: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Bring each plane `(n, h, w)` to zero mean, unit spread where `coverage` > 0.5, else 0.

        A plane without contrast becomes 0 everywhere.
        """
        inside = np.flatnonzero(coverage > 0.5)
        result = np.zeros_like(planes)
        if not inside.size:
            return result
        pixels, seen = planes.reshape(len(planes), -1), coverage.reshape(-1)
        # `take`, unlike an index, keeps each plane in one piece: its sums are quick and exact.
        values = pixels.take(inside, axis=1) / seen[inside]
        mean = values.mean(axis=1, keepdims=True)
        values -= mean
        spread = np.sqrt(np.square(values).mean(axis=1, keepdims=True))
        flat = spread < 1e-6 * np.maximum(np.abs(mean), 1.0)
        values /= np.where(flat, np.inf, spread)
        result.reshape(len(planes), -1)[:, inside] = values.clip(-self.clip, self.clip)
        return result


def square(centre: tuple[float, float], side_mm: float, pixel: tuple[float, float]) -> Box:
    """Return the box of `side_mm` around a centre given in pixels (row, column)."""
    half_r, half_c = side_mm / pixel[0] / 2, side_mm / pixel[1] / 2
    return Box(centre[0] - half_r, centre[0] + half_r, centre[1] - half_c, centre[1] + half_c)


def whole_image(shape: tuple[int, ...], pixel: tuple[float, float]) -> Box:
    """Return the smallest square (in mm) that holds an image of `shape` (rows, columns)."""
    side = max(shape[0] * pixel[0], shape[1] * pixel[1])
    return square((shape[0] / 2, shape[1] / 2), side, pixel)


def condition_vector(
    stack: PlaneStack,
    box: Box,
    mask_crop: NDArray[np.float32],
    *,
    name: str | None,
    modality: Modality | None,
    side_px: float,
) -> NDArray[np.float32]:
    """Write name, modality and scale into one vector `(CONDITION_DIM,)`.

    Scale: log2 of the crop's side in 100 mm and of slice thickness in 5 mm (0 where unknown),
    a flag for known millimetres, a flag for a volume, log2 of image pixels per crop pixel where
    the crop's side counts as `side_px`, and the share of the crop that is mask.
    """
    kind = np.zeros(len(_MODALITIES) + 1, dtype=np.float32)
    kind[_MODALITIES.index(modality) if modality is not None else -1] = 1.0
    side_mm = (box.bottom - box.top) * stack.pixel_mm[0]
    known = stack.spacing_known
    scale = [
        np.log2(side_mm / 100) if known else 0.0,
        np.log2(stack.thickness_mm / 5) if known and stack.is_3d else 0.0,
        float(known),
        float(stack.is_3d),
        np.log2(side_px / mask_crop.shape[0]),
        float(mask_crop.mean()),
    ]
    return np.concatenate([name_vector(name), kind, np.asarray(scale, dtype=np.float32)])


def untold(seen: JudgeInput) -> JudgeInput:
    """Return the same view with nothing told of modality and scale: they say what image it is.

    No millimetres, and no more pixels than the crop has: what it shows is the same however many it
    was reduced from.
    """
    condition = seen.condition.copy()
    condition[_MODALITY] = 0.0
    condition[_MODALITY.stop - 1] = 1.0
    condition[_MILLIMETRES] = 0.0
    condition[_FINENESS] = min(condition[_FINENESS], 0.0)
    return replace(seen, condition=condition)


def _frame_picture(
    box: Box, shape: tuple[int, int], wide: BoxResampler, pixel: tuple[float, float]
) -> NDArray[np.float32]:
    """Draw where the crop lies on the low-resolution field, 1 inside."""
    n_out = wide.coverage.shape[0]
    whole = whole_image(shape, pixel)

    def along(low: float, high: float, start: float, end: float) -> NDArray[np.bool_]:
        """Mark the field's pixels between `low` and `high` along one axis."""
        at = start + (np.arange(n_out) + 0.5) * (end - start) / n_out
        return np.asarray((at >= low) & (at < high))

    rows = along(box.top, box.bottom, whole.top, whole.bottom)
    columns = along(box.left, box.right, whole.left, whole.right)
    return np.outer(rows, columns).astype(np.float32)


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return a short stable name of all that decides what a judge sees, as plain data."""
    return hashlib.sha256(
        json.dumps(settings, sort_keys=True, allow_nan=False).encode()
    ).hexdigest()[:12]
