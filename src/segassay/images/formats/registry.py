"""All file formats, one row each: whoever asks what a file is, asks here."""

from pathlib import Path

from segassay.errors import OutputError, ReadError
from segassay.images.formats import (
    dicom,
    dicom_header,
    dicom_labels,
    itk,
    itk_labels,
    mgh_and_analyze,
    mgh_labels,
    nifti,
    nifti_header,
    nifti_labels,
    npz,
    raster,
    raster_labels,
)
from segassay.images.formats.base import Format, Part, Writer
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.formats.stored_label import StoredLabel


def _picture(name: str, *suffixes: str) -> Format:
    """Return the row of pictures that give back what was put in."""
    return Format(
        name=name,
        suffixes=suffixes,
        read=raster.read_image,
        read_label=raster.read_label,
        is_picture=True,
        writes=suffixes,
        write=raster_labels.write,
        read_stored=raster_labels.read_stored,
        encode=raster_labels.encode,
    )


def _picture_to_read(name: str, *suffixes: str, is_lossy: bool) -> Format:
    return Format(
        name=name,
        suffixes=suffixes,
        read=raster.read_image,
        read_label=raster.read_label,
        is_picture=True,
        is_lossy=is_lossy,
    )


FORMATS: tuple[Format, ...] = (
    Format(
        name="NIfTI",
        suffixes=nifti.SUFFIXES,
        read=nifti.read_nifti,
        header=nifti_header.read_header,
        names=nifti.label_table,
        writes=nifti.SUFFIXES,
        write=nifti_labels.write,
        read_stored=nifti_labels.read_stored,
        encode=nifti_labels.encode,
    ),
    Format(
        name="FreeSurfer",
        suffixes=mgh_and_analyze.MGH,
        read=mgh_and_analyze.read_mgh,
        often_unoriented=True,
        writes=mgh_and_analyze.MGH,
        write=mgh_labels.write,
    ),
    Format(
        name="NIfTI pair or Analyze",
        suffixes=mgh_and_analyze.PAIRS,
        read=mgh_and_analyze.read_pair,
        belongs=mgh_and_analyze.is_header,
        often_unoriented=True,
    ),
    Format(
        name="Slicer segmentation",
        suffixes=(itk.SEGMENTATION,),
        read=itk.read_itk,
        holds=itk.is_layer,
        is_part=itk.is_layer,
        names=itk.segment_names,
        parts=itk.segments,
        is_cropped=lambda _: True,
        writes=(itk.SEGMENTATION,),
        write=itk_labels.write_segmentation,
        has_layers=True,
    ),
    Format(
        name="NRRD",
        suffixes=itk.NRRD,
        read=itk.read_itk,
        belongs=itk.is_data_of_header,
        writes=itk.NRRD,
        write=itk_labels.write,
    ),
    Format(
        name="MetaImage",
        suffixes=itk.METAIMAGE,
        read=itk.read_itk,
        writes=itk.METAIMAGE,
        write=itk_labels.write,
    ),
    _picture("PNG", ".png"),
    _picture_to_read("JPEG", ".jpg", ".jpeg", is_lossy=True),
    _picture("TIFF", ".tif", ".tiff"),
    _picture("BMP", ".bmp"),
    _picture_to_read("GIF", ".gif", is_lossy=False),
    Format(name="npz", suffixes=(), read=npz.read_npz, holds=npz.is_part, is_part=npz.is_part),
    Format(
        name="DICOM",
        suffixes=(),
        read=dicom.read_dicom,
        holds=dicom_header.holds_dicom,
        is_part=dicom_header.is_part,
        names=dicom_header.segment_names,
        parts=dicom_header.segments,
        is_cropped=dicom_header.is_part,
        writes=dicom_labels.WRITES,
        write=dicom_labels.write,
        has_layers=True,
    ),
)
"""The first row that fits a path is its format: endings first, then what the disk says."""

SUFFIXES = tuple(suffix for row in FORMATS for suffix in row.suffixes)
"""Endings of the files that can be read, longest first where one ends in another."""

