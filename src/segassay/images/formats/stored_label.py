"""A label file as it is stored, to be written again with as little changed as possible."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.images.formats.nifti_header import HeaderFacts, facts_of


@dataclass(frozen=True, slots=True, eq=False)
class StoredLabel:
    """Voxels in their stored order, scaled as the header says, with nibabel's header.

    `header` is `None` for a picture, whose `array` is `(row, column)`; a NIfTI file's is
    `(i, j, k)`, or has the dimensions it was stored with.
    """

    file_name: str
    array: NDArray[Any]
    header: Any | None

    @property
    def facts(self) -> HeaderFacts | None:
        """What the header says; `None` for a picture."""
        return None if self.header is None else facts_of(self.header)

    def with_array(self, array: NDArray[Any]) -> "StoredLabel":
        """Return the label with other voxels, which are stored as they are: without a scale."""
        if self.header is None:
            return replace(self, array=array)
        header = deepcopy(self.header)
        header.set_data_dtype(array.dtype)
        header.set_slope_inter(1.0, 0.0)
        header.set_data_shape(array.shape)
        return replace(self, array=array, header=header)

    def with_affine(self, affine: NDArray[np.float64], code: int) -> "StoredLabel":
        """Return the label with `affine` as sform and qform, both under `code` (1 or more).

        A qform cannot hold shears: of a sheared affine it keeps the nearest straight axes.
        """
        if self.header is None:
            return self
        header = deepcopy(self.header)
        header.set_qform(affine, code=code)
        header.set_sform(affine, code=code)
        return replace(self, header=header)
