"""DICOM files: a series of slices as one volume, a single image, the segments of a SEG object.

Needs the extra `[dicom]`. Only what describes voxels and their place is used; nothing of a header
that tells who was imaged, where or when leaves this module.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ContentError, ReadError
from segassay.extras import require
from segassay.files import filesystem
from segassay.files.memory_limits import require_memory
from segassay.images.formats.base import StoredVoxels
from segassay.images.formats.dicom_frames import Frames, stacked
from segassay.images.formats.dicom_header import (
    EXTRA,
    SEGMENT,
    as_read_error,
    is_dicom,
    is_part,
    is_series,
    pydicom,
    require_decoder,
    series_files,
)
from segassay.images.formats.raster import PICTURE_AFFINE, luma

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM's axes run to the patient's left, back and head."""

_MOST_VOXELS = 2**31
_BYTES_EACH = 4
"""Of a stored value once it is rescaled."""

_SAME_DIRECTION = 1e-3
_GAP = 1.5
"""Steps longer than this many usual ones hide missing slices."""

_UNEVEN = 0.1
"""Share of a slice distance, or of a pixel sideways, by which a slice may lie off its place."""


def read_dicom(path: Path) -> StoredVoxels:
    """Read a series, a single image, or one segment of a SEG object.

    A series is a folder that holds no other, or a part of a folder. Stored values are rescaled
    (Hounsfield units in CT). A series whose gantry was tilted keeps its sheared grid, as it was
    scanned.

    Raises:
        ReadError: Missing, damaged, or compressed in a way no installed decoder reads.
        ContentError: Several series; slices missing, doubled or uneven; too many voxels.
        MissingExtraError: pydicom or highdicom is not installed.
    """
    if is_part(path):
        return _read_segment(path.parent, int(path.name.removeprefix(SEGMENT)))
    slices = [_read_slice(file) for file in files_of(path)]
    slices = [one for one in slices if "Rows" in one.data and "SegmentSequence" not in one.data]
    if not slices:
        raise ReadError(f"{path.name}: holds no DICOM image")
    if len(slices) == 1 and int(slices[0].data.get("NumberOfFrames") or 1) > 1:
        return _read_frames(slices[0])
    if len(slices) == 1 and "ImagePositionPatient" not in slices[0].data:
        return _read_picture(slices[0])
    return _stack(path, slices)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the DICOM files of a series, a folder of one, or a single file."""
    if filesystem.is_file(path):
        return (path,)
    if is_series(path):
        return series_files(path)
    return tuple(p for p in filesystem.children(path) if is_dicom(p))


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    path: Path
    data: Any


def _read_slice(path: Path) -> _Slice:
    content = filesystem.in_memory(path)
    with as_read_error(path):
        data = pydicom().dcmread(content)
    if not {"Rows", "Modality", "DirectoryRecordSequence"} & set(data.dir()):
        raise ReadError(
            f"{path.name}: not usable as DICOM (says nothing of what it is); copy again"
        )
    return _Slice(path, data)


def _stack(folder: Path, slices: Sequence[_Slice]) -> StoredVoxels:
    """Order slices along their normal and stack them."""
    _require_one(folder, "series", {str(s.data.get("SeriesInstanceUID", "")) for s in slices})
    _require_one(folder, "image sizes", {(int(s.data.Rows), int(s.data.Columns)) for s in slices})
    with as_read_error(folder):
        places = np.array([_floats(s.data.ImagePositionPatient) for s in slices])
        turns = np.array([_floats(s.data.ImageOrientationPatient) for s in slices])
        sizes = np.array([_floats(s.data.PixelSpacing) for s in slices])
    if np.abs(turns - turns[0]).max() > _SAME_DIRECTION:
        raise ContentError(f"{folder.name}: slices of several orientations; take scouts out")
    if np.abs(sizes - sizes[0]).max() > _SAME_DIRECTION * sizes[0].min():
        raise ContentError(f"{folder.name}: slices of several pixel sizes; keep one series")
    n_voxels = len(slices) * int(slices[0].data.Rows) * int(slices[0].data.Columns)
    if n_voxels > _MOST_VOXELS:
        raise ContentError(f"{folder.name}: {n_voxels} voxels; at most 2^31 are read")
    require_memory(folder.name, n_voxels, _BYTES_EACH)
    along_row, along_column = turns[0][:3], turns[0][3:]
    order = np.argsort(places @ np.cross(along_row, along_column), kind="stable")
    step = _step(folder, places[order], turns[0], sizes[0], slices[order[0]])
    affine = np.eye(4)
    affine[:3, 0] = along_row * sizes[0][1]
    affine[:3, 1] = along_column * sizes[0][0]
    affine[:3, 2], affine[:3, 3] = step, places[order[0]]
    array = _light_is_high(slices[0], np.stack([_pixels(slices[n]).T for n in order], axis=-1))
    return _voxels(folder, array, TO_RAS @ affine)


def _step(
    folder: Path,
    places: NDArray[np.float64],
    turn: NDArray[np.float64],
    sizes: NDArray[np.float64],
    first: _Slice,
) -> NDArray[np.float64]:
    """Return the way from slice to slice in mm, from ordered positions; refuse gaps and jumps."""
    normal = np.cross(turn[:3], turn[3:])
    if len(places) == 1:
        thick = first.data.get("SpacingBetweenSlices") or first.data.get("SliceThickness") or 1.0
        return np.asarray(normal * abs(float(thick)))
    steps = np.diff(places @ normal)
    usual = float(np.median(steps))
    if steps.min() < _UNEVEN * usual or usual <= 0:
        raise ContentError(
            f"{folder.name}: two slices at one place; keep one phase, echo or time of the series"
        )
    if steps.max() > _GAP * usual:
        n = int(steps.argmax())
        raise ContentError(
            f"{folder.name}: {steps[n]:g} mm between slices {n + 1} and {n + 2}, elsewhere "
            f"{usual:g} mm; slices are missing, copy the series again"
        )
    step = np.asarray((places[-1] - places[0]) / (len(places) - 1))
    off = places - places[0] - np.arange(len(places))[:, None] * step
    if np.abs(off @ normal).max() > _UNEVEN * usual:
        raise ContentError(
            f"{folder.name}: slices lie {steps.min():g} to {steps.max():g} mm apart; resample them "
            "to even distances"
        )
    aside = np.linalg.norm(off - np.outer(off @ normal, normal), axis=1).max()
    if aside > max(_UNEVEN * float(sizes.min()), 0.01):
        raise ContentError(f"{folder.name}: slices shift sideways, up to {aside:.3g} mm; resample")
    return step


def _pixels(one: _Slice) -> NDArray[np.float32]:
    """Return one image `(row, column)`, rescaled; colours become luma."""
    data = one.data
    require_decoder(one.path, data)
    with as_read_error(one.path):
        stored = data.pixel_array
        slope = float(data.get("RescaleSlope") or 1.0)
        shift = float(data.get("RescaleIntercept") or 0.0)
    if stored.ndim == 3 and stored.shape[-1] == 3:
        stored = luma(stored)
    if stored.ndim != 2:
        raise ContentError(
            f"{one.path.name}: image of shape {stored.shape}; expected rows, columns"
        )
    return np.asarray(stored, dtype=np.float32) * np.float32(slope) + np.float32(shift)


def _light_is_high(one: _Slice, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn the scale of an image, all its slices, round where high values are shown dark."""
    dark_is_high = one.data.get("PhotometricInterpretation") == "MONOCHROME1"
    return np.asarray(pixels.max() - pixels if dark_is_high else pixels, dtype=np.float32)


