"""What a judge is asked about: labels of one image, each with the name it was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segassay.images.intensity import SOFT_TISSUE_HU
from segassay.images.mask import Mask
from segassay.images.volume import Volume, voxel_sha256
from segassay.judge.comparison.peers import Peers
from segassay.judge.comparison.registered import RegisteredLabel
from segassay.judge.context.context_memory import Context
from segassay.judge.context.looks import Looks
from segassay.judge.inputs.preprocess import PlaneStack, plane_stack
from segassay.records.remarks import Comment, comment
from segassay.types import Modality, Remark


@dataclass(frozen=True, slots=True)
class Named:
    """A structure's name as given and as the network may know it; `None` where there is none."""

    given: str | None
    known: str | None

    @property
    def is_unknown(self) -> bool:
        """Whether there is a name, and the network does not know it."""
        return self.given is not None and self.known is None

    @property
    def comments(self) -> tuple[Comment, ...]:
        """Why the score was made without a name; empty if it was not."""
        if self.given is None:
            return (comment(Remark.NO_NAME),)
        if self.known is None:
            return (comment(Remark.NEVER_LEARNED, structure=self.given),)
        return ()


@dataclass(frozen=True, eq=False)
class AskedImage:
    """An image, what kind it is and whose, as far as known, and the window its HU are cut to."""

    volume: Volume
    modality: Modality | None
    subject: str | None = None
    window_hu: tuple[float, float] = SOFT_TISSUE_HU

    @cached_property
    def stack(self) -> PlaneStack:
        """Its slices, made once for all its labels."""
        return plane_stack(self.volume, modality=self.modality, window_hu=self.window_hu)

    @property
    def colours(self) -> NDArray[np.uint8] | None:
        """Red, green and blue `(rows, columns, 3)` of a picture in colour."""
        return self.volume.colours

    @cached_property
    def looks_by_slice(self) -> dict[int, Looks]:
        """Features of its slices, as far as a judge computed them."""
        return {}

    @cached_property
    def fine_by_slice(self) -> dict[int, NDArray[np.int8]]:
        """Features of its slices at twice the resolution, as far as a judge computed them."""
        return {}

    @cached_property
    def context_by_slice(self) -> dict[int, dict[str, Context | None]]:
        """What the context says of each structure in its slices, as far as a judge asked."""
        return {}

    @cached_property
    def propagated(self) -> dict[Peers, Mapping[str, RegisteredLabel]]:
        """Labels of peers registered to the image, as far as a judge asked for them."""
        return {}

    @cached_property
    def content(self) -> str:
        """Checksum of its voxels, by which a judge knows what it learned from."""
        return voxel_sha256(self.volume.array)


@dataclass(frozen=True, slots=True, eq=False)
class AskedLabel:
    """A mask `(i, j, k)` on the grid of its image, and the structure's name."""

    image: AskedImage
    mask: Mask
    name: Named

    @property
    def planes(self) -> Mask:
        """The mask in the image's slices, `(slice, row, column)`."""
        return self.mask.as_planes(self.image.stack.axis)
