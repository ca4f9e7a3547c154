"""Labels written as DICOM SEG objects with coded terms, through highdicom.

Needs the extra `[dicom]`. A SEG object names the patient, the study and the images that it was
drawn on, so it is as private as they are.
"""

import io
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import OutputError
from segassay.extras import require
from segassay.files import filesystem
from segassay.images.formats.base import NewLabel, Segment
from segassay.images.formats.dicom import TO_RAS, files_of
from segassay.images.formats.dicom_header import EXTRA, as_read_error, holds_dicom, pydicom
from segassay.vocabulary.names import lookup

WRITES = (".dcm",)

_ANATOMY = ("123037004", "SCT", "Anatomical Structure")
_TISSUE = ("85756007", "SCT", "Tissue")
"""What Slicer, too, calls a segment of which nobody said what it is."""

_SIDES = {"Left": ("7771000", "SCT", "Left"), "Right": ("24028007", "SCT", "Right")}
_ARTIFICIAL_INTELLIGENCE = ("123110", "DCM", "Artificial Intelligence")
_LONGEST_NAME = 64
_SERIES_NUMBER = 900
_REFERENCES = ("ReferencedSeriesSequence", "StudiesContainingOtherReferencedInstancesSequence")


def write(label: NewLabel) -> bytes:
    """Return the bytes of a SEG object on the images that `like` names.

    Segments are numbered from 1, in order. One of a structure that the vocabulary knows has its
    SNOMED code and side; another one is "Tissue" with its name.

    Raises:
        OutputError: `like` is no DICOM, there is no structure, or highdicom cannot write it.
        MissingExtraError: highdicom or pydicom is not installed.
    """
    highdicom = require("highdicom", extra=EXTRA)
    if label.like is None or not holds_dicom(label.like):
        raise OutputError(f"{label.file_name}: DICOM SEG needs the DICOM images that it lies on")
    if not label.segments:
        raise OutputError(f"{label.file_name}: DICOM SEG needs a structure; this label has none")
    sources = _sources(label.like)
    is_stack = len(sources) == label.array.shape[2] and "NumberOfFrames" not in sources[0]
    pixels = _numbered(label)
    if not is_stack:  # frames of one object lie in any order: they are placed by the affine
        pixels = _volume(label, pixels, sources[0])
    try:
        seg = highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type="BINARY",
            segment_descriptions=[
                _description(segment, number, label.algorithm)
                for number, segment in enumerate(label.segments, start=1)
            ],
            series_instance_uid=highdicom.UID(),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="segassay",
            manufacturer_model_name="segassay",
            software_versions=version("segassay"),
            device_serial_number="0",
            omit_empty_frames=bool(label.array.any()),
        )
    except (ValueError, TypeError, AttributeError, KeyError, RuntimeError) as error:
        why = str(error).split("\n", 1)[0]
        raise OutputError(f"{label.file_name}: cannot be written as DICOM SEG ({why})") from error
    if "SegmentSequence" in sources[0]:
        _refer_as(seg, sources[0])
    stream = io.BytesIO()
    seg.save_as(stream)
    return stream.getvalue()


def _sources(like: Path) -> list[Any]:
    """Return the headers of the images in the order of their voxels, see `dicom.read_dicom`."""
    heads = []
    for file in files_of(like):
        with filesystem.open_file(file) as stream, as_read_error(file):
            heads.append(pydicom().dcmread(stream, stop_before_pixels=True))
    heads = [head for head in heads if "Rows" in head]
    if len(heads) > 1:
        heads = [head for head in heads if "SegmentSequence" not in head]
        along = np.array(heads[0].ImageOrientationPatient, dtype=float)
        normal = np.cross(along[:3], along[3:])
        heads.sort(key=lambda h: float(np.dot(np.array(h.ImagePositionPatient, float), normal)))
    return heads


def _numbered(label: NewLabel) -> NDArray[Any]:
    """Return segment numbers `(slice, row, column)`, or where they overlap masks, one behind."""
    kind = np.uint8 if len(label.segments) < 256 else np.uint16
    if label.array.ndim == 3:
        values = np.array([0, *(segment.value for segment in label.segments)])
        numbers = np.empty(label.array.shape[::-1], dtype=kind)
        for number, plane in zip(numbers, label.array.T, strict=True):
            number[:] = np.searchsorted(values, plane)
        return numbers
    masks = [(label.array[..., s.layer] == s.value).T for s in label.segments]
    return np.stack(masks, axis=-1).astype(np.uint8)


def _volume(label: NewLabel, pixels: NDArray[Any], source: Any) -> Any:
    highdicom = require("highdicom", extra=EXTRA)
    turned = (TO_RAS @ label.affine)[:, [2, 1, 0, 3]]
    channels = None
    if pixels.ndim == 4:
        channels = {"SegmentNumber": list(range(1, pixels.shape[-1] + 1))}
    return highdicom.Volume(
        pixels,
        turned,
        coordinate_system="PATIENT",
        frame_of_reference_uid=source.FrameOfReferenceUID,
        channels=channels,
    )


def _description(segment: Segment, number: int, algorithm: str) -> Any:
    highdicom = require("highdicom", extra=EXTRA)
    name = segment.name or f"label_{segment.value}"
    known = lookup(name)
    is_coded = known is not None and known.snomed_code != ""
    terms = (known.snomed_code, "SCT", known.snomed_meaning) if known and is_coded else _TISSUE
    identified = None
    if algorithm:
        family = highdicom.sr.CodedConcept(*_ARTIFICIAL_INTELLIGENCE)
        identified = highdicom.AlgorithmIdentificationSequence(
            algorithm, family, version("segassay")
        )
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:_LONGEST_NAME],
        segmented_property_category=highdicom.sr.CodedConcept(*(_ANATOMY if is_coded else _TISSUE)),
        segmented_property_type=highdicom.sr.CodedConcept(*terms),
        algorithm_type="AUTOMATIC" if algorithm else "MANUAL",
        algorithm_identification=identified,
    )
    side = None if known is None else _SIDES.get(known.snomed_modifier)
    if is_coded and side is not None:
        kind = described.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [highdicom.sr.CodedConcept(*side)]
    return described


def _refer_as(seg: Any, original: Any) -> None:
    """Let a SEG object that replaces another one refer to the same images."""
    for name in _REFERENCES:
        if name in seg:
            delattr(seg, name)
        if name in original:
            setattr(seg, name, original[name].value)
