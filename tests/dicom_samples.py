"""DICOM series and SEG objects as scanners and annotation tools write them, without a patient."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
from pydicom.dataset import Dataset as Header
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS, N_SLICES = 5, 4, 6
PLACES_MM = [(-10.0, -20.0, 100.0 + 2.5 * n) for n in range(N_SLICES)]

Change = Callable[[int, Any], None]


def hounsfield(n: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Voxels that tell where they are: 100 per slice, 10 per row, 1 per column."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return np.asarray(100 * n + 10 * rows + columns - 500, dtype=np.int32)


def write_series(folder: Path, *, change: Change | None = None, series: str = "") -> Path:
    """Write a CT series whose files' names run against their places."""
    folder.mkdir(parents=True, exist_ok=True)
    series_id: UID = UID(series) if series else generate_uid()
    study, frame = generate_uid(), generate_uid()
    for n, place in enumerate(PLACES_MM):
        data = Header()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.SeriesInstanceUID, data.StudyInstanceUID = series_id, study
        data.FrameOfReferenceUID, data.Modality, data.PatientID = frame, "CT", "secret"
        data.PatientName = data.StudyID = data.AccessionNumber = data.PatientBirthDate = ""
        data.PatientSex = data.StudyDate = data.StudyTime = data.ReferringPhysicianName = ""
        data.Rows, data.Columns, data.SamplesPerPixel = ROWS, COLUMNS, 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 0
        data.ImagePositionPatient = list(place)
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [0.8, 0.5], 2.5
        data.RescaleSlope, data.RescaleIntercept = 2, -1024
        stored = (hounsfield(n) * 1 + 1024) // 2
        data.PixelData = stored.astype(np.uint16).tobytes()
        if change is not None:
            change(n, data)
        if "Rows" in data:
            data.save_as(folder / f"{N_SLICES - n}.dcm", enforce_file_format=True)
    return folder


def write_seg(path: Path, series: Path, masks: dict[str, Any], *, kind: str = "BINARY") -> Path:
    """Write masks `(slice, row, column)` as a SEG object of the series."""
    sources = [pydicom.dcmread(p) for p in series.iterdir()]
    sources.sort(key=lambda d: float(d.ImagePositionPatient[2]))
    described = [
        hd.seg.SegmentDescription(
            segment_number=n,
            segment_label=name,
            segmented_property_category=codes.cid7150.AnatomicalStructure,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for n, name in enumerate(masks, start=1)
    ]
    pixels = np.stack(list(masks.values()), axis=-1)
    hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels if kind == "BINARY" else pixels.astype(np.float32),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
    ).save_as(path)
    return path
