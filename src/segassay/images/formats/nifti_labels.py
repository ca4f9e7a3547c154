"""Labels written as NIfTI: with the header, label table and type of the file they replace."""

import gzip
import re
from copy import deepcopy
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from segassay.errors import ContentError, ReadError
from segassay.images.formats import nifti
from segassay.images.formats.base import NewLabel
from segassay.images.formats.nifti_header import facts_of, read_header
from segassay.images.formats.stored_label import StoredLabel

_LEVEL = 6
_SCANNER = 1
"""NIfTI's code for coordinates of a scanner; what the other codes mean is not ours to say."""

_KINDS = (np.uint8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64)
_TABLE_CODE = 0
"""Code of the header extension with the label table, as TotalSegmentator writes it."""

_UNSAFE = re.compile(r"[\[\]<>\x00-\x1f]")


def read_stored(path: Path) -> StoredLabel:
    """Read a label file as stored.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
        ContentError: Voxels that are no numbers.
    """
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


def encode(label: StoredLabel, name: str) -> bytes:
    """Return the bytes of a file called `name`; the same label gives the same bytes."""
    data: bytes = nifti.image_of(label.array, label.header).to_bytes()
    return gzip.compress(data, _LEVEL, mtime=0) if name.lower().endswith(".gz") else data


def write(label: NewLabel) -> bytes:
    """Return the bytes of a NIfTI file; raises `OutputError` where no type holds the values."""
    kept = _nifti(label.kept)
    header = _fresh_header(label) if kept is None else nifti.stored_nifti(kept).header.copy()
    array = label.of_type(np.uint8 if kept is None else header.get_data_dtype(), _KINDS)
    shape = header.get_data_shape()
    array = array.reshape(shape) if len(shape) != array.ndim else array
    if label.names and _table_of(header) != label.names:
        _set_table(header, label.names)
    return encode(StoredLabel(label.file_name, array, header).with_array(array), label.file_name)


def _nifti(path: Path | None) -> Path | None:
    return path if path is not None and path.name.lower().endswith(nifti.SUFFIXES) else None


def _fresh_header(label: NewLabel) -> Any:
    """Return a header that says where voxels lie, in the words of the file beside it."""
    large = max(label.array.shape) >= 2**15
    header = nib.Nifti2Header() if large else nib.Nifti1Header()
    header.set_xyzt_units("mm")
    header.set_data_shape(label.array.shape)
    like = _nifti(label.like)
    facts = None if like is None else read_header(like)
    if facts is None:
        header.set_qform(label.affine, code=_SCANNER)
        header.set_sform(label.affine, code=_SCANNER)
        return header
    header.set_data_shape(facts.shape)
    sizes = np.linalg.norm(facts.affine[:3, :3], axis=0)
    header.set_zooms([*sizes, *[1.0] * len(facts.shape)][: len(facts.shape)])
    header.set_sform(facts.sform, code=0 if facts.sform is None else _SCANNER)
    header.set_qform(facts.qform, code=0 if facts.qform is None else _SCANNER)
    return header


def _table_of(header: Any) -> dict[int, str]:
    return nifti.names_in(b"".join(bytes(e.get_content()) for e in header.extensions))


def _set_table(header: Any, names: dict[int, str]) -> None:
    """Put Connectome Workbench's label table into the header, in place of one that is there."""
    others = [e for e in header.extensions if not nifti.names_in(bytes(e.get_content()))]
    rows = "".join(
        f'<Label Key={quoteattr(str(value))} Red="1" Green="1" Blue="1" Alpha="1">'
        f"<![CDATA[{_UNSAFE.sub(' ', name)[:200]}]]></Label>"
        for value, name in sorted(names.items())
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><CaretExtension><VolumeInformation Index="0">'
        f"<LabelTable>{rows}</LabelTable><VolumeType><![CDATA[Label]]></VolumeType>"
        "</VolumeInformation></CaretExtension>"
    )
    others.append(nib.nifti1.Nifti1Extension(_TABLE_CODE, text.encode()))
    header.extensions.clear()
    header.extensions.extend(others)
    header["vox_offset"] = 0  # nibabel then makes room for what is in front
