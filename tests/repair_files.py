"""Label files stored wrongly, one way each, for the tests of repairs."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def save(path: Path, array: Array, sform: Array | None, qform: Array | None) -> Path:
    """Write a NIfTI file with the given forms; `None` leaves a form unstated."""
    image = nib.Nifti1Image(array, np.eye(4))
    image.header.set_data_dtype(array.dtype)
    image.set_sform(sform, code=int(sform is not None))
    image.set_qform(qform, code=int(qform is not None))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def moved(affine: Array, mm: float) -> Array:
    """The affine with its origin moved along x."""
    shifted = affine.copy()
    shifted[0, 3] += mm
    return shifted


def with_scale(path: Path, slope: float) -> Path:
    """Write a slope into an unpacked NIfTI file's bytes; nibabel would choose another."""
    raw = bytearray(path.read_bytes())
    raw[112:116] = np.float32(slope).tobytes()
    path.write_bytes(bytes(raw))
    return path
