"""What DICOM files say of themselves, without their pixels.

Needs the extra `[dicom]`. Nothing of a header that tells who was imaged, where or when leaves this
module, but for `patient`, which readers compare and never write down.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from segassay.errors import ReadError, SegassayError
from segassay.extras import require
from segassay.files import filesystem
from segassay.files.quiet import Quiet
from segassay.images.formats.base import Part

SEGMENT = "segment-"
"""A path `seg.dcm/segment-3` names one segment of a SEG object: segments may overlap."""

SERIES = "series-"
"""A path `folder/series-2` names one series of a folder that holds several."""

EXTRA = "dicom"
_TAGS = (
    "SOPClassUID",
    "Modality",
    "SeriesInstanceUID",
    "PatientID",
    "Rows",
    "NumberOfFrames",
    "ImagePositionPatient",
    "SegmentSequence",
    "ReferencedSeriesSequence",
    "FrameOfReferenceUID",
    "SeriesDescription",
    "ContentCreatorName",
)

_quiet = Quiet(logging.getLogger("pydicom"))


@dataclass(frozen=True, slots=True)
class DicomFacts:
    """What a reader needs to know of a file to sort it; `segments` maps numbers to labels.

    `patient`, `series` and `frame` (of reference) serve to compare files, and are empty in many
    anonymised sets. `description` and `creator` tell the authors of labels apart.
    """

    modality: str
    series: str
    patient: str
    is_image: bool
    is_placed: bool
    segments: dict[int, str]
    of_series: tuple[str, ...]
    frame: str
    description: str
    creator: str


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do; reads 132 bytes, needs no extra."""
    try:
        return filesystem.is_file(path) and filesystem.read_bytes(path, 132)[128:] == b"DICM"
    except ReadError:
        return False


def dicom_facts(path: Path) -> DicomFacts:
    """Read the header of a DICOM file, not its pixels.

    Raises:
        ReadError: It is damaged, or no DICOM file.
        MissingExtraError: pydicom is not installed.
    """
    with filesystem.open_file(path) as file, as_read_error(path):
        head = pydicom().dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        found = head.get("SegmentSequence") or ()
        return DicomFacts(
            modality=str(head.get("Modality") or ""),
            series=str(head.get("SeriesInstanceUID") or ""),
            patient=str(head.get("PatientID") or ""),
            is_image="Rows" in head and not found,
            is_placed="ImagePositionPatient" in head or int(head.get("NumberOfFrames") or 1) > 1,
            segments={
                int(s.SegmentNumber): str(s.get("SegmentLabel", ""))
                for s in found
                if int(s.SegmentNumber) != 0  # the background of a label map
            },
            of_series=tuple(
                str(s.get("SeriesInstanceUID", ""))
                for s in head.get("ReferencedSeriesSequence") or ()
            ),
            frame=str(head.get("FrameOfReferenceUID") or ""),
            description=str(head.get("SeriesDescription") or ""),
            creator=str(head.get("ContentCreatorName") or ""),
        )


def holds_dicom(path: Path) -> bool:
    """Whether a path names a DICOM file, a folder or series of them, or a segment."""
    is_whole = is_part(path) or is_dicom(path) or filesystem.is_dir(path)
    return is_whole or (is_series(path) and filesystem.is_dir(path.parent))


def segments(path: Path) -> tuple[Part, ...]:
    """Return the segments of a SEG object; none for other files.

    Raises:
        ReadError: Damaged.
        MissingExtraError: pydicom is not installed.
    """
    names = segment_names(path)
    return tuple(Part(name, path / f"{SEGMENT}{number}", 1) for number, name in names.items())


def segment_names(path: Path) -> dict[int, str]:
    """Return the names of a SEG object's segments by their numbers; errors as `segments`."""
    return dicom_facts(path).segments if filesystem.is_file(path) else {}


def is_part(path: Path) -> bool:
    """Whether a path names a segment within a SEG object."""
    return path.name.startswith(SEGMENT) and filesystem.is_file(path.parent)


def is_series(path: Path) -> bool:
    """Whether a path names one series of a folder that holds several."""
    number = path.name.removeprefix(SERIES)
    return number.isdecimal() and number != path.name and not filesystem.exists(path)


def series_files(path: Path) -> tuple[Path, ...]:
    """Return the files of the series that a path names; none if there is no such series.

    Raises:
        MissingExtraError: pydicom is not installed.
    """
    every = _series_in(path.parent, filesystem.stamp(path.parent))
    number = int(path.name.removeprefix(SERIES))
    return every[number - 1] if 0 < number <= len(every) else ()


@lru_cache(maxsize=4)
def _series_in(folder: Path, _stamp: tuple[int, int]) -> tuple[tuple[Path, ...], ...]:
    """Return the image files of a folder by series, in the order of their first files' names.

    Kept, since the series of a folder are read one after the other.
    """
    found: dict[str, list[Path]] = {}
    for path in filesystem.children(folder):
        if filesystem.is_system(path) or not is_dicom(path):
            continue
        try:
            facts = dicom_facts(path)
        except ReadError:
            continue  # told where the data set is listed
        if facts.is_image and facts.is_placed:
            found.setdefault(facts.series, []).append(path)
    return tuple(map(tuple, found.values()))


def pydicom() -> Any:
    """Return the library; raises `MissingExtraError` where it is not installed."""
    return require("pydicom", extra=EXTRA)


def require_decoder(path: Path, data: Any) -> None:
    """Refuse a file whose compression no installed decoder reads, and name the one that does.

    Raises:
        ReadError: There is none here, or none at all.
    """
    syntax = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is None or not syntax.is_encapsulated:
        return
    try:
        is_available = require("pydicom.pixels", extra=EXTRA).get_decoder(syntax).is_available
    except NotImplementedError as error:
        raise ReadError(f"{path.name}: stored as {syntax.name}; export it uncompressed") from error
    if not is_available:
        packages = "pylibjpeg pylibjpeg-openjpeg" if "JPEG 2000" in syntax.name else "python-gdcm"
        raise ReadError(f"{path.name}: stored as {syntax.name}; run: pip install {packages}")


@contextmanager
def as_read_error(path: Path) -> Iterator[None]:
    """Turn whatever the libraries raise on a bad file into `ReadError`, and keep them silent."""
    with _quiet():
        try:
            yield
        except (SegassayError, MemoryError):
            raise
        except Exception as error:
            why = str(error).split("\n", 1)[0] or type(error).__name__
            raise ReadError(f"{path.name}: not usable as DICOM ({why})") from error