def _read_picture(one: _Slice) -> StoredVoxels:
    """Read an image without a place in the patient, as X-ray and ultrasound have them."""
    array = _light_is_high(one, _pixels(one)).T[..., None]
    sizes = one.data.get("PixelSpacing") or one.data.get("ImagerPixelSpacing")
    affine = PICTURE_AFFINE.copy()
    if sizes:
        rows, columns = _floats(sizes)
        affine = affine @ np.diag([columns, rows, 1.0, 1.0])
    kind = str(array.dtype)
    return StoredVoxels(array, affine, kind, believable=False, spacing_known=bool(sizes))


def _read_frames(one: _Slice) -> StoredVoxels:
    """Read an enhanced image of many frames."""
    highdicom = require("highdicom", extra=EXTRA)
    require_decoder(one.path, one.data)
    with _as_content_error(one.path, "frames that make no volume"):
        image = highdicom.Image.from_dataset(one.data, copy=False)
        try:
            volume = image.get_volume()
            array, affine = np.asarray(volume.array, np.float32), volume.affine
        except RuntimeError:  # no box: a tilted gantry gives a sheared one
            frames = Frames.of(image)
            array, affine = stacked(frames, np.asarray(image.get_frames(), np.float32))
    return _voxels(one.path, _light_is_high(one, array), TO_RAS @ affine)


def _read_segment(path: Path, number: int) -> StoredVoxels:
    segmentation = _segmentation(path, filesystem.stamp(path))
    with _as_content_error(path, f"segment {number} makes no volume"):
        try:
            volume = segmentation.get_volume(segment_numbers=[number])
            array, affine = np.asarray(volume.array)[..., 0], volume.affine
        except RuntimeError:  # drawn on a tilted gantry's series, it lies on a sheared grid
            array, affine = _sheared_segment(segmentation, number)
    whole = array if array.dtype.kind in "bui" else (array >= 0.5).astype(np.uint8)
    return _voxels(path, whole, TO_RAS @ affine)


def _sheared_segment(segmentation: Any, number: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    frames = Frames.of(segmentation)
    pixels = np.asarray(segmentation.pixel_array).reshape(-1, *frames.size)
    if str(segmentation.SegmentationType) == "LABELMAP":
        return stacked(frames, (pixels == number).astype(np.uint8))
    own = [n for n, of in enumerate(frames.segments) if of == number]
    most = float(segmentation.get("MaximumFractionalValue") or 1)
    return stacked(frames, (pixels >= 0.5 * most).astype(np.uint8), own)


@lru_cache(maxsize=1)
def _segmentation(path: Path, _stamp: tuple[int, int]) -> Any:
    """Open a SEG object; kept, since its segments are read one after the other."""
    highdicom = require("highdicom", extra=EXTRA)
    content = filesystem.in_memory(path)
    with as_read_error(path):
        data = highdicom.seg.segread(content)
    require_decoder(path, data)
    return data


def _voxels(path: Path, array: NDArray[Any], affine: NDArray[np.float64]) -> StoredVoxels:
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ContentError(f"{path.name}: its header gives no usable geometry; export it again")
    return StoredVoxels(array, affine, str(array.dtype), believable=True, spacing_known=True)


def _require_one(folder: Path, what: str, found: set[Any]) -> None:
    if len(found) > 1:
        raise ContentError(f"{folder.name}: {len(found)} {what} in one folder; keep one in each")


def _floats(values: Any) -> list[float]:
    numbers = [float(v) for v in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"not finite: {numbers}")
    return numbers


@contextmanager
def _as_content_error(path: Path, what: str) -> Iterator[None]:
    try:
        with as_read_error(path):
            yield
    except ReadError as error:
        raise ContentError(f"{path.name}: {what} ({error.__cause__})") from error
