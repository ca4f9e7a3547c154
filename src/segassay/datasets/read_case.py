"""Reading one case: the only code that turns its files into an image and labels, whoever asks.

Every file is opened and decoded once, and its checksum is that of the bytes that passed. What is
wrong with a label file costs the labels in it, and is the same for everybody: an audit, a fit, a
training, and an evaluation, whose masks and golds are labels of their image with a source.
"""

import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from segassay.datasets.case import Case
from segassay.errors import CaseError, ContentError, ReadError
from segassay.files.filesystem import checksum
from segassay.files.read_once import ReadOnce
from segassay.geometry.grid import Grid, require_same_grid
from segassay.images.formats.dicom_header import is_series, series_files
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.formats.registry import file_of, header_facts
from segassay.images.io import LabelMap, read_image, read_label
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.volume import Volume

FRACTION = 1e-3
"""Values farther than this from a whole number are no label values."""

_MANY_FILES, _AT_ONCE = 4, 2
"""From so many label files on, and how many are then read ahead: each takes its whole size."""

FileKey = tuple[Path, tuple[Path, ...], tuple[int, ...]]
"""What is read together: a file, its further pieces, and the values that are ignored in them."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelFile:
    """One label file of a case, pieces included, with the labels that lie in it, at least one.

    `content` is an error where it cannot be read. `problem` tells why none of its labels can be
    used, `None` if they can. `header` is as stored, `None` for formats without one like NIfTI's.
    """

    refs: tuple[LabelRef, ...]
    content: LabelMap | CaseError
    problem: CaseError | None
    sha256: str
    header: HeaderFacts | None

    @property
    def usable(self) -> LabelMap:
        """What lies in the file; raises the `CaseError` for which it cannot be used."""
        if isinstance(self.content, CaseError):
            raise self.content
        if self.problem is not None:
            raise self.problem
        return self.content


@dataclass(frozen=True, slots=True, eq=False)
class CaseFiles:
    """One case in memory. Where reading failed there is the error instead of the content.

    Of the channels after the first only the grids are kept.
    """

    case: Case
    image: Volume | CaseError
    image_sha256: str
    image_header: HeaderFacts | None
    labels: tuple[LabelFile, ...]
    channels: dict[Path, Grid | CaseError] = field(default_factory=dict)

    def holding(self, refs: Collection[LabelRef]) -> Iterator[tuple[LabelFile, list[LabelRef]]]:
        """Go through the files that hold any of some labels, each with those it holds."""
        for file in self.labels:
            held = [ref for ref in file.refs if ref in refs]
            if held:
                yield file, held

    def sha256(self, ref: LabelRef) -> str:
        """Return the checksum of a label's file; of several pieces, that of their checksums."""
        return next(file.sha256 for file in self.labels if ref in file.refs)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCase:
    """An image with its usable labels, in the order of the case; empty ones are among them.

    `image.known` are the voxels that none of the label files ignores. `problems` tell why a label
    file cannot be used, one for each.
    """

    image: Volume
    labels: dict[LabelRef, LabelMap]
    problems: tuple[CaseError, ...]

    def masks(self) -> Iterator[tuple[LabelRef, Mask]]:
        """Take out every label's mask `(i, j, k)`, one at a time; none holds an unknown voxel."""
        for ref, labels in self.labels.items():
            yield ref, labels.mask(ref).known(self.image.known)


def read_case(
    case: Case, labels: Iterable[LabelRef] | None = None, *, channels: bool = True
) -> CaseFiles:
    """Read a case as it is; never raises for a bad file.

    Args:
        case: What to read.
        labels: Only these of its labels.
        channels: Whether further channels are read to their last voxel, one at a time, to see
            whether they can be.
    """
    passed = ReadOnce()
    with passed.watched():
        image = _image(case.images[0])
        about = file_sha256(case.images[0]), header_facts(case.images[0])
        refs = case.labels if labels is None else labels
        others = case.images[1:] if channels else ()
        files = tuple(label_files(refs, image, passed))
        return CaseFiles(case, image, *about, files, {path: _grid(path) for path in others})


