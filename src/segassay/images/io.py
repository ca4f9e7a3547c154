"""Reading images and label files into one orientation; every voxel comes through here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.errors import CaseError, ContentError, ReadError
from segassay.files import filesystem
from segassay.geometry.grid import Grid, require_same_grid
from segassay.images.formats import registry
from segassay.images.formats.base import StoredVoxels
from segassay.images.intensity import MOST_USABLE, n_unusable
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Box, Mask, filled_box
from segassay.images.placing import placed_on
from segassay.images.volume import Volume, to_canonical

_SMALL_BYTES = 2
"""Size of whole numbers that single precision holds all of."""

_COUNTED = 1 << 18
"""Voxels that are counted at once."""

_MOST_NUMBERED = 1 << 12
"""Values from this on have no box of their own: a table of them would be as large."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """A label file: whole-number voxels with what was found in it.

    `inside` are the voxels in `box`, RAS+, uint8 where values allow, else int32; beyond it all are
    0. `counts` maps every value to its number of voxels. `max_fraction` is the largest distance of
    a stored value from a whole number: 0 for a proper label file, also for one stored as floats.
    `dtype` is the type on disk. `anatomical`, `spacing_known` and `known` are as of a `Volume`.
    `cropped` tells that the format leaves out what holds no label. `n_greys` counts the values of a
    picture that means one mask and held a rim of greys, levelled here; 0 for all others. `exif` is
    a picture's own EXIF orientation, and `turned` the one by which it was turned.
    """

    grid: Grid
    box: Box
    inside: NDArray[Any]
    counts: dict[int, int]
    max_fraction: float
    dtype: str
    anatomical: bool
    spacing_known: bool
    known: NDArray[np.bool_] | None = None
    cropped: bool = False
    n_greys: int = 0
    exif: int = 1
    turned: int = 1
    _boxes: dict[int, Box] = field(default_factory=dict)

    @classmethod
    def of(cls, volume: Volume, max_fraction: float, dtype: str, **more: Any) -> "LabelMap":
        """Keep what a volume of whole numbers holds; all but the voxels may be given in `more`."""
        box = filled_box(volume.array)
        # A copy in the array's own order, which is read and compared fastest.
        inside = np.array(volume.array[box], order="K")
        return cls(
            volume.grid,
            box,
            inside,
            _count(inside, math.prod(volume.grid.shape)),
            max_fraction,
            dtype,
            volume.anatomical,
            volume.spacing_known,
            volume.known,
            turned=volume.exif,
            **more,
        )

    @property
    def array(self) -> NDArray[Any]:
        """All voxels `(i, j, k)`, made anew whenever they are asked for."""
        whole = np.zeros(self.grid.shape, dtype=self.inside.dtype)
        whole[self.box] = self.inside
        return whole

    @property
    def volume(self) -> Volume:
        """All voxels as a volume, made anew whenever they are asked for."""
        about = (self.anatomical, self.spacing_known, self.known)
        return Volume(self.array, self.grid, *about, exif=self.turned)

    def with_rim(self) -> NDArray[Any]:
        """Return what is in the box with a rim of one voxel, where the grid goes on."""
        grown = [
            (max(part.start - 1, 0), min(part.stop + 1, n))
            for part, n in zip(self.box, self.grid.shape, strict=True)
        ]
        if not self.inside.size:
            return self.inside
        rim = np.zeros([end - start for start, end in grown], dtype=self.inside.dtype)
        within = (
            slice(part.start - start, part.stop - start)
            for part, (start, _) in zip(self.box, grown, strict=True)
        )
        rim[tuple(within)] = self.inside
        return rim

    def mask(self, ref: LabelRef) -> Mask:
        """Take one structure out of the file; voxels that are ignored are not in it."""
        if ref.values is None:
            return Mask(self.grid.shape, self.box, self.inside != 0).known(self.known)
        if 0 in ref.values:
            return Mask.of(_holds(self.array, ref.values)).known(self.known)
        within = self._box_of(ref.values)
        box = _placed(within, self.box)
        found = Mask.within(self.grid.shape, box, _holds(self.inside[within], ref.values))
        return found.known(self.known)

    def _box_of(self, values: Sequence[int]) -> Box:
        """Return a box of `inside` that holds all voxels of some values."""
        if not self._boxes:
            self._boxes.update(_boxes(self.inside, self.counts))
        boxes = [self._boxes[value] for value in values if value in self._boxes]
        if not boxes:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        i, j, k = (
            slice(min(part.start for part in parts), max(part.stop for part in parts))
            for parts in zip(*boxes, strict=True)
        )
        return i, j, k


def read_image(path: Path) -> Volume:
    """Read an image, RAS+, one slice for 2D files; colour becomes luma.

    Whole numbers of one or two bytes keep their type, all others become float32.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
        ContentError: 4D, too large, or with voxels that are NaN, infinite or huge.
    """
    voxels = _read(path, as_labels=False)
    image = voxels.array
    if image.dtype.kind in "iu" and image.dtype.itemsize <= _SMALL_BYTES:
        image = image.astype(image.dtype.newbyteorder("="), copy=False)
    else:
        with np.errstate(over="ignore"):  # what overflows is infinite, and counted as such below
            image = np.asarray(image, dtype=np.float32)
    if voxels.array.dtype.kind == "f":
        _refuse_not_finite(path, image)
    turned, grid = to_canonical(image, voxels.affine)
    return Volume(
        turned,
        grid,
        voxels.believable,
        voxels.spacing_known,
        exif=voxels.turned,
        colours=voxels.colours,
    )


def read_labels(path: Path, turn: int | None = None) -> LabelMap:
    """Read a label file; fractional values are rounded and reported in `max_fraction`.

    A picture is turned upright as its own EXIF orientation says, or as `turn` does.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
        ContentError: 4D, coloured, too large, NaN, or values beyond 32 bits.
    """
    voxels = _read(path, as_labels=True, turn=turn)
    whole, fraction = _whole(path, voxels.array)
    turned, grid = to_canonical(whole, voxels.affine)
    return LabelMap.of(
        Volume(turned, grid, voxels.believable, voxels.spacing_known, exif=voxels.turned),
        fraction,
        voxels.dtype,
        cropped=_is_cropped(path),
        n_greys=voxels.n_greys,
        exif=voxels.exif,
    )


def read_label(ref: LabelRef, onto: Volume | None = None) -> LabelMap:
    """Read the file of a label, together with the files of its further pieces.

    With its image, `onto`, a label whose format leaves out what is empty is put on the image's
    grid, and a picture that was drawn on the image's stored pixels is turned as the image was.
    Voxels that the label ignores are not `known` to its volume.

    Raises:
        ReadError, ContentError: As `read_labels` does.
        GeometryError: A piece lies on another grid than the first one.
    """
    first = _knowing(_read_beside(ref.path, onto), ref)
    for path in ref.pieces:
        piece = _knowing(_read_beside(path, onto), ref)
        require_same_grid(piece.grid, first.grid, path.name)
        both = replace(first.volume, array=np.maximum(first.array, piece.array))
        first = LabelMap.of(
            both.knowing(piece.known),
            max(first.max_fraction, piece.max_fraction),
            first.dtype,
            n_greys=max(first.n_greys, piece.n_greys),
            exif=first.exif,
        )
    return first


def _read_beside(path: Path, image: Volume | None) -> LabelMap:
    """Read a label file: put on its image's grid if the format leaves out what is empty.

    Where EXIF plays a part, it is turned so that it has its image's shape.

    Viewers show a picture upright, and masks are drawn on what they show. Only where the shape
    forbids it the mask was drawn on pixels as stored: on its own, or on the image's.
    """
    labels = read_labels(path)
    if image is None or image.grid.shape == labels.grid.shape:
        return labels
    if labels.cropped:
        whole = placed_on(labels.volume, image.grid)
        return LabelMap.of(whole, labels.max_fraction, labels.dtype, cropped=True)
    for turn in {1, image.exif} - {labels.turned} if {image.exif, labels.exif} != {1} else ():
        again = read_labels(path, turn)
        if again.grid.shape == image.grid.shape:
            return again
    return labels


def is_empty(ref: LabelRef) -> bool:
    """Whether a label has no voxel; one that cannot be read is not called empty."""
    try:
        return not read_label(ref).mask(ref)
    except CaseError:
        return False


def _knowing(labels: LabelMap, ref: LabelRef) -> LabelMap:
    """Note which voxels the label ignores, if there are any."""
    if not any(value in labels.counts for value in ref.ignore):
        return labels
    return replace(labels, known=labels.volume.knowing(~_holds(labels.array, ref.ignore)).known)


def _holds(array: NDArray[Any], values: Sequence[int]) -> NDArray[np.bool_]:
    mask = array == values[0]
    for value in values[1:]:
        mask |= array == value
    return np.asarray(mask)


def _read(path: Path, *, as_labels: bool, turn: int | None = None) -> StoredVoxels:
    """Return the voxels of any readable file as stored; of a picture as a volume of one slice."""
    found = registry.format_of(path)
    if found is not None:
        read_label = found.read_label if as_labels else None
        return found.read(path) if read_label is None else read_label(path, turn)
    if not path.suffix:
        filesystem.open_file(path).close()  # says why, where there is no such file
    endings = ", ".join(registry.SUFFIXES)
    raise ReadError(f"{path.name}: unknown ending; files may end in {endings}")


def _whole(path: Path, array: NDArray[Any]) -> tuple[NDArray[Any], float]:
    if array.dtype.kind == "b":
        return array.view(np.uint8), 0.0
    if array.dtype == np.uint8:
        return array, 0.0
    fraction = 0.0
    if array.dtype.kind == "f":
        _refuse_not_finite(path, array)
        rounded = np.rint(array)
        fraction = float(np.abs(array - rounded).max())
        array = rounded
    low, high = int(array.min()), int(array.max())
    if low < -(2**31) or high >= 2**31:
        span = f"{float(low):g} to {float(high):g}"
        raise ContentError(f"{_called(path)}: label values from {span}; expected 32 bits")
    small = low >= 0 and high <= 255
    return array.astype(np.uint8 if small else np.int32), fraction


def _refuse_not_finite(path: Path, array: NDArray[Any]) -> None:
    n_bad = n_unusable(array)
    if n_bad:
        raise ContentError(
            f"{_called(path)}: {n_bad} voxels are NaN or infinite, or beyond {MOST_USABLE:g}; "
            "replace them"
        )


def _called(path: Path) -> str:
    """Name a file, and the part of it if the path goes on to one."""
    whole = registry.file_of(path)
    return path.name if whole == path else f"{whole.name}/{path.name}"


def _is_cropped(path: Path) -> bool:
    found = registry.format_of(path)
    return found is not None and found.is_cropped(path)


def _count(inside: NDArray[Any], n_voxels: int) -> dict[int, int]:
    """Count the values of `n_voxels`, of which those that are not `inside` are 0."""
    counts: dict[int, int] = {}
    if inside.dtype == np.uint8:
        # Piece by piece: the count makes whole words of the bytes that it is given.
        flat, total = inside.ravel(order="K"), np.zeros(256, dtype=np.int64)
        for start in range(0, flat.size, _COUNTED):
            total += np.bincount(flat[start : start + _COUNTED], minlength=256)
        counts = {value: int(total[value]) for value in np.flatnonzero(total).tolist()}
    elif inside.size:
        values, numbers = np.unique(inside, return_counts=True)
        counts = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    zeros = counts.get(0, 0) + n_voxels - inside.size
    if zeros:
        counts[0] = zeros
    return dict(sorted(counts.items()))


def _boxes(inside: NDArray[Any], counts: Mapping[int, int]) -> dict[int, Box]:
    """Return the box of every value but 0; where values are huge or below 0, one box for all."""
    if not inside.size:
        return {}
    if set(counts) <= set(range(_MOST_NUMBERED)):
        found = enumerate(ndi.find_objects(inside), start=1)
        return {value: (box[0], box[1], box[2]) for value, box in found if box is not None}
    i, j, k = (slice(0, n) for n in inside.shape)
    return {value: (i, j, k) for value in counts if value != 0}


def _placed(within: Box, outer: Box) -> Box:
    i, j, k = (
        slice(part.start + around.start, part.stop + around.start)
        for part, around in zip(within, outer, strict=True)
    )
    return i, j, k
