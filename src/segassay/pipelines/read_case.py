"""Reading one case with everything that belongs to it; a file that fails spoils only its labels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from segassay.data.case import Case
from segassay.data.io import LabelMap, read_image, read_labels
from segassay.data.volume import Volume
from segassay.errors import CaseError


@dataclass(frozen=True, slots=True, eq=False)
class CaseFiles:
    """One case in memory. Where reading failed there is the error instead of the content."""

    case: Case
    image: Volume | CaseError
    image_sha256: str
    labels: dict[Path, LabelMap | CaseError]
    label_sha256: dict[Path, str]


def read_case(case: Case) -> CaseFiles:
    """Read image and label files, each file once; never raises for a bad file."""
    paths = tuple(dict.fromkeys(ref.path for ref in case.labels))
    return CaseFiles(
        case=case,
        image=_image(case.images[0]),
        image_sha256=file_sha256(case.images[0]),
        labels={path: _labels(path) for path in paths},
        label_sha256={path: file_sha256(path) for path in paths},
    )


def unusable_case(case: Case, error: CaseError) -> CaseFiles:
    """Return a case of which nothing can be used, for the given reason."""
    paths = tuple(dict.fromkeys(ref.path for ref in case.labels))
    return CaseFiles(
        case=case,
        image=error,
        image_sha256=file_sha256(case.images[0]),
        labels=dict.fromkeys(paths, error),
        label_sha256={path: file_sha256(path) for path in paths},
    )


def file_sha256(path: Path) -> str:
    """Return the checksum of a file, empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _image(path: Path) -> Volume | CaseError:
    try:
        return read_image(path)
    except CaseError as error:
        return error


def _labels(path: Path) -> LabelMap | CaseError:
    try:
        return read_labels(path)
    except CaseError as error:
        return error
