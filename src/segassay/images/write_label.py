"""Labels written to files: as another file is stored, and on its grid, voxel by voxel."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel.orientations as nbo
import numpy as np
from numpy.typing import NDArray

from segassay.errors import ContentError, GeometryError, OutputError
from segassay.files.atomic import create_whole, write_whole
from segassay.geometry.grid import Grid, corner_distance_mm
from segassay.images.formats import registry
from segassay.images.formats.base import Format, NewLabel, Segment
from segassay.images.formats.nifti import require_geometry, shape_3d
from segassay.images.formats.raster import PICTURE_AFFINE
from segassay.images.mask import Mask
from segassay.images.volume import Volume, to_canonical

_RAS = np.array([[0, 1], [1, 1], [2, 1]], dtype=np.float64)

OneMask = Mask | NDArray[np.bool_]
Like = Path | Volume | Grid
Labels = OneMask | NDArray[np.integer[Any]] | Mapping[str, OneMask]


def write_label(
    path: Path,
    labels: Labels,
    *,
    like: Like,
    names: Mapping[int, str] | None = None,
    grid: Grid | None = None,
    keep_header: bool = True,
    overwrite: bool = False,
    algorithm: str = "",
) -> Path:
    """Write a label file in one step; read again it gives the same voxels, place and names.

    The ending of `path` says the format: NIfTI, NRRD and MetaImage, Slicer's `.seg.nrrd`,
    FreeSurfer, PNG, TIFF, BMP, and `.dcm` for DICOM SEG. Axes are stored in the order of `like`. A
    file of the same format as `like` keeps its header, its type of voxels (a wider one only where
    values need it), its palette, and whether its voxels are packed.

    Args:
        path: The file; its folder exists.
        labels: A label map of whole numbers, 0 for background, or one mask, `(i, j, k)` in RAS+ as
            `images.io` reads them; or masks by name. Masks that overlap need `.seg.nrrd` or DICOM
            SEG. Without a voxel it is an empty label.
        like: The label file that is written anew, or an image; a part of a file, as
            `seg.dcm/segment-3`, stands for its file. DICOM SEG needs the DICOM images, or a SEG
            object that lies on them. A `Volume` or `Grid` where there is no file.
        names: Names of the values. By default those that `like` gives them; masks by name are
            numbered so, or from 1 in their order.
        grid: Where the voxels lie, if not on the grid of `like`: of a format that leaves out what
            is empty (Slicer, DICOM SEG), or for a new header.
        keep_header: Whether the header of `like` is kept; `False` for a label of an image, of which
            only the place of voxels is taken over, in the smallest type of voxels.
        overwrite: Whether a file that is there may be replaced.
        algorithm: What drew the label, for DICOM SEG; empty for a person.

    Returns:
        The path.

    Raises:
        OutputError: The file exists, the format holds no such label (JPEG, several slices in a
            picture, masks that overlap), or the folder cannot be written.
        GeometryError: The labels do not have the shape, or the grid, of `like`.
        ContentError: Values below 0, or no whole numbers.
        ReadError: `like` cannot be read.
        MissingExtraError: A library that writes the format is not installed.
    """
    target, write = registry.writer_of(path)
    if path.exists() and not overwrite:
        raise OutputError(f"{path.name}: exists already; choose another name, or overwrite it")
    names = _names_of(like) if names is None else names
    array, segments = _layers(path, labels, names, target)
    place = _place(path, like, grid, keep_header=keep_header)
    if array.shape[:3] != place.grid.shape:
        raise GeometryError(
            f"{path.name}: the label has shape {array.shape[:3]}, its place {place.grid.shape}"
        )
    affine = PICTURE_AFFINE if target.is_picture else place.affine
    new = NewLabel(
        file_name=path.name,
        array=nbo.apply_orientation(array, nbo.ornt_transform(_RAS, nbo.io_orientation(affine))),
        affine=affine,
        segments=segments,
        is_mask=_is_one_mask(labels),
        like=registry.file_of(like) if isinstance(like, Path) else None,
        keep_header=keep_header,
        algorithm=algorithm,
    )
    _put(path, write(new), overwrite=overwrite)
    return path


def label_path(stem: Path, image: Path) -> Path:
    """Return the path of a label of an image: a PNG of a picture, else packed NIfTI."""
    ending = ".png" if registry.is_picture(image) else ".nii.gz"
    return stem.with_name(f"{stem.name}{ending}")


def _put(path: Path, content: bytes, *, overwrite: bool) -> None:
    try:
        if overwrite:
            write_whole(path, content, like=path)
        elif not create_whole(path, content):
            raise OutputError(f"{path.name}: exists already; choose another name, or overwrite it")
    except OSError as error:
        raise OutputError.of(path, error) from error


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where voxels lie: their RAS+ grid, and the affine of the order in which they are stored."""

    grid: Grid
    affine: NDArray[np.float64]


