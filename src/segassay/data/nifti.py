"""NIfTI files: opened with limits checked from the header, unpacked with isal, read by nibabel."""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import isal_zlib
from isal.igzip_lib import IsalError
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from segassay.errors import ContentError, ReadError

SUFFIXES = (".nii.gz", ".nii")

_NOT_NIFTI = (
    HeaderDataError,
    HeaderTypeError,
    ImageFileError,
    WrapStructError,
    EOFError,
    KeyError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What nibabel raises on bytes that are no NIfTI file; its errors share no base class."""

_GZIP = b"\x1f\x8b"
_HEADER_BYTES = 1024
_MOST_VOXELS = 2**31
_SLACK = 1 << 20
"""Bytes allowed beyond voxels and header, for header extensions."""


@dataclass(frozen=True, slots=True, eq=False)
class NiftiVoxels:
    """Voxels as stored (scaled if the header says so), 3D, with affine and on-disk type.

    `believable` is `False` for a header that was never set: no qform, axes along +x +y +z, origin
    at zero. Such files say nothing about left and right.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    dtype: str
    believable: bool


def read_nifti(path: Path) -> NiftiVoxels:
    """Read a 3D (or 2D, or trailing length-one) NIfTI-1 or -2 file.

    Raises:
        ReadError: Missing, truncated, or not NIfTI.
        ContentError: 4D, coloured, or larger than 2**31 voxels.
    """
    image = _parse(path)
    shape = _shape(path, image.shape)
    if image.get_data_dtype().names is not None:
        raise ContentError(f"{path.name}: holds colour voxels; expected one number per voxel")
    try:
        array = np.asanyarray(image.dataobj).reshape(shape)
    except (OSError, EOFError, ValueError) as error:
        raise ReadError(f"{path.name}: ends before its last voxel; copy it again") from error
    if array.dtype.kind == "c":
        raise ContentError(f"{path.name}: holds complex numbers; expected real ones")
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ContentError(f"{path.name}: its header gives no usable geometry; mend the affine")
    return NiftiVoxels(array, affine, str(image.get_data_dtype()), _believable(image, affine))


def _parse(path: Path) -> Any:
    data = _unpack(path)
    kind = (
        nib.Nifti2Image
        if data[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
        else nib.Nifti1Image
    )
    try:
        return kind.from_bytes(data)
    except _NOT_NIFTI as error:
        raise ReadError(f"{path.name}: is not a NIfTI file, whatever its name says") from error


def _unpack(path: Path) -> bytes:
    """Return the file's bytes, unpacked; never more than its own header announces."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise ReadError(f"{path.name}: no such file") from error
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be read ({error.strerror})") from error
    if raw[:2] != _GZIP:
        if len(raw) < 348 or raw[:1] not in (b"\x5c", b"\x1c", b"\x00"):
            raise ReadError(f"{path.name}: is not a NIfTI file, whatever its name says")
        _announced_bytes(path, raw[:_HEADER_BYTES])
        return raw
    unpacker = isal_zlib.decompressobj(wbits=31)
    try:
        head = unpacker.decompress(raw, _HEADER_BYTES)
        limit = _announced_bytes(path, head)
        body = unpacker.decompress(unpacker.unconsumed_tail, limit + _SLACK)
    except IsalError as error:  # type: ignore[misc]  # its stub forgets the base class
        raise ReadError(f"{path.name}: is damaged gzip ({error}); copy it again") from error
    if not unpacker.eof and len(head) + len(body) < limit:
        raise ReadError(f"{path.name}: truncated gzip, the file ends too early; copy it again")
    return bytes(head + body)


def _announced_bytes(path: Path, head: bytes) -> int:
    """Return the size of the unpacked file that the header announces, within limits."""
    try:
        kind = nib.Nifti2Header if head[:2] in (b"\x1c\x02", b"\x00\x00") else nib.Nifti1Header
        header = kind.from_fileobj(io.BytesIO(head))
        shape = header.get_data_shape()
        size = int(header.get_data_dtype().itemsize)
    except _NOT_NIFTI as error:
        raise ReadError(f"{path.name}: is not a NIfTI file, whatever its name says") from error
    n_voxels = math.prod(int(n) for n in shape) if shape else 0
    if n_voxels > _MOST_VOXELS or n_voxels < 0:
        raise ContentError(
            f"{path.name}: header announces {n_voxels} voxels; at most 2^31 are read"
        )
    return n_voxels * size + int(header["vox_offset"])


def _shape(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    full = tuple(int(n) for n in shape)
    while len(full) > 3 and full[-1] == 1:
        full = full[:-1]
    if len(full) == 2:
        full = (*full, 1)
    if len(full) != 3:
        raise ContentError(
            f"{path.name}: {len(full)}D image of shape {full}; expected 3D, split it into volumes"
        )
    if 0 in full:
        raise ContentError(f"{path.name}: holds no voxels, shape {full}")
    return full[0], full[1], full[2]


def _believable(image: Any, affine: NDArray[np.float64]) -> bool:
    if int(image.header["qform_code"]) != 0:
        return True
    axes = affine[:3, :3]
    upright = np.allclose(axes, np.diag(np.abs(np.diag(axes))))
    return not (upright and np.allclose(affine[:3, 3], 0))
