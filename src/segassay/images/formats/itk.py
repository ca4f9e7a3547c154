"""NRRD and MetaImage files through SimpleITK, and Slicer's `.seg.nrrd` with its segments.

Needs the extra `[itk]`.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ContentError, ReadError
from segassay.extras import require
from segassay.files import filesystem
from segassay.files.memory_limits import require_memory
from segassay.images.formats.base import Part, StoredVoxels

SEGMENTATION = ".seg.nrrd"
NRRD = (".nrrd", ".nhdr")
METAIMAGE = (".mha", ".mhd")
LAYER = "layer-"
"""A path `x.seg.nrrd/layer-1` names one layer of a file whose segments overlap."""

_DETACHED = (".nhdr", ".mhd")
_VOXELS_OF = {".raw": _DETACHED, ".zraw": _DETACHED, ".gz": _DETACHED}
_DATA_FILE = re.compile(
    rb"ElementDataFile[^=:\r\n]*[=:][ \t]*([^\r\n]*)"
    rb"|(?:\A|[\r\n])[ \t]*data[ \t]?file[ \t]*:([^\r\n]*)",
    re.IGNORECASE,
)
"""MetaImage's word counts wherever it stands, whatever follows: the library ends words at a NUL."""

_DIMENSIONS = re.compile(rb"NDims[^=:\r\n]*[=:][ \t]*([^\r\n]*)", re.IGNORECASE)
_PLAIN = re.compile(rb"(?:\A|[\r\n])(?:encoding: *raw|CompressedData *= *False)", re.IGNORECASE)
_METAIMAGE, _NRRD = "MetaImageIO", "NrrdImageIO"
_FORMAT_OF = {".nrrd": _NRRD, ".nhdr": _NRRD, ".mha": _METAIMAGE, ".mhd": _METAIMAGE}
_NRRD_END = re.compile(rb"\n\r?\n|\r\r")
_HEADER_BYTES = 1 << 20
_MOST_VOXELS = 2**31
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's axes run to the patient's left, back and head."""


@dataclass(frozen=True, slots=True, eq=False)
class ItkHead:
    """What a file says before its voxels: numbers per voxel, their type, its own remarks."""

    n_numbers: int
    dtype: str
    about: dict[str, str]
    is_packed: bool


def read_head(path: Path) -> ItkHead:
    """Read what a NRRD or MetaImage file says before its voxels.

    Raises:
        ReadError: Missing or damaged.
        MissingExtraError: SimpleITK is not installed.
    """
    with _reader(path) as reader:
        about = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
        n_numbers = reader.GetNumberOfComponents()
        one = _sitk().Image([1, 1, 1], reader.GetPixelID(), max(n_numbers, 1))
    dtype = str(_sitk().GetArrayFromImage(one).dtype)
    plain = _PLAIN.search(filesystem.read_bytes(path, _HEADER_BYTES))
    return ItkHead(n_numbers, dtype, about, is_packed=plain is None)


def is_layer(path: Path) -> bool:
    """Whether a path names a layer within a Slicer file."""
    return path.name.startswith(LAYER) and path.parent.name.lower().endswith(SEGMENTATION)


def is_data_of_header(path: Path) -> bool:
    """Whether a file holds the voxels of a header file beside it (`x.raw` of `x.mhd`)."""
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    headers = _VOXELS_OF.get(path.suffix.lower(), ())
    return any(filesystem.is_file(path.with_name(stem + ending)) for ending in headers)


def read_itk(path: Path) -> StoredVoxels:
    """Read a NRRD or MetaImage volume or picture, or one layer of a Slicer file.

    Raises:
        ReadError: Missing, damaged, or its voxels lie in a file elsewhere.
        ContentError: 4D, several numbers per voxel, axes not at right angles, or too large.
        MissingExtraError: SimpleITK is not installed.
    """
    layer = int(path.name.removeprefix(LAYER)) if is_layer(path) else None
    path = path if layer is None else path.parent
    with _reader(path) as reader:
        size, n_numbers = reader.GetSize(), reader.GetNumberOfComponents()
        n_voxels = int(np.prod(size, dtype=float)) * n_numbers
        if n_voxels > _MOST_VOXELS:
            raise ContentError(f"{path.name}: {n_voxels} voxels; at most 2^31 are read")
        one = _sitk().Image([1] * len(size), reader.GetPixelID(), max(n_numbers, 1))
        require_memory(path.name, n_voxels, one.GetSizeOfPixelComponent())
        if (n_numbers > 1) != (layer is not None) or not 2 <= len(size) <= 3:
            shape = (*size, n_numbers) if n_numbers > 1 else size
            raise ContentError(
                f"{path.name}: holds {shape}; expected a volume of one number per voxel"
            )
        image = reader.Execute()
    array = _sitk().GetArrayFromImage(image)
    if layer is not None:
        array = array[..., layer] if layer < n_numbers else np.zeros_like(array[..., 0])
    array = np.asarray(array).T
    array = array[..., None] if array.ndim == 2 else array
    return _placed(path, array, image)


def segments(path: Path) -> tuple[Part, ...]:
    """Return the segments that a Slicer file names; none for other files.

    Raises:
        ReadError: Missing or damaged.
        MissingExtraError: SimpleITK is not installed.
    """
    if not path.name.lower().endswith(SEGMENTATION):
        return ()
    head = read_head(path)
    has_layers, about = head.n_numbers > 1, head.about
    found = []
    for number in range(len(about)):
        name = about.get(f"Segment{number}_Name")
        if name is None:
            break
        layer = about.get(f"Segment{number}_Layer", str(number))
        value = about.get(f"Segment{number}_LabelValue", "1")
        if not (layer.isdecimal() and value.isdecimal()):
            raise ReadError(f"{path.name}: segment {name!r} has layer {layer!r}, value {value!r}")
        where = path / f"{LAYER}{layer}" if has_layers else path
        found.append(Part(name, where, int(value)))
    return tuple(found)


def segment_names(path: Path) -> dict[int, str]:
    """Return the names of a Slicer file's values; none where a value means several segments.

    Raises:
        ReadError: Missing or damaged.
        MissingExtraError: SimpleITK is not installed.
    """
    found = segments(path)
    names = {segment.value: segment.name for segment in found}
    return names if len(names) == len(found) else {}


def _placed(path: Path, array: NDArray[Any], image: Any) -> StoredVoxels:
    dimension = image.GetDimension()
    affine = np.eye(4)
    turn = np.reshape(image.GetDirection(), (dimension, dimension))
    affine[:dimension, :dimension] = turn * np.array(image.GetSpacing())
    affine[:dimension, 3] = image.GetOrigin()
    if not np.isfinite(affine).all():
        raise ContentError(f"{path.name}: its header gives no usable geometry; mend the directions")
    is_placed = bool(np.any(affine[:3, 3]) or not np.allclose(turn, np.eye(dimension)))
    has_size = is_placed or not np.allclose(image.GetSpacing(), 1.0)
    return StoredVoxels(
        array, TO_RAS @ affine, str(array.dtype), believable=is_placed, spacing_known=has_size
    )


@contextmanager
def _reader(path: Path) -> Iterator[Any]:
    """Open a file whose header has been read; errors of the library become ours."""
    sitk = _sitk()
    with _on_disk(path) as place, _warnings_off(sitk.ProcessObject):
        _require_own_voxels(path)
        reader = sitk.ImageFileReader()
        reader.SetImageIO(_FORMAT_OF[path.suffix.lower()])  # others open files of their own
        reader.SetFileName(str(place))
        try:
            reader.ReadImageInformation()
            yield reader
        except RuntimeError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            why = lines[-1].replace(str(place), path.name) if lines else "no reason given"
            raise ReadError(f"{path.name}: not usable as NRRD or MetaImage ({why})") from error


def _sitk() -> Any:
    return require("SimpleITK", extra="itk")


class _WarningsOff:
    """Keeps ITK from writing to stderr while any thread reads; it knows one switch for all.

    The first reader turns it off, and the last one puts it back to where it was.
    """

    def __init__(self) -> None:
        self._lock, self._readers, self._was_on = Lock(), 0, False

    @contextmanager
    def __call__(self, switch: Any) -> Iterator[None]:
        with self._lock:
            if self._readers == 0:
                self._was_on = switch.GetGlobalWarningDisplay()
                switch.GlobalWarningDisplayOff()
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if self._readers == 0:
                    switch.SetGlobalWarningDisplay(self._was_on)


_warnings_off = _WarningsOff()


def _require_own_voxels(path: Path) -> None:
    """Refuse a header that names any file but one beside it: it may come from anywhere.

    Several files, as a list or a pattern, are refused, too.
    """
    head = filesystem.read_bytes(path, _HEADER_BYTES)
    named = [(first or second).strip() for first, second in _DATA_FILE.findall(head)]
    is_nrrd = _FORMAT_OF[path.suffix.lower()] == _NRRD
    if not (named or (is_nrrd and _NRRD_END.search(head))):
        raise ReadError(
            f"{path.name}: not usable as NRRD or MetaImage (no end of its header in "
            f"{_HEADER_BYTES} bytes)"
        )
    for told in () if is_nrrd else _DIMENSIONS.findall(head):
        if told.strip() not in (b"2", b"3", b"4"):  # others, below 0, end the process
            dimensions = told.decode("ascii", "backslashreplace")[:20]
            raise ReadError(f"{path.name}: not usable as MetaImage ({dimensions!r} dimensions)")
    for name in named:
        text = name.decode("utf-8", errors="surrogateescape")
        if not is_nrrd and text.upper() == "LOCAL":
            continue
        if "%" in text or text == "-" or text.upper().split()[:1] == ["LIST"]:
            raise ReadError(f"{path.name}: names voxels in {text!r}; expected a file beside it")
        filesystem.beside(path, text)


@contextmanager
def _on_disk(path: Path) -> Iterator[Path]:
    """Give the library a file of its own: it reads no streams, so not from an archive."""
    if path.is_file():
        yield path
        return
    if path.name.lower().endswith(_DETACHED):
        raise ReadError(f"{path.name}: its voxels are another file; unpack the archive")
    with tempfile.TemporaryDirectory(prefix="segassay-") as folder:
        place = Path(folder) / f"a{path.suffix}"
        place.write_bytes(filesystem.read_bytes(path))
        yield place
