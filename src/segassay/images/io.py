"""Reading images and label files into one orientation; every voxel comes through here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import CaseError, ContentError, ReadError
from segassay.files import filesystem
from segassay.geometry.grid import require_same_grid
from segassay.images.formats import dicom, dicom_header, itk, mgh_and_analyze, nifti, npz, raster
from segassay.images.intensity import MOST_USABLE, n_unusable
from segassay.images.label_ref import LabelRef
from segassay.images.placing import placed_on
from segassay.images.volume import Volume, to_canonical

SUFFIXES = (
    *nifti.SUFFIXES,
    *mgh_and_analyze.SUFFIXES,
    *itk.SUFFIXES,
    *raster.SUFFIXES,
)
"""Endings of the files that can be read, longest first where one ends in another."""

VOLUMES = (*nifti.SUFFIXES, *mgh_and_analyze.SUFFIXES, *itk.SUFFIXES)
"""Endings of the files that hold volumes."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """A label file: whole-number voxels with what was found in it.

    `volume.array` is uint8 where values allow, else int32, RAS+. `counts` maps every value to its
    number of voxels. `max_fraction` is the largest distance of a stored value from a whole number:
    0 for a proper label file, also for one stored as floats. `dtype` is the type on disk. `cropped`
    tells that the format leaves out what holds no label. `n_greys` counts the values of a picture
    that means one mask and held a rim of greys, levelled here; 0 for all others. `exif` is a
    picture's own EXIF orientation, and `volume.exif` the one by which it was turned.
    """

    volume: Volume
    counts: dict[int, int]
    max_fraction: float
    dtype: str
    cropped: bool = False
    n_greys: int = 0
    exif: int = 1


def stem_of(path: Path) -> str:
    """Return the file name without its (double) ending: `a.b.nii.gz` gives `a.b`."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def is_readable(path: Path) -> bool:
    """Whether the ending is one that can be read; hidden and system files are not."""
    if path.name.startswith(".") or path.name.lower() == "thumbs.db":
        return False
    return path.name.lower().endswith(SUFFIXES)


def read_image(path: Path) -> Volume:
    """Read an image as float32, RAS+, one slice for 2D files; colour becomes luma.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
        ContentError: 4D, too large, or with voxels that are NaN, infinite or huge.
    """
    voxels = _read(path, as_labels=False)
    with np.errstate(over="ignore"):  # what overflows is infinite, and counted as such below
        image = np.asarray(voxels.array, dtype=np.float32)
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
    volume = Volume(turned, grid, voxels.believable, voxels.spacing_known, exif=voxels.turned)
    cropped = dicom_header.is_part(path) or itk.SEGMENTATION in path.as_posix().lower()
    return LabelMap(
        volume, _count(whole), fraction, voxels.dtype, cropped, voxels.n_greys, voxels.exif
    )


def label_names(path: Path) -> dict[int, str]:
    """Return the names that a label file gives its own values; empty if it names none.

    Raises:
        ReadError: Missing, damaged, or not what its name says.
    """
    return nifti.label_table(path) if path.name.lower().endswith(nifti.SUFFIXES) else {}


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
        require_same_grid(piece.volume.grid, first.volume.grid, path.name)
        array = np.maximum(first.volume.array, piece.volume.array)
        first = replace(
            first,
            volume=replace(first.volume, array=array).knowing(piece.volume.known),
            counts=_count(array),
            max_fraction=max(first.max_fraction, piece.max_fraction),
            cropped=False,
            n_greys=max(first.n_greys, piece.n_greys),
        )
    return first


def _read_beside(path: Path, image: Volume | None) -> LabelMap:
    """Read a label file: put on its image's grid if the format leaves out what is empty.

    Where EXIF plays a part, it is turned so that it has its image's shape.

    Viewers show a picture upright, and masks are drawn on what they show. Only where the shape
    forbids it the mask was drawn on pixels as stored: on its own, or on the image's.
    """
    labels = read_labels(path)
    if image is None or image.grid.shape == labels.volume.grid.shape:
        return labels
    if labels.cropped:
        volume = placed_on(labels.volume, image.grid)
        return replace(labels, volume=volume, counts=_count(volume.array))
    for turn in {1, image.exif} - {labels.volume.exif} if {image.exif, labels.exif} != {1} else ():
        again = read_labels(path, turn)
        if again.volume.grid.shape == image.grid.shape:
            return again
    return labels


