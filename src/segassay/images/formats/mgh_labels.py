"""Labels written as FreeSurfer volumes."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader

from segassay.images.formats.base import NewLabel
from segassay.images.formats.mgh_and_analyze import MGH, mgh_header

_KINDS = (np.uint8, np.int16, np.int32, np.float32)
_LEVEL = 6


def write(label: NewLabel) -> bytes:
    """Return the bytes of a FreeSurfer volume; raises `OutputError` for values beyond 32 bits."""
    header = _header_of(label.kept)
    array = label.of_type(None if header is None else header.get_data_dtype(), _KINDS)
    image = nib.MGHImage(array.astype(array.dtype.newbyteorder(">")), label.affine, header)
    data: bytes = image.to_bytes()
    packed = label.file_name.lower().endswith((".mgz", ".gz"))
    return gzip.compress(data, _LEVEL, mtime=0) if packed else data


def _header_of(kept: Path | None) -> MGHHeader | None:
    return mgh_header(kept) if kept is not None and kept.name.lower().endswith(MGH) else None
