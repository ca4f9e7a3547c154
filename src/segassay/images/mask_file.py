"""Writing a mask as a file that lies on the grid of another one, voxel by voxel."""

import gzip
import io
import math
from pathlib import Path

import nibabel as nib
import nibabel.orientations as nbo
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.files.atomic import write_whole
from segassay.geometry.grid import Grid
from segassay.images.formats import raster
from segassay.images.formats.nifti_header import HeaderFacts, header_facts
from segassay.images.slicing import as_planes

_RAS = np.array([[0, 1], [1, 1], [2, 1]], dtype=np.float64)
_COMPRESSION = 6
_KNOWN = 1
"""NIfTI's code for coordinates of a scanner; what the other codes mean is not ours to say."""


def write_mask(mask: NDArray[np.bool_], grid: Grid, like: Path, stem: Path) -> Path:
    """Write a mask, 0 and 1, the way the file `like` is stored: axes, order and header.

    A picture gives a PNG with 0 and 255. A NIfTI file gives NIfTI with its coordinate systems; of
    any other format the mask keeps its own order, on the same place. Equal masks give equal bytes.

    Args:
        mask: Voxels `(i, j, k)` in RAS+ order, as `images.io` reads them.
        grid: Their grid.
        like: File of the same shape and place.
        stem: Path to write to, without an ending.

    Returns:
        The file's path.

    Raises:
        OSError: The folder cannot be written.
    """
    if like.name.lower().endswith(raster.SUFFIXES):
        path, content = stem.with_name(f"{stem.name}.png"), _png(mask)
    else:
        path, content = stem.with_name(f"{stem.name}.nii.gz"), _nifti(mask, grid, like)
    write_whole(path, content)
    return path


def _png(mask: NDArray[np.bool_]) -> bytes:
    picture = np.ascontiguousarray(as_planes(mask, 2)[0]).astype(np.uint8) * 255
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=False)
    return buffer.getvalue()


def _nifti(mask: NDArray[np.bool_], grid: Grid, like: Path) -> bytes:
    facts = header_facts(like)
    fits = facts is not None and math.prod(facts.shape) == mask.size
    image = _stored_like(mask, facts) if facts is not None and fits else _stored_as_is(mask, grid)
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), compresslevel=_COMPRESSION, mtime=0)


def _stored_like(mask: NDArray[np.bool_], facts: HeaderFacts) -> nib.Nifti1Image:
    turn = nbo.ornt_transform(_RAS, nbo.io_orientation(facts.affine))
    stored = nbo.apply_orientation(mask.astype(np.uint8), turn).reshape(facts.shape)
    image = nib.Nifti1Image(stored, None)
    sizes = np.linalg.norm(facts.affine[:3, :3], axis=0)
    image.header.set_zooms([*sizes, *[1.0] * max(stored.ndim - 3, 0)][: stored.ndim])
    image.set_sform(facts.sform, code=0 if facts.sform is None else _KNOWN)
    image.set_qform(facts.qform, code=0 if facts.qform is None else _KNOWN)
    return image


def _stored_as_is(mask: NDArray[np.bool_], grid: Grid) -> nib.Nifti1Image:
    image = nib.Nifti1Image(mask.astype(np.uint8), grid.affine)
    image.set_sform(grid.affine, code=_KNOWN)
    return image
