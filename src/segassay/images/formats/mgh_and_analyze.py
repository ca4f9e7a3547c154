"""FreeSurfer's `.mgz`, and volumes whose header is a file of its own: NIfTI pairs and Analyze.

A pair is named by its voxels, `a.img`; its header `a.hdr` belongs to it. Limits are taken from
headers before any memory is, as for other NIfTI files.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.freesurfer.mghformat import MGHError, MGHHeader
from nibabel.nifti1 import Nifti1PairHeader
from nibabel.nifti2 import Nifti2PairHeader
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from segassay.errors import ContentError, ReadError
from segassay.files import filesystem
from segassay.files.gunzip import unpacked
from segassay.images.formats.base import StoredVoxels
from segassay.images.formats.nifti import (
    has_spacing,
    is_believable,
    require_geometry,
    shape_3d,
    voxel_bytes,
)
from segassay.images.formats.nifti_header import to_millimetres

MGH = (".mgz", ".mgh", ".mgh.gz")
PAIRS = (".img.gz", ".img")
SUFFIXES = (*MGH, *PAIRS)
"""Endings of the files that hold voxels."""

_BAD_HEADER = (MGHError, HeaderDataError, WrapStructError)
_HEADER_OF = {".img": ".hdr", ".img.gz": ".hdr.gz"}
_MGH_BYTES = 284
_GOOD_RAS = slice(28, 30)
"""Where the header says whether it states a place and orientation."""

_NIFTI_SIZES = {b"ni1": (Nifti1PairHeader, 348), b"ni2": (Nifti2PairHeader, 540)}


def is_header(path: Path) -> bool:
    """Whether a file is the header of a volume beside it (`a.hdr` of `a.img`)."""
    for ending in (".hdr.gz", ".hdr"):
        if path.name.lower().endswith(ending):
            stem = path.name[: -len(ending)]
            return any(filesystem.is_file(path.with_name(stem + voxels)) for voxels in PAIRS)
    return False


def read_mgh(path: Path) -> StoredVoxels:
    """Read a FreeSurfer volume.

    Raises:
        ReadError: Missing, truncated, or no such file.
        ContentError: Several frames, too large, or a geometry that cannot be.
    """
    with _as_read_error(path, "a FreeSurfer volume"):
        head = unpacked(path, _MGH_BYTES)
        header = MGHHeader(head, check=False)
        if int(header["version"]) != 1:
            raise ReadError(f"{path.name}: is not a FreeSurfer volume, whatever its name says")
        # where it is not set nibabel takes FreeSurfer's default, and forgets that it did
        states_place = int.from_bytes(head[_GOOD_RAS], "big") == 1
        n_bytes = voxel_bytes(path, header) + _MGH_BYTES
        data = _whole(path, n_bytes)
        shape = shape_3d(path, header.get_data_shape())
        kind = header.get_data_dtype()
        count = int(np.prod(shape))
        array = np.frombuffer(data, kind, count, _MGH_BYTES).reshape(shape, order="F")
    affine = np.asarray(header.get_affine(), dtype=np.float64)
    return _placed(path, array, affine, believable=states_place, known=states_place)


def mgh_header(path: Path) -> MGHHeader:
    """Return nibabel's header of a FreeSurfer volume; errors as `read_mgh`."""
    with _as_read_error(path, "a FreeSurfer volume"):
        return MGHHeader(unpacked(path, _MGH_BYTES), check=False)


def read_pair(path: Path) -> StoredVoxels:
    """Read the voxels of a NIfTI pair or an Analyze volume, given as `a.img`.

    Analyze files state no orientation: what they are taken for is not `believable`.

    Raises:
        ReadError: One of the two files is missing, truncated, or not what its name says.
        ContentError: 4D, coloured, too large, or a geometry that cannot be.
    """
    with _as_read_error(path, "a NIfTI pair or an Analyze volume"):
        header = _pair_header(path)
        is_nifti = isinstance(header, nib.Nifti1Header)
        is_known = has_spacing(header) if is_nifti else bool((header["pixdim"][1:4] > 0).all())
        if is_nifti:
            to_millimetres(header)
        first = float(header["vox_offset"])
        if not 0 <= first < 2**27:
            raise ReadError(f"{path.name}: header places voxels at byte {first:g}; write it again")
        data = _whole(path, voxel_bytes(path, header) + int(first))
        shape = shape_3d(path, header.get_data_shape())
        if header.get_data_dtype().names is not None or header.get_data_dtype().kind == "c":
            raise ContentError(f"{path.name}: voxels of several numbers; expected one for each")
        array = np.asanyarray(ArrayProxy(io.BytesIO(data), header)).reshape(shape)
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
        believable = is_nifti and is_believable(header, affine)
    return _placed(path, array, affine, believable=believable, known=is_known)


def _pair_header(path: Path) -> Any:
    ending = next(e for e in PAIRS if path.name.lower().endswith(e))
    stem = path.name[: -len(ending)]
    beside = [path.with_name(stem + e) for e in (_HEADER_OF[ending], ".hdr", ".hdr.gz")]
    place = next((p for p in beside if filesystem.is_file(p)), None)
    if place is None:
        raise ReadError(f"{path.name}: its header {stem}.hdr is not beside it; copy it there")
    head = unpacked(place, 540)
    for magic, (kind, size) in _NIFTI_SIZES.items():
        if magic in (head[344:347], head[4:7]) and len(head) >= size:
            return kind(head[:size], check=False)
    if len(head) < 348:
        raise ReadError(f"{place.name}: is not the header of a volume, whatever its name says")
    header = nib.Spm99AnalyzeHeader(head[:348], check=False)
    if int(header["sizeof_hdr"]) != 348:
        raise ReadError(f"{place.name}: is not the header of a volume, whatever its name says")
    header["pixdim"][1:4] = np.abs(header["pixdim"][1:4])
    header["pixdim"][1:4][header["pixdim"][1:4] == 0] = 1.0
    return header


def _whole(path: Path, n_bytes: int) -> bytes:
    data = unpacked(path, n_bytes, to_end=True)
    if len(data) < n_bytes:
        raise ReadError(f"{path.name}: ends before its last voxel; copy it again")
    return data


def _placed(
    path: Path, array: NDArray[Any], affine: NDArray[np.float64], *, believable: bool, known: bool
) -> StoredVoxels:
    require_geometry(path, affine)
    kind = str(array.dtype.newbyteorder("="))
    return StoredVoxels(array, affine, kind, believable=believable, spacing_known=known)


@contextmanager
def _as_read_error(path: Path, what: str) -> Iterator[None]:
    """Turn what nibabel raises on bytes that are no such file into one line."""
    try:
        yield
    except (*_BAD_HEADER, KeyError, ValueError, TypeError, OverflowError) as error:
        raise ReadError(f"{path.name}: is not {what}, whatever its name says") from error
