"""MedSAM's `.npz` files: image and labels as numpy arrays in one zip, `imgs`, `gts`, `spacing`.

Arrays are `(slice, row, column)`, or `(row, column)` with colours behind for a picture; `spacing`
is millimetres along x, y, z. They say nothing of left and right: `StoredVoxels.believable`.
"""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from segassay.errors import ContentError, DatasetError, ReadError, SegassayError
from segassay.files import filesystem
from segassay.files.memory_limits import require_memory
from segassay.files.zip_file import open_zip, open_zipped
from segassay.images.formats.base import StoredVoxels
from segassay.images.formats.raster import PICTURE_AFFINE, luma

SUFFIX = ".npz"
IMAGE = "imgs"
LABELS = "gts"
"""Paths `a.npz/imgs` and `a.npz/gts` name the two arrays of a file."""

_SPACING = "spacing"
_KINDS = "buif"
_MOST_VOXELS = 2**31
_HEADER_BYTES = 1 << 14


def is_part(path: Path) -> bool:
    """Whether a path names one of the arrays of an npz file."""
    return path.name in (IMAGE, LABELS) and path.parent.name.lower().endswith(SUFFIX)


def arrays_in(path: Path) -> frozenset[str]:
    """Return which of the two arrays an npz file holds; none if it cannot be read."""
    try:
        with _opened(path) as arrays:
            return frozenset((IMAGE, LABELS)) & {n.removesuffix(".npy") for n in arrays.namelist()}
    except ReadError:
        return frozenset()


def read_npz(path: Path) -> StoredVoxels:
    """Read one array, named as `a.npz/imgs`, into axes `(x, y, z)`.

    Raises:
        ReadError: Missing, damaged, or without such an array.
        ContentError: Not two or three axes, too large, or no plain numbers.
    """
    with _opened(path.parent) as arrays:
        array = _array(arrays, path.name, path.parent.name)
        sizes = _sizes(arrays, path.parent.name)
    if path.name == IMAGE and array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        array = luma(array)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise ContentError(f"{path.parent.name}: {path.name} is {array.ndim}D; expected 2D or 3D")
    affine = PICTURE_AFFINE @ np.diag([*(sizes or (1.0, 1.0, 1.0)), 1.0])
    dtype = str(array.dtype)
    return StoredVoxels(array.T, affine, dtype, believable=False, spacing_known=sizes is not None)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with filesystem.open_file(path) as file, open_zip(path, within=file) as arrays:
            yield arrays
    except DatasetError as error:
        raise ReadError(str(error)) from error
    except SegassayError:
        raise
    except Exception as error:  # of many kinds: zipfile, zlib, numpy's parser of headers
        why = str(error).split("\n", 1)[0]
        raise ReadError(f"{path.name}: is no npz file that can be read ({why})") from error


def _array(arrays: zipfile.ZipFile, name: str, file_name: str) -> NDArray[Any]:
    if f"{name}.npy" not in arrays.namelist():
        raise ReadError(f"{file_name}: holds no array {name!r}; expected {IMAGE} and {LABELS}")
    info = arrays.getinfo(f"{name}.npy")
    with open_zipped(arrays, info) as stream:
        _require_plain(stream, f"{file_name}: {name}")
        stream.seek(0)
        return np.asarray(npy.read_array(stream, allow_pickle=False))


def _require_plain(stream: IO[bytes], where: str) -> None:
    """Check the header before any memory is taken; objects would be unpickled, and are refused."""
    head = io.BytesIO(stream.read(_HEADER_BYTES))  # its length is read from the file, too
    version = npy.read_magic(head)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(head)
    n_voxels = int(np.prod(shape, dtype=float))
    if dtype.kind not in _KINDS:
        raise ContentError(f"{where} holds {dtype}; expected numbers")
    if n_voxels > _MOST_VOXELS or n_voxels < 1:
        raise ContentError(f"{where} has shape {shape}; expected 1 to 2^31 voxels")
    require_memory(where, n_voxels, dtype.itemsize)


def _sizes(arrays: zipfile.ZipFile, file_name: str) -> tuple[float, float, float] | None:
    """Return the voxel size along x, y, z; `None` where the file tells none that can be."""
    if f"{_SPACING}.npy" not in arrays.namelist():
        return None
    given = np.asarray(_array(arrays, _SPACING, file_name), dtype=float).ravel()
    if given.size not in (2, 3) or not (np.isfinite(given) & (given > 0)).all():
        return None
    x, y, z = (*given.tolist(), 1.0)[:3]
    return x, y, z