VOLUMES = tuple(suffix for row in FORMATS if not row.is_picture for suffix in row.suffixes)
"""Endings of the files that hold volumes."""


def format_named(name: str) -> Format | None:
    """Return the format that a file's ending tells; `None` if it tells none."""
    lower = name.lower()
    return next((row for row in FORMATS if row.suffixes and lower.endswith(row.suffixes)), None)


def format_of(path: Path) -> Format | None:
    """Return the format of a file, a folder of slices, or a part within a file.

    `None` for what cannot be read. Looks at the disk where the ending does not tell.
    """
    return format_named(path.name) or next((row for row in FORMATS if row.holds(path)), None)


def writer_of(path: Path) -> tuple[Format, Writer]:
    """Return the format in which a label of this name is written, and what writes it.

    Raises:
        OutputError: There is none: the format would change values, or holds no labels.
    """
    lower = path.name.lower()
    for row in FORMATS:
        if row.write is not None and lower.endswith(row.writes):
            return row, row.write
    named = format_named(path.name)
    what = "unknown ending" if named is None else f"{named.name} cannot hold a label"
    every = ", ".join(suffix for row in FORMATS for suffix in row.writes)
    raise OutputError(f"{path.name}: {what}; labels are written as {every}")


def stem_of(path: Path) -> str:
    """Return the file name without its (double) ending: `a.b.nii.gz` gives `a.b`."""
    named = format_named(path.name)
    if named is None:
        return path.stem
    return path.name[: -next(len(s) for s in named.suffixes if path.name.lower().endswith(s))]


def is_readable(path: Path) -> bool:
    """Whether the ending is one that can be read; hidden and system files are not."""
    if path.name.startswith(".") or path.name.lower() == "thumbs.db":
        return False
    return format_named(path.name) is not None


def is_picture(path: Path) -> bool:
    """Whether the ending is a picture's."""
    named = format_named(path.name)
    return named is not None and named.is_picture


def belongs_to_another(path: Path) -> bool:
    """Whether a file is no volume but belongs to one beside it: its header, or its voxels."""
    return any(row.belongs(path) for row in FORMATS)


def file_of(path: Path) -> Path:
    """Return the file that a path leads to, or into: `seg.dcm` for `seg.dcm/segment-3`."""
    return path.parent if any(row.is_part(path) for row in FORMATS) else path


def header_facts(path: Path) -> HeaderFacts | None:
    """Read what a header says beyond one affine, not the voxels.

    `None` for formats that say no more, and for files whose header cannot be read: reading the
    voxels says why.
    """
    named = format_named(path.name)
    return None if named is None or named.header is None else named.header(path)


def label_names(path: Path) -> dict[int, str]:
    """Return the names that a label file gives its own values; empty if it names none.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
    """
    found = format_of(path)
    return {} if found is None else dict(found.names(path))


def parts_of(path: Path) -> tuple[Part, ...]:
    """Return the structures that a label file lists itself; none for most files.

    Raises:
        ReadError: Missing or damaged.
        MissingExtraError: A library that reads it is not installed.
    """
    found = format_of(path)
    return () if found is None else found.parts(path)


def is_rewritable(path: Path) -> bool:
    """Whether files of this ending can be repaired: read as stored, and written without a loss."""
    named = format_named(path.name)
    return named is not None and named.read_stored is not None and named.encode is not None


def read_stored(path: Path) -> StoredLabel:
    """Read a label file as stored, to be repaired.

    Raises:
        ReadError: Missing, damaged, not what its name says, or of a format that is not repaired.
        ContentError: A picture with colours or a palette, or voxels that are no numbers.
    """
    named = format_named(path.name)
    if named is None or named.read_stored is None:
        raise ReadError(f"{path.name}: not of a format that is repaired")
    return named.read_stored(path)


def encoded(label: StoredLabel, name: str) -> bytes:
    """Return the bytes of a repaired label file; the same label gives the same bytes.

    Raises:
        OutputError: A format that is not repaired.
    """
    named = format_named(name)
    if named is None or named.encode is None:
        raise OutputError(f"{name}: not of a format that is repaired")
    return named.encode(label, name)
