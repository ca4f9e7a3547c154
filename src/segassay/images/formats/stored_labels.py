"""Label files as they are stored, to be written again with as little changed as possible."""

import gzip
import io
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from PIL import Image

from segassay.errors import ContentError, ReadError
from segassay.images.formats import nifti, raster
from segassay.images.formats.nifti_header import HeaderFacts, facts_of

_PICTURES = (".png", ".bmp", ".tif", ".tiff")
"""Formats that give back what was put in; JPEG does not."""

_PLAIN_MODES = ("1", "L", "I;16")
_LEVEL = 6


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


def is_rewritable(path: Path) -> bool:
    """Whether files of this ending can be written again without a loss."""
    return path.name.lower().endswith((*nifti.SUFFIXES, *_PICTURES))


def read_stored(path: Path) -> StoredLabel:
    """Read a label file as stored.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
        ContentError: A picture with colours or a palette, or voxels that are no numbers.
    """
    if not path.name.lower().endswith(nifti.SUFFIXES):
        return _read_picture(path)
    image = nifti.stored_nifti(path)
    try:
        array = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError) as error:
        raise ReadError(f"{path.name}: ends before its last voxel; copy it again") from error
    if array.dtype.kind not in "biuf":
        raise ContentError(f"{path.name}: voxels of type {array.dtype}; expected one number each")
    header = deepcopy(image.header)
    header.set_slope_inter(image.dataobj.slope, image.dataobj.inter)  # nibabel moves them there
    try:
        facts_of(header)
    except (ValueError, HeaderDataError) as error:
        raise ReadError(f"{path.name}: its header gives no usable geometry ({error})") from error
    return StoredLabel(path.name, array, header)


def encoded(label: StoredLabel, name: str) -> bytes:
    """Return the bytes of a file called `name`; the same label gives the same bytes."""
    if label.header is None:
        stream = io.BytesIO()
        Image.fromarray(label.array).save(stream, format=_format(name))
        return stream.getvalue()
    data: bytes = nifti.image_of(label.array, label.header).to_bytes()
    return gzip.compress(data, _LEVEL, mtime=0) if name.lower().endswith(".gz") else data


def _read_picture(path: Path) -> StoredLabel:
    with raster.opened_picture(path) as (picture, exif):
        if exif != 1:
            raise ContentError(f"{path.name}: turned by EXIF orientation {exif}; left as it is")
        if picture.mode not in _PLAIN_MODES:
            raise ContentError(f"{path.name}: picture of mode {picture.mode}; left as it is")
        array = np.array(picture)
    return StoredLabel(path.name, array.astype(np.uint8) if array.dtype == bool else array, None)


def _format(name: str) -> str:
    ending = Path(name).suffix.lower()
    return {".png": "PNG", ".bmp": "BMP"}.get(ending, "TIFF")
