"""What the header of a NIfTI file says beyond one affine: two coordinate systems, scale, storage.

Checks and repairs ask for it. Readers do not need it: `images.formats.nifti` settles on one affine,
the one nibabel prefers, and applies the scale.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import isal_zlib
from isal.igzip_lib import IsalError
from nibabel.orientations import aff2axcodes
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from segassay.errors import ReadError
from segassay.files.filesystem import read_bytes

_GZIP = b"\x1f\x8b"
_PACKED_BYTES = 1 << 14
"""Enough of a packed file to hold its header."""

_NIFTI_2_BYTES = 540

_LENGTH_UNIT, _MILLIMETRES = 0b111, 2
"""Bits of NIfTI's code of units that tell of lengths, and the code of millimetres."""

_MM_IN_UNIT = {1: 1000.0, 3: 0.001}
"""Metres and microns; a file that names no unit is taken to mean millimetres."""

_LENGTHS = ("srow_x", "srow_y", "srow_z", "qoffset_x", "qoffset_y", "qoffset_z")
"""Fields of a header that are lengths, other than those of `pixdim`."""

_UNREADABLE = (ReadError, ValueError, KeyError, IsalError, HeaderDataError, WrapStructError)


@dataclass(frozen=True, slots=True, eq=False)
class HeaderFacts:
    """The header of one file as stored on disk; arrays are 4x4, voxel indices to millimetres.

    `sform` and `qform` are `None` where their code is 0, that is where the file does not state
    them; `affine` is the one that is used. `axes` tells where the stored axes point, as `LPS`;
    empty for an affine that points nowhere. `slope` and `intercept` are what stored values are
    scaled with: 1 and 0 for none.
    """

    shape: tuple[int, ...]
    dtype: str
    axes: str
    affine: NDArray[np.float64]
    sform: NDArray[np.float64] | None
    qform: NDArray[np.float64] | None
    slope: float
    intercept: float


def read_header(path: Path) -> HeaderFacts | None:
    """Read the header of a NIfTI file, not its voxels.

    `None` for files whose header cannot be read: reading the voxels says why.
    """
    try:
        header = _header(_first_bytes(path))
        return facts_of(header)
    except _UNREADABLE:  # type: ignore[misc]  # the stub of isal forgets a base class
        return None


def _first_bytes(path: Path) -> bytes:
    head = read_bytes(path, _PACKED_BYTES)
    if head[:2] != _GZIP:
        return head[:_NIFTI_2_BYTES]
    return isal_zlib.decompressobj(wbits=31).decompress(head, _NIFTI_2_BYTES)


def _header(head: bytes) -> Any:
    is_second = head[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
    kind, size = (nib.Nifti2Header, 540) if is_second else (nib.Nifti1Header, 348)
    return kind(head[:size], check=False)


def facts_of(header: Any) -> HeaderFacts:
    """Return the facts of nibabel's header object, which stays as it is."""
    header = header.copy()
    to_millimetres(header)
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    slope, intercept = (float(header[name]) for name in ("scl_slope", "scl_inter"))
    scaled = np.isfinite(slope) and slope != 0
    return HeaderFacts(
        shape=tuple(int(n) for n in header.get_data_shape()),
        dtype=str(header.get_data_dtype()),
        axes=_axes(affine),
        affine=affine,
        sform=header.get_sform(coded=True)[0],
        qform=header.get_qform(coded=True)[0],
        slope=slope if scaled else 1.0,
        intercept=intercept if scaled and np.isfinite(intercept) else 0.0,
    )


def _axes(affine: NDArray[np.float64]) -> str:
    if not np.isfinite(affine).all():
        return ""
    codes = aff2axcodes(affine)
    return "" if None in codes else "".join(map(str, codes))


def to_millimetres(header: Any) -> None:
    """Turn the lengths of a header that counts metres or microns into millimetres.

    The affine that nibabel keeps beside an image's header stays what it was.
    """
    units = int(header["xyzt_units"])
    factor = _MM_IN_UNIT.get(units & _LENGTH_UNIT)
    if factor is None:
        return
    with np.errstate(over="ignore"):  # what overflows is infinite: no usable geometry
        for name in _LENGTHS:
            header[name] = np.asarray(header[name]) * factor
        header["pixdim"][1:4] *= factor
    header["xyzt_units"] = units - (units & _LENGTH_UNIT) + _MILLIMETRES