def is_empty(ref: LabelRef) -> bool:
    """Whether a label has no voxel; one that cannot be read is not called empty."""
    try:
        return not label_mask(read_label(ref), ref).any()
    except CaseError:
        return False


def label_mask(labels: LabelMap, ref: LabelRef) -> NDArray[np.bool_]:
    """Take one structure out of a label file, shape as the volume; ignored voxels are not in it."""
    array, known = labels.volume.array, labels.volume.known
    mask = np.asarray(array != 0 if ref.values is None else _holds(array, ref.values))
    return mask if known is None else mask & known


def _knowing(labels: LabelMap, ref: LabelRef) -> LabelMap:
    """Note which voxels the label ignores, if there are any."""
    if not any(value in labels.counts for value in ref.ignore):
        return labels
    known = ~_holds(labels.volume.array, ref.ignore)
    return replace(labels, volume=labels.volume.knowing(known))


def _holds(array: NDArray[Any], values: Sequence[int]) -> NDArray[np.bool_]:
    mask = array == values[0]
    for value in values[1:]:
        mask |= array == value
    return np.asarray(mask)


def _read(path: Path, *, as_labels: bool, turn: int | None = None) -> nifti.NiftiVoxels:
    """Return the voxels of any readable file as stored; of a picture as a NIfTI of one slice."""
    if path.name.lower().endswith(raster.SUFFIXES) and not npz.is_part(path):
        return _read_picture(path, as_labels=as_labels, turn=turn)
    for holds, read in _READERS:
        if holds(path):
            return read(path)
    if not path.suffix:
        filesystem.open_file(path).close()  # says why, where there is no such file
    raise ReadError(f"{path.name}: unknown ending; files may end in {', '.join(SUFFIXES)}")


def _read_picture(path: Path, *, as_labels: bool, turn: int | None) -> nifti.NiftiVoxels:
    picture = raster.read_picture(path, as_labels=as_labels, turn=turn)
    return nifti.NiftiVoxels(
        picture.array.T[..., None],
        raster.PICTURE_AFFINE,
        str(picture.array.dtype),
        believable=False,
        spacing_known=False,
        exif=picture.exif,
        turned=picture.turned,
        n_greys=picture.n_greys,
        colours=picture.colours,
    )


def _ends_in(endings: tuple[str, ...]) -> Callable[[Path], bool]:
    return lambda path: path.name.lower().endswith(endings)


def _is_dicom(path: Path) -> bool:
    is_whole = dicom_header.is_part(path) or dicom_header.is_dicom(path) or filesystem.is_dir(path)
    return is_whole or (dicom_header.is_series(path) and filesystem.is_dir(path.parent))


_READERS: tuple[tuple[Callable[[Path], bool], Callable[[Path], nifti.NiftiVoxels]], ...] = (
    (_ends_in(nifti.SUFFIXES), nifti.read_nifti),
    (npz.is_part, npz.read_npz),
    (_ends_in(mgh_and_analyze.MGH), mgh_and_analyze.read_mgh),
    (_ends_in(mgh_and_analyze.PAIRS), mgh_and_analyze.read_pair),
    (_ends_in(itk.SUFFIXES), itk.read_itk),
    (itk.is_layer, itk.read_itk),
    (_is_dicom, dicom.read_dicom),
)
"""Who reads what: the first that says yes. Pictures apart, which are read in two ways."""


def _whole(path: Path, array: NDArray[Any]) -> tuple[NDArray[Any], float]:
    if array.dtype.kind == "b":
        return array.astype(np.uint8), 0.0
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
    is_part = npz.is_part(path) or dicom_header.is_part(path) or itk.is_layer(path)
    return f"{path.parent.name}/{path.name}" if is_part else path.name


def _count(array: NDArray[Any]) -> dict[int, int]:
    if array.dtype == np.uint8:
        counts = np.bincount(array.ravel(order="K"), minlength=1)
        return {value: int(counts[value]) for value in np.flatnonzero(counts).tolist()}
    values, numbers = np.unique(array, return_counts=True)
    return dict(zip(values.tolist(), numbers.tolist(), strict=True))
