"""What a file format is to the rest of the package: how its files are told, read and written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import OutputError
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.formats.stored_label import StoredLabel


@dataclass(frozen=True, slots=True, eq=False)
class StoredVoxels:
    """Voxels as stored (scaled if the header says so), 3D, with affine and on-disk type.

    `believable` is `False` for a header that was never set: no qform, axes along +x +y +z, origin
    at zero. Such files say nothing about left and right. `spacing_known` is `False` where the
    header holds no voxel size: none at all, or 1 mm throughout without a coordinate system. What a
    picture says beyond that, `images.formats.raster.Picture` describes.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    dtype: str
    believable: bool
    spacing_known: bool
    exif: int = 1
    turned: int = 1
    n_greys: int = 0
    colours: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A structure that a file lists itself: its name, where to read it, and its value there."""

    name: str
    path: Path
    value: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A structure that is to be written: its name, empty for none, its value, and its layer."""

    name: str
    value: int
    layer: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class NewLabel:
    """A label that is to be written, its axes in the order in which the file will store them.

    Attributes:
        file_name: Name of the file.
        array: Whole numbers, 0 or more: `(i, j, k)`, or `(i, j, k, layer)` where structures
            overlap.
        affine: Voxel indices to millimetres, RAS+.
        segments: The structures, by rising layer and value.
        is_mask: Whether it is one mask, whose value may be what the format usually has.
        like: The file whose place it takes; `None` where only a grid was given.
        keep_header: Whether what the header of `like` says beyond the place of voxels is kept.
        algorithm: What drew it; empty for a person.
    """

    file_name: str
    array: NDArray[Any]
    affine: NDArray[np.float64]
    segments: tuple[Segment, ...]
    is_mask: bool
    like: Path | None
    keep_header: bool
    algorithm: str = ""

    @property
    def names(self) -> dict[int, str]:
        """Names of values; empty where none is named."""
        return {segment.value: segment.name for segment in self.segments if segment.name}

    @property
    def kept(self) -> Path | None:
        """The file whose header is kept, if there is one."""
        return self.like if self.keep_header else None

    def of_type(self, wanted: Any, allowed: tuple[Any, ...]) -> NDArray[Any]:
        """Return the voxels in the type that is wanted; wider, of those allowed, where needed.

        Raises:
            OutputError: No type that the format has holds all values.
        """
        most = int(self.array.max(initial=0))
        kinds = [np.dtype(kind) for kind in allowed]
        own = np.dtype(kinds[0] if wanted is None else wanted).newbyteorder("=")
        wider = [kind for kind in kinds if kind.itemsize >= own.itemsize]
        for kind in [own] * (own in kinds) + (wider or kinds[-1:]):
            if most <= _largest(kind):
                return self.array.astype(kind, copy=False)
        raise OutputError(f"{self.file_name}: cannot hold the value {most}; write NIfTI or NRRD")


Writer = Callable[[NewLabel], bytes]


def _largest(kind: np.dtype[Any]) -> int:
    return 1 << (np.finfo(kind).nmant + 1) if kind.kind == "f" else int(np.iinfo(kind).max)


def _never(_: Path) -> bool:
    return False


def _no_names(_: Path) -> dict[int, str]:
    return {}


def _no_parts(_: Path) -> tuple[Part, ...]:
    return ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Format:
    """One row of `registry.FORMATS`: all that the package knows of a file format.

    Attributes:
        name: What people call it.
        suffixes: Endings of the files that are listed and read, in lower case.
        read: Reads the voxels of an image.
        read_label: Reads a label, turned by an EXIF orientation if one is given; `None` where
            that is the same as for an image.
        holds: Whether a path is of this format, where the ending does not tell: a folder, or one
            part within a file, as in `seg.dcm/segment-3`.
        is_part: Whether a path names one part within a file.
        belongs: Whether a file is no volume but belongs to one beside it, as `x.raw` to `x.mhd`.
        header: Reads what the header says beyond one affine, if the format says more.
        names: Reads the names that a label file gives its own values.
        parts: Reads the structures that a label file lists itself, each with where to read it.
        is_picture: Whether it holds one picture and no place in a body.
        is_lossy: Whether it does not give back the values that were stored.
        is_cropped: Whether a label that a path names leaves out what holds no structure.
        often_unoriented: Whether its files often do not state an orientation, though they could.
        writes: Endings that are written; empty where it holds no labels.
        write: Returns the bytes of a label file.
        has_layers: Whether structures that are written may overlap.
        read_stored, encode: Read a label to be repaired, and give the bytes of the repaired one.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], StoredVoxels]
    read_label: Callable[[Path, int | None], StoredVoxels] | None = None
    holds: Callable[[Path], bool] = _never
    is_part: Callable[[Path], bool] = _never
    belongs: Callable[[Path], bool] = _never
    header: Callable[[Path], HeaderFacts | None] | None = None
    names: Callable[[Path], Mapping[int, str]] = _no_names
    parts: Callable[[Path], tuple[Part, ...]] = _no_parts
    is_picture: bool = False
    is_lossy: bool = False
    is_cropped: Callable[[Path], bool] = _never
    often_unoriented: bool = False
    writes: tuple[str, ...] = ()
    write: Writer | None = None
    has_layers: bool = False
    read_stored: Callable[[Path], StoredLabel] | None = None
    encode: Callable[[StoredLabel, str], bytes] | None = None
