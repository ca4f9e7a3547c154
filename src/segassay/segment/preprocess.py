"""How a segmenter sees an image, and how what it says comes back onto the image's voxels.

An image becomes an array `(channels, slices, rows, columns)` in display orientation: slices of the
plane they were drawn in for networks of two axes, axial slices for those of three. What this does
is kept with the model, so that every image is seen as those were that it learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from segassay.errors import ContentError
from segassay.geometry.grid import require_same_grid
from segassay.geometry.resample import resized
from segassay.images.intensity import robust_ends
from segassay.images.mask import Mask
from segassay.images.slicing import as_planes, from_planes, plane_order, slicing_axis
from segassay.images.volume import Volume

Floats = NDArray[np.float32]

_AXIAL = 2
_LEAST_SPREAD = 1e-6
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601, as where pictures are read."""


class Hounsfield(BaseModel):
    """CT: values are cut to what lay in the structures learned, one scale for all images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    mean: float
    spread: float


class Preprocessing(BaseModel):
    """What every image goes through.

    Attributes:
        axes: Axes that the network sees, 2 or 3.
        channels: Values of a voxel: one for each file of a case, three for pictures in colour.
        colour: Whether images are pictures in colour.
        neighbours: Slices on either side that are seen with one.
        patch: Side of a patch along every axis, in pixels.
        spacing_mm: Size of a pixel along every axis as it is seen; `None` where images have no
            spacing: each is scaled so that its longer side is that of a patch.
        hounsfield: For CT, `None` for grey values that mean nothing by themselves: these are cut to
            the percentiles 0.1 and 99.9 and brought to mean 0 and spread 1, image by image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    axes: Literal[2, 3]
    channels: int
    colour: bool
    neighbours: int
    patch: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    hounsfield: Hounsfield | None

    @property
    def inputs(self) -> int:
        """Channels that the network takes."""
        return self.channels * (1 + 2 * self.neighbours)

    def seen(self, channels: Sequence[Volume]) -> "SeenImage":
        """Prepare the image of a case.

        Args:
            channels: One volume for every channel, on one grid.

        Raises:
            ContentError: It has another number of channels than the model learned from, or is in
                colour where these were not.
            GeometryError: A channel lies on another grid than the first.
        """
        first = channels[0]
        for other in channels[1:]:
            require_same_grid(other.grid, first.grid, "a further channel")
        if self.colour and first.colours is not None:
            planes = np.moveaxis(first.colours, -1, 0)[:, None]
        else:
            axis = self.axis_of(first)
            planes = np.stack([as_planes(one.array, axis) for one in channels])
        if len(planes) == 1 < self.channels and self.colour:
            planes = np.repeat(planes, self.channels, axis=0)  # a grey picture among coloured ones
        if len(planes) != self.channels:
            raise ContentError(
                f"{len(planes)} channels, the model learned from {self.channels}: give every "
                "channel of the case, in the order of the training data"
            )
        toned = [self._toned(np.asarray(one, dtype=np.float32)) for one in planes]
        whole = planes.shape[1:]
        shape = self.seen_shape(first)
        grey = np.zeros(self.channels, dtype=np.float32)
        grey[0] = 1
        if self.colour:
            grey = _LUMA * np.array([spread for _, spread in toned], dtype=np.float32)
            grey /= max(float(grey.sum()), _LEAST_SPREAD)
        return SeenImage(np.stack([resized(one, shape) for one, _ in toned]), whole, grey)

    def axis_of(self, volume: Volume) -> int:
        """Return the array axis that slices are counted along."""
        return slicing_axis(volume.grid) if self.axes == 2 else _AXIAL

    def seen_shape(self, volume: Volume) -> tuple[int, int, int]:
        """Return slices, rows and columns as the network sees them."""
        axis = self.axis_of(volume)
        order = plane_order(axis)
        n_slices, *sides = (volume.grid.shape[n] for n in order)
        spacing = [volume.grid.spacing_mm[n] for n in order]
        if self.spacing_mm is None or not volume.spacing_known:
            factor = min(p / n for p, n in zip(self.patch[-2:], sides, strict=True))
            return n_slices, *(max(1, round(n * factor)) for n in sides)  # type: ignore[return-value]
        sizes = (n_slices, *sides)
        if self.axes == 2:
            spacing, wanted = spacing[1:], self.spacing_mm
            rows, columns = (
                max(1, round(n * mm / to)) for n, mm, to in zip(sides, spacing, wanted, strict=True)
            )
            return n_slices, rows, columns
        slices, rows, columns = (
            max(1, round(n * mm / to))
            for n, mm, to in zip(sizes, spacing, self.spacing_mm, strict=True)
        )
        return slices, rows, columns

    def seen_mask(self, mask: Mask, volume: Volume) -> Mask:
        """Bring a mask `(i, j, k)` of a volume to the slices, rows and columns that are seen."""
        planes = mask.as_planes(self.axis_of(volume))
        shape = self.seen_shape(volume)
        if planes.shape == shape or not planes:
            return planes if planes.shape == shape else Mask.empty(shape)
        return Mask.of(resized(np.asarray(planes, dtype=np.float32), shape) >= 0.5)

    def seen_shares(self, shares: Floats, volume: Volume) -> NDArray[np.float16]:
        """Bring shares in [0, 1] of a volume's voxels `(i, j, k)` to what is seen of them."""
        planes = np.asarray(as_planes(shares, self.axis_of(volume)), dtype=np.float32)
        return resized(planes, self.seen_shape(volume)).clip(0, 1).astype(np.float16)

    def restored(self, planes: NDArray[np.generic], volume: Volume) -> NDArray[np.generic]:
        """View an array `(slices, rows, columns)` of all of a volume's voxels as `(i, j, k)`."""
        return from_planes(planes, self.axis_of(volume))

    def _toned(self, planes: Floats) -> tuple[Floats, float]:
        """Return a channel in the tones that the network sees, and by what it was divided."""
        if self.hounsfield is not None:
            h = self.hounsfield
            cut, mean, spread = planes.clip(h.low, h.high), h.mean, h.spread
        else:
            cut = np.nan_to_num(planes).clip(*robust_ends(planes))
            mean, spread = float(cut.mean()), float(cut.std())
        spread = max(spread, _LEAST_SPREAD)
        return np.asarray((cut - mean) / spread, dtype=np.float32), spread


@dataclass(frozen=True, slots=True, eq=False)
class SeenImage:
    """An image as a network sees it: `array` `(channels, slices, rows, columns)`, float32.

    `whole` are slices, rows and columns of the image itself. `grey` `(channels,)` are the weights
    of the channels in the grey image that judges see: of colours their luma, else the first alone.
    """

    array: Floats
    whole: tuple[int, ...]
    grey: Floats


def with_neighbours(array: NDArray[np.generic], index: int, neighbours: int) -> NDArray[np.generic]:
    """Return a slice of `(channels, slices, rows, columns)` with those beside it as channels.

    `(channels · (1 + 2 neighbours), rows, columns)`; at the ends the last slice is repeated.
    """
    around = np.clip(np.arange(index - neighbours, index + neighbours + 1), 0, array.shape[1] - 1)
    return array[:, around].reshape(-1, *array.shape[2:])