def read_labelled_case(case: Case) -> LabelledCase:
    """Read the image of a case, its first channel, and the labels that can be used.

    Raises:
        CaseError: The image cannot be read.
    """
    files = read_case(case, channels=False)
    image = files.image
    if isinstance(image, CaseError):
        raise image
    found: dict[LabelRef, LabelMap] = {}
    for file in files.labels:
        if file.problem is None:
            image = image.knowing(file.usable.known)
            found.update(dict.fromkeys(file.refs, file.usable))
    problems = tuple(file.problem for file in files.labels if file.problem is not None)
    return LabelledCase(image, {ref: found[ref] for ref in case.labels if ref in found}, problems)


def unusable_case(case: Case, error: CaseError) -> CaseFiles:
    """Return a case of which nothing can be used, for the given reason."""
    files = tuple(label_files(case.labels, error))
    return CaseFiles(case, error, file_sha256(case.images[0]), None, files)


def file_key(ref: LabelRef) -> FileKey:
    """Return by what a label's file is known: labels of one key are read together."""
    return ref.path, ref.pieces, ref.ignore


def label_files(
    refs: Iterable[LabelRef], image: Volume | CaseError, passed: ReadOnce | None = None
) -> Iterator[LabelFile]:
    """Read the files of labels of one image in the order of their first labels, each once.

    Two are read ahead of who takes them, so never more than three are in memory that nobody asked
    for yet. Nothing is decoded beside an image that cannot be read.
    """
    passed = passed or ReadOnce()
    groups: dict[FileKey, list[LabelRef]] = {}
    for ref in refs:
        groups.setdefault(file_key(ref), []).append(ref)
    one_by_one = len({file_of(path) for path, _, _ in groups}) < _MANY_FILES  # parts share a file
    if one_by_one or isinstance(image, CaseError):
        yield from (_label_file(own, image, passed) for own in groups.values())
        return
    pool = ThreadPoolExecutor(_AT_ONCE)  # unpacking leaves the other threads free
    coming: deque[Future[LabelFile]] = deque()
    try:
        for own in groups.values():
            coming.append(pool.submit(_label_file, own, image, passed))
            if len(coming) > _AT_ONCE:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def file_sha256(path: Path) -> str:
    """Return the checksum of a file, empty if it cannot be read."""
    if is_series(path):
        every = ",".join(map(file_sha256, series_files(path)))
        return hashlib.sha256(every.encode()).hexdigest()
    try:
        return checksum(path)
    except ReadError:
        return ""


def _label_file(refs: list[LabelRef], image: Volume | CaseError, passed: ReadOnce) -> LabelFile:
    first = refs[0]
    with passed.watched():
        content = image if isinstance(image, CaseError) else _label(first, image)
        problem = _problem(content, first, image)
        header = header_facts(first.path)
        return LabelFile(tuple(refs), content, problem, _sha256(first), header)


def _grid(path: Path) -> Grid | CaseError:
    image = _image(path)
    return image.grid if isinstance(image, Volume) else image


def _image(path: Path) -> Volume | CaseError:
    try:
        return read_image(path)
    except CaseError as error:
        return error


def _label(ref: LabelRef, image: Volume) -> LabelMap | CaseError:
    try:
        return read_label(ref, image)
    except CaseError as error:
        return error


def _problem(
    content: LabelMap | CaseError, ref: LabelRef, image: Volume | CaseError
) -> CaseError | None:
    """Say why a label file cannot be used: not read, off the image's voxels, or fractions."""
    if isinstance(content, CaseError):
        return content
    if isinstance(image, CaseError):
        return image
    try:
        require_same_grid(content.grid, image.grid, ref.path.name)
    except CaseError as error:
        return error
    if content.max_fraction > FRACTION:
        return ContentError(
            f"{ref.path.name}: values up to {content.max_fraction:.2g} off a whole number; "
            "threshold soft masks first"
        )
    return None


def _sha256(ref: LabelRef) -> str:
    """Return the checksum of a label's file; of several pieces, that of their checksums."""
    first = file_sha256(ref.path)
    if not ref.pieces:
        return first
    every = ",".join([first, *map(file_sha256, ref.pieces)])
    return hashlib.sha256(every.encode()).hexdigest()
