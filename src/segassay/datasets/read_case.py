"""Reading one case with everything that belongs to it; a file that fails spoils only its labels."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from segassay.datasets.case import Case
from segassay.errors import CaseError, ReadError
from segassay.files.filesystem import checksum
from segassay.geometry.grid import Grid
from segassay.images.formats.dicom_header import is_series, series_files
from segassay.images.io import LabelMap, read_image, read_label
from segassay.images.label_ref import LabelRef
from segassay.images.volume import Volume

_MANY_FILES, _AT_ONCE = 4, 2
"""From so many label files on, and how many are then read at once: each takes its whole size."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseFiles:
    """One case in memory. Where reading failed there is the error instead of the content.

    Of the channels after the first only the grids are kept.
    """

    case: Case
    image: Volume | CaseError
    image_sha256: str
    labels: dict[Path, LabelMap | CaseError]
    label_sha256: dict[Path, str]
    channels: dict[Path, Grid | CaseError] = field(default_factory=dict)


def read_case(case: Case) -> CaseFiles:
    """Read image and label files, each file once; never raises for a bad file.

    Further channels are read to their last voxel, one at a time, to see whether they can be.
    """
    image, labels = read_files(case, case.labels)
    first = {ref.path: ref for ref in reversed(case.labels)}
    return CaseFiles(
        case=case,
        image=image,
        image_sha256=file_sha256(case.images[0]),
        labels=labels,
        label_sha256={path: _sha256(ref) for path, ref in first.items()},
        channels={path: _grid(path) for path in case.images[1:]},
    )


def read_files(
    case: Case, labels: Iterable[LabelRef]
) -> tuple[Volume | CaseError, dict[Path, LabelMap | CaseError]]:
    """Read the image of a case and the files of some of its labels, two files at once."""
    image = _image(case.images[0])
    onto = image if isinstance(image, Volume) else None
    first = {ref.path: ref for ref in reversed(tuple(labels))}
    if len(first) < _MANY_FILES:
        return image, {path: _label(ref, onto) for path, ref in first.items()}
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # unpacking leaves the other threads free
        found = pool.map(lambda ref: _label(ref, onto), first.values())
        return image, dict(zip(first, found, strict=True))


def unusable_case(case: Case, error: CaseError) -> CaseFiles:
    """Return a case of which nothing can be used, for the given reason."""
    first = {ref.path: ref for ref in reversed(case.labels)}
    return CaseFiles(
        case=case,
        image=error,
        image_sha256=file_sha256(case.images[0]),
        labels=dict.fromkeys(first, error),
        label_sha256={path: _sha256(ref) for path, ref in first.items()},
    )


def file_sha256(path: Path) -> str:
    """Return the checksum of a file, empty if it cannot be read."""
    if is_series(path):
        every = ",".join(map(file_sha256, series_files(path)))
        return hashlib.sha256(every.encode()).hexdigest()
    try:
        return checksum(path)
    except ReadError:
        return ""


def _grid(path: Path) -> Grid | CaseError:
    image = _image(path)
    return image.grid if isinstance(image, Volume) else image


def _image(path: Path) -> Volume | CaseError:
    try:
        return read_image(path)
    except CaseError as error:
        return error


def _label(ref: LabelRef, image: Volume | None) -> LabelMap | CaseError:
    try:
        return read_label(ref, image)
    except CaseError as error:
        return error


def _sha256(ref: LabelRef) -> str:
    """Return the checksum of a label's file; of several pieces, that of their checksums."""
    first = file_sha256(ref.path)
    if not ref.pieces:
        return first
    every = ",".join([first, *map(file_sha256, ref.pieces)])
    return hashlib.sha256(every.encode()).hexdigest()