def _place(path: Path, like: Like, grid: Grid | None, *, keep_header: bool) -> _Place:
    if not isinstance(like, Path):
        own = like if isinstance(like, Grid) else like.grid
        return _moved(path, _Place(own, own.affine), grid, may_move=False)
    facts = registry.header_facts(like)
    if facts is not None:
        require_geometry(like, facts.affine)
        place = _stored(shape_3d(like, facts.shape), facts.affine)
        return _moved(path, place, grid, may_move=False)
    if grid is not None and not keep_header:
        return _Place(grid, grid.affine)
    found = registry.format_of(like)
    if found is None:
        raise OutputError(f"{like.name}: cannot be read, so no label is written like it")
    parts = () if registry.file_of(like) != like else found.parts(like)
    part = parts[0].path if parts else like
    voxels = found.read(part)
    place = _stored(voxels.array.shape, voxels.affine)
    return _moved(path, place, grid, may_move=found.is_cropped(part) or not keep_header)


def _stored(shape: tuple[int, ...], affine: NDArray[np.float64]) -> _Place:
    return _Place(to_canonical(np.broadcast_to(np.uint8(0), shape), affine)[1], affine)


def _moved(path: Path, place: _Place, grid: Grid | None, *, may_move: bool) -> _Place:
    """Return the place of voxels on `grid`, stored in the order of axes that the place had."""
    if grid is None or corner_distance_mm(grid, place.grid) <= 0.5 * min(grid.spacing_mm):
        return place
    if not may_move:
        raise GeometryError(f"{path.name}: the label lies on another grid than the file it is like")
    turn = nbo.ornt_transform(_RAS, nbo.io_orientation(place.affine))
    return _Place(grid, grid.affine @ nbo.inv_ornt_aff(turn, grid.shape))


def _names_of(like: Like) -> Mapping[int, str]:
    if not isinstance(like, Path):
        return {}
    whole = registry.file_of(like)
    return registry.label_names(whole)


def _is_one_mask(labels: Labels) -> bool:
    return isinstance(labels, Mask) or (
        not isinstance(labels, Mapping) and labels.dtype == np.bool_
    )


def _layers(
    path: Path, labels: Labels, names: Mapping[int, str], target: Format
) -> tuple[NDArray[Any], tuple[Segment, ...]]:
    """Return whole numbers `(i, j, k)`, or `(i, j, k, layer)`, and what they mean."""
    if isinstance(labels, Mapping):
        return _of_masks(path, labels, names, target)
    if isinstance(labels, Mask) or labels.dtype == np.bool_:
        named = {value: name for value, name in names.items() if value != 0}
        value, name = next(iter(named.items())) if len(named) == 1 else (1, "")
        mask = np.asarray(labels, dtype=np.bool_)
        kind = np.min_scalar_type(value)
        return np.where(mask, kind.type(value), kind.type(0)), (Segment(name, value),)
    if labels.dtype.kind not in "iu":
        raise ContentError(f"{path.name}: labels of type {labels.dtype}; expected whole numbers")
    low = int(labels.min(initial=0)) if labels.dtype.kind == "i" else 0
    if low < 0:
        raise ContentError(f"{path.name}: holds the value {low}; expected 0 or more")
    values = {*_values_in(labels), *names}
    return labels, tuple(Segment(names.get(v, ""), v) for v in sorted(values - {0}))


def _values_in(labels: NDArray[Any]) -> list[int]:
    """Return the values of a label map; a table is faster than to sort a whole volume."""
    if labels.dtype.itemsize > 2:
        return [int(value) for value in np.unique(labels)]
    seen = np.zeros(1 << 8 * labels.dtype.itemsize, dtype=np.bool_)
    for plane in np.moveaxis(labels, -1, 0):
        seen[plane] = True
    return [int(value) for value in np.flatnonzero(seen)]


def _of_masks(
    path: Path, masks: Mapping[str, OneMask], names: Mapping[int, str], target: Format
) -> tuple[NDArray[Any], tuple[Segment, ...]]:
    """Draw masks into as few layers as hold them without an overlap."""
    if not masks:
        raise ContentError(f"{path.name}: no mask to write; give an empty one for an empty label")
    values = _values_of(masks, names)
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) > 1:
        raise GeometryError(f"{path.name}: masks of shapes {sorted(shapes)}; expected one")
    kind = np.min_scalar_type(max(values.values()))
    layers: list[NDArray[Any]] = []
    segments = []
    for name, given in masks.items():
        mask = Mask.of(given if isinstance(given, Mask) else np.asarray(given, dtype=np.bool_))
        free = (n for n, one in enumerate(layers) if not one[mask.box][mask.inside].any())
        layer = next(free, len(layers))
        if layer == len(layers):
            if layers and not target.has_layers:
                raise OutputError(
                    f"{path.name}: {name} overlaps another mask; write .seg.nrrd or DICOM SEG"
                )
            layers.append(np.zeros(mask.shape, dtype=kind))
        layers[layer][mask.box][mask.inside] = values[name]
        segments.append(Segment(name, values[name], layer))
    array = layers[0] if len(layers) == 1 else np.stack(layers, axis=-1)
    return array, tuple(sorted(segments, key=lambda s: s.value))


def _values_of(masks: Mapping[str, OneMask], names: Mapping[int, str]) -> dict[str, int]:
    """Return the value of every mask: as named, the others the next ones that are free."""
    known = {name: value for value, name in names.items() if value != 0}
    free = (value for value in range(1, len(masks) + len(known) + 1) if value not in names)
    return {name: known[name] if name in known else next(free) for name in masks}
