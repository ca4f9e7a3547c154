"""NIfTI files: opened with limits checked from the header, unpacked with isal, read by nibabel."""

import math
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal.igzip_lib import IsalError
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import logger as nibabel_logger
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from segassay.errors import ContentError, ReadError
from segassay.files.filesystem import open_file, read_bytes, read_from, stamp
from segassay.files.gunzip import FIRST_BYTES, GZIP, SLACK, gunzip
from segassay.files.memory_limits import require_memory
from segassay.files.quiet import Quiet
from segassay.images.formats.base import StoredVoxels
from segassay.images.formats.nifti_header import to_millimetres

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

_quiet = Quiet(nibabel_logger)
"""While we read, nibabel does not tell stderr what it mends in headers."""

_NIFTI_2 = (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
"""First bytes of NIfTI-2, the size of its header, in either byte order."""

_HEADER_BYTES = 1024
_MOST_VOXELS = 2**31
_MOST_EXTENSION = 1 << 20
"""Bytes of header extensions that are searched for a label table."""

_LABEL = re.compile(r'<Label Key="(\d{1,9})"[^<>]*>\s*<!\[CDATA\[([^\]<>]{1,200})\]\]>')
"""One entry of a label table. A pattern, not an XML parser: the text comes from anywhere."""

_FARTHEST_MM = 1e6
_FLAT = 1e-3
"""Volume of the parallelepiped of unit axes below which they count as lying in one plane."""

_FIRST_VOXEL = (348, 1 << 27)
"""Where voxels may begin: behind the smallest header, and before 128 MiB of header extensions."""


def read_nifti(path: Path) -> StoredVoxels:
    """Read a 3D (or 2D, or trailing length-one) NIfTI-1 or -2 file.

    Raises:
        ReadError: Missing, truncated, or not NIfTI.
        ContentError: 4D, coloured, or larger than 2**31 voxels.
    """
    data, spacing_known = _unpack(path)
    image = _parse(path, data)
    shape = shape_3d(path, image.shape)
    if image.get_data_dtype().names is not None:
        raise ContentError(f"{path.name}: holds colour voxels; expected one number per voxel")
    try:
        array = _voxels(image, data).reshape(shape, order="F")
    except (OSError, EOFError, ValueError) as error:
        raise ReadError(f"{path.name}: ends before its last voxel; copy it again") from error
    if array.dtype.kind == "c":
        raise ContentError(f"{path.name}: holds complex numbers; expected real ones")
    affine = np.asarray(image.header.get_best_affine(), dtype=np.float64)
    require_geometry(path, affine)
    dtype = str(image.get_data_dtype())
    return StoredVoxels(array, affine, dtype, is_believable(image.header, affine), spacing_known)


def _voxels(image: Any, data: bytes) -> NDArray[Any]:
    """Return the voxels of an image that was read from `data`.

    Where nothing is to be scaled these are the bytes themselves: a copy of a large volume takes as
    long as to unpack it.
    """
    stored = image.dataobj
    if (stored.slope, stored.inter) != (1.0, 0.0):
        return np.asanyarray(stored)
    n_voxels = math.prod(stored.shape)
    flat = np.frombuffer(data, dtype=stored.dtype, count=n_voxels, offset=stored.offset)
    return flat.reshape(stored.shape, order="F")


def stored_nifti(path: Path) -> Any:
    """Return nibabel's image of a file, in memory; errors as `read_nifti`.

    Its header is as stored, but that its lengths are millimetres. For those who write the file
    again: everything else takes what `read_nifti` gives.
    """
    return _parse(path, _unpack(path)[0])


def image_of(array: NDArray[Any], header: Any) -> Any:
    """Return nibabel's image of an array with a whole header, its kind of NIfTI included."""
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    return kind(array, None, header)


def label_table(path: Path) -> dict[int, str]:
    """Return the label table of a NIfTI file's header extension, value to name; empty if none.

    Connectome Workbench's form, which TotalSegmentator writes into its multi-label files. Only the
    header is unpacked.

    Raises:
        ReadError: Missing, damaged, or not NIfTI.
    """
    try:
        raw = read_bytes(path, _MOST_EXTENSION)
        head = gunzip(raw, _HEADER_BYTES)[0] if raw[:2] == GZIP else raw[:_HEADER_BYTES]
        end = min(int(_header(path, head)["vox_offset"]), _MOST_EXTENSION)
        data = gunzip(raw, end)[0] if raw[:2] == GZIP else raw[:end]
    except (OverflowError, ValueError) as error:
        raise ReadError(f"{path.name}: its header cannot be read") from error
    except IsalError as error:  # type: ignore[misc]  # its stub forgets the base class
        raise ReadError(f"{path.name}: is damaged gzip ({error}); copy it again") from error
    return names_in(data)


def names_in(data: bytes) -> dict[int, str]:
    """Return the label table in the bytes of header extensions, value to name; empty if none."""
    pairs = _LABEL.findall(data.decode("utf-8", errors="replace"))
    return {int(key): name.strip() for key, name in pairs if int(key) != 0}


def _parse(path: Path, data: bytes) -> Any:
    kind = nib.Nifti2Image if data[:4] in _NIFTI_2 else nib.Nifti1Image
    try:
        with _quiet():
            image = kind.from_bytes(data)
    except _NOT_NIFTI as error:
        raise ReadError(f"{path.name}: is not a NIfTI file, whatever its name says") from error
    to_millimetres(image.header)
    return image


def _unpack(path: Path) -> tuple[bytes, bool]:
    """Return the file's bytes, unpacked, and whether its header holds a voxel size.

    Never more is unpacked than the header announces.
    """
    with open_file(path) as file:
        head = read_from(path, file, FIRST_BYTES)
        if head[:2] != GZIP:
            header = _header(path, head)
            limit = _announced_bytes(path, header)
            most = min(limit + SLACK, stamp(path)[0])
            raw = head + read_from(path, file, max(most - len(head), 0))
            if len(raw) < limit:
                raise ReadError(f"{path.name}: ends before its last voxel; copy it again")
            return raw, has_spacing(header)
        try:
            header = _header(path, gunzip(head, _HEADER_BYTES)[0])
            limit = _announced_bytes(path, header)
            # packed bytes are fewer, but for what has no order at all and is cut into many members
            most = min(2 * limit + SLACK, stamp(path)[0])
            raw = head + read_from(path, file, max(most - len(head), 0))
            data, whole = gunzip(raw, limit + SLACK)
        except IsalError as error:  # type: ignore[misc]  # its stub forgets the base class
            raise ReadError(f"{path.name}: is damaged gzip ({error}); copy it again") from error
    # without its end the voxels may all be there, but nothing says that they are the right ones
    if not whole and len(data) < limit + SLACK:
        raise ReadError(f"{path.name}: truncated gzip, the file ends too early; copy it again")
    if len(data) < limit:
        raise ReadError(f"{path.name}: ends before its last voxel; copy it again")
    return data, has_spacing(header)


def _header(path: Path, head: bytes) -> Any:
    kind = nib.Nifti2Header if head[:4] in _NIFTI_2 else nib.Nifti1Header
    size = 540 if head[:4] in _NIFTI_2 else 348
    # unchecked: the check would mend what the limits below have to see
    header = kind(head[:size], check=False) if len(head) >= size else None
    if header is None or bytes(header["magic"])[:3] not in (b"n+1", b"n+2"):
        raise ReadError(f"{path.name}: is not a NIfTI file, whatever its name says")
    return header


def _announced_bytes(path: Path, header: Any) -> int:
    """Return the size of the unpacked file that the header announces, within limits."""
    n_bytes = voxel_bytes(path, header)
    first = float(header["vox_offset"])
    if not _FIRST_VOXEL[0] <= first <= _FIRST_VOXEL[1]:
        raise ReadError(f"{path.name}: header places voxels at byte {first:g}; write it again")
    return n_bytes + int(first)


def voxel_bytes(path: Path, header: Any) -> int:
    """Return how many bytes of voxels one of nibabel's headers announces.

    Raises:
        ReadError: It is no such header.
        ContentError: No voxels, more than 2**31 of them, or more than fit into memory.
    """
    try:
        shape = [int(n) for n in header.get_data_shape()]
        size = int(header.get_data_dtype().itemsize)
    except _NOT_NIFTI as error:
        raise ReadError(f"{path.name}: is not a NIfTI file, whatever its name says") from error
    n_voxels = math.prod(shape)
    if not shape or min(shape) < 1:
        raise ContentError(f"{path.name}: holds no voxels, shape {tuple(shape)}")
    if n_voxels > _MOST_VOXELS:
        raise ContentError(
            f"{path.name}: header announces {n_voxels} voxels; at most 2^31 are read"
        )
    require_memory(path.name, n_voxels, size)
    return n_voxels * size


def has_spacing(header: Any) -> bool:
    """Whether a voxel size was ever written; told before nibabel sets missing ones to 1."""
    if int(header["sform_code"]) != 0:
        return True
    sizes = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    if int(header["qform_code"]) != 0:
        return bool((sizes != 0).all())
    return not bool(np.isin(sizes, (0.0, 1.0)).all())


def shape_3d(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a shape of three axes; `ContentError` where there are more, longer than 1."""
    full = tuple(int(n) for n in shape)
    while len(full) > 3 and full[-1] == 1:
        full = full[:-1]
    if len(full) == 2:
        full = (*full, 1)
    if len(full) != 3:
        raise ContentError(
            f"{path.name}: {len(full)}D image of shape {full}; expected 3D, split it into volumes"
        )
    return full[0], full[1], full[2]


def require_geometry(path: Path, affine: NDArray[np.float64]) -> None:
    """Refuse the affine of a file where no body can have it.

    Raises:
        ContentError: It is not finite, or its axes have no length or lie in a plane.
    """
    if not usable_affine(affine):
        raise ContentError(f"{path.name}: its header gives no usable geometry; fix the affine")


def usable_affine(affine: NDArray[np.float64]) -> bool:
    """Whether an affine is finite, of lengths a body can have, and not flat."""
    if not (np.abs(affine) < _FARTHEST_MM).all():  # NaN fails this, too
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if lengths.min() < 1 / _FARTHEST_MM:
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths)) > _FLAT)


def is_believable(header: Any, affine: NDArray[np.float64]) -> bool:
    """Whether a header states an orientation, and not what programs write that know none."""
    if int(header["qform_code"]) != 0:
        return True
    axes = affine[:3, :3]
    upright = np.allclose(axes, np.diag(np.abs(np.diag(axes))))
    return not (upright and np.allclose(affine[:3, 3], 0))
