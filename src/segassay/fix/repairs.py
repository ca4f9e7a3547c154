"""The repairs: each gets a label file as stored and gives it back mended, or nothing.

A repair is safe where it moves no voxel of the label in the patient, and changes no structure into
another: it mends how the label is stored. Only `islands` removes voxels; it has to be asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nibabel.orientations as nbo
import numpy as np
from numpy.typing import NDArray

from segassay.fix.lines_up import lines_up
from segassay.geometry.components import components
from segassay.geometry.grid import Grid, corner_distance_mm
from segassay.images.formats.grey_masks import levelled
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.formats.stored_label import StoredLabel

TOLERANCE = 0.05
"""Values nearer than this to a whole number are meant to be one, where all of a file are.

What was resampled as an image lies anywhere between two whole numbers, so not all of it comes near.
"""

LINED_UP, _ROUNDING, _EXACT = 0.5, 0.1, 1e-3
"""Shares of the smallest spacing: corners nearer than the first are the same voxels, forms nearer
than the second are the same form, nearer than the third is no difference."""

_ITK_SKEW = 9.5e-5
"""Cosine between two axes from which ITK refuses a file without a qform."""

_SCANNER = 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a repair may know of a label file.

    `image` is the header of its image, `None` for pictures. `declared` are the values that the
    data set names, `ignore` those of voxels that nobody labelled; `alone` tells that the file is a
    mask of one structure. `voxels` reads the image's, as stored; it is called only where they
    decide. Pieces of fewer than `island_voxels` voxels are islands.
    """

    image: HeaderFacts | None
    declared: frozenset[int]
    alone: bool
    island_voxels: int = 0
    voxels: Callable[[], NDArray[Any] | None] = field(default=lambda: None)
    ignore: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What a repair did: the rule, why, and the numbers."""

    rule: str
    why: str
    evidence: dict[str, Any] = field(default_factory=dict)


Repaired = tuple[StoredLabel, Change]


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair with its card: what it mends, what it leaves alone, whether it has to be asked."""

    run: Callable[[StoredLabel, Surroundings], Repaired | None]
    mends: str
    leaves: str
    asked: bool = False


def scaled_values(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Store the label's own values, where a scale factor was stored with others.

    Programs that store whole numbers in steps miss them by up to half a step. That much is rounded
    as well where every value is then one that the data set names.
    """
    facts = label.facts
    if facts is None or (facts.slope == 1 and facts.intercept == 0):
        return None
    half_step = min(0.51 * abs(facts.slope), 0.45)
    whole = _whole(label.array)
    if whole is None and around.declared:
        whole = _whole(label.array, tolerance=half_step)
        if whole is not None and not set(np.unique(whole).tolist()) <= {0, *around.declared}:
            whole = None
    if whole is None:
        return None
    off = off_whole(label.array)
    why = f"values were stored with slope {facts.slope:g} and intercept {facts.intercept:g}"
    why += f", up to {off:.2g} from a whole number" if off > 0 else ""
    evidence = {"slope": facts.slope, "rounded_by": off}
    return label.with_array(whole), Change("scaled_values", why, evidence)


def float_storage(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Store whole numbers as whole numbers, in the smallest type that holds them."""
    del around
    if label.header is None or label.array.dtype.kind != "f":
        return None
    whole = _whole(label.array)
    if whole is None:
        return None
    before, after = str(label.array.dtype), str(whole.dtype)
    off = off_whole(label.array)
    why = f"whole numbers were stored as {before}" + (f", up to {off:.2g} off" if off > 0 else "")
    evidence = {"from": before, "to": after, "rounded_by": off}
    return label.with_array(whole), Change("float_storage", why, evidence)


def lossy_label(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Cut a mask with a soft rim, in a picture, at half: 0 and 255, or what `mask_coding` makes.

    Where several structures are declared a picture of greys is not taken for one of them.
    """
    meant = around.alone or around.declared == frozenset({1})
    if label.header is not None or not meant or label.array.dtype.kind != "u":
        return None
    cut = levelled(label.array, lossy=False)
    if cut is None or cut is label.array:
        return None
    n_values = int(np.unique(label.array).size)
    mask = np.where(cut != 0, np.uint8(255), np.uint8(0))
    why = f"a mask stored with {n_values} values was cut at half"
    return label.with_array(mask), Change("lossy_label", why, {"values": n_values})


def mask_coding(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Write 1 for the only value of a mask, where 1 is what is meant.

    That is where 1 is the only declared value, and in NIfTI masks of one structure.
    """
    meant = around.declared - around.ignore == frozenset({1})
    meant = meant or (around.alone and label.header is not None)
    values = [v for v in np.unique(label.array).tolist() if v not in (0, *around.ignore)]
    if not meant or len(values) != 1 or values[0] == 1 or values[0] % 1:
        return None
    ones = np.where(label.array == values[0], 1, label.array)
    ones = ones if around.ignore else ones.astype(np.uint8)
    why = f"the mask was coded 0 and {values[0]:g}"
    return label.with_array(ones), Change("mask_coding", why, {"from": values[0], "to": 1})


def grid_mismatch(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Copy the image's header onto a label whose voxels line up with the image's as stored.

    They do where corners differ by less than half a voxel, and where the label's header was never
    written (no form stated, or the identity), its shape is the image's, and its outline lies on
    stronger edges of the image than mirrored. One whole image apart, or turned, may be either way:
    left for a person to look at.
    """
    own, image = label.facts, around.image
    if own is None or image is None or own.shape[:3] != image.shape[:3]:
        return None
    distance, voxel = distance_mm(own, own.affine, image.affine), least_spacing(image)
    if not distance >= _EXACT * voxel:
        return None
    blank = (own.sform is None and own.qform is None) or np.allclose(own.affine, np.eye(4))
    near = distance < LINED_UP * voxel
    if not near and not (blank and _on_edges(label, around)):
        return None
    why = f"rounded, {distance:.3g} mm off" if near else "the label's header was never written"
    evidence = {"distance_mm": distance, "affine": own.affine.round(6).tolist()}
    return label.with_affine(image.affine, _SCANNER), Change("grid_mismatch", why, evidence)


def header_forms(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Make sform and qform the same where one of them is the image's grid, and the other is not.

    A sheared image cannot be written as a qform, and is left alone.
    """
    own, image = label.facts, around.image
    if own is None or image is None or own.sform is None or own.qform is None:
        return None
    voxel = least_spacing(image)
    if distance_mm(own, own.sform, own.qform) < _ROUNDING * voxel or _sheared(image.affine):
        return None
    fits = [distance_mm(own, form, image.affine) < _ROUNDING * voxel for form in _forms(own)]
    if own.shape[:3] != image.shape[:3] or sum(fits) != 1:
        return None
    kept = "sform" if fits[0] else "qform"
    evidence = {"distance_mm": distance_mm(own, own.sform, own.qform), "kept": kept}
    change = Change(
        "header_forms", f"sform and qform differed; the {kept} fits the image", evidence
    )
    return label.with_affine(image.affine, _SCANNER), change


def sheared_axes(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Add a qform with the nearest straight axes to a label whose only form is slightly sheared.

    ITK refuses it otherwise. Who follows the sform sees no difference; who follows the qform sees
    the label a small part of a voxel aside. Larger shears are no rounding, and stay.
    """
    del around
    own = label.facts
    if own is None or own.sform is None or own.qform is not None:
        return None
    if not _skew(own.affine) > _ITK_SKEW:
        return None
    straight = label.with_affine(own.affine, _SCANNER)
    facts = straight.facts
    if facts is None or facts.qform is None:
        return None
    distance = distance_mm(own, own.affine, facts.qform)
    if not distance < _ROUNDING * least_spacing(own):
        return None
    why = (
        f"axes were not at right angles, which ITK refuses; a qform {distance:.2g} mm off is added"
    )
    return straight, Change("sheared_axes", why, {"distance_mm": distance})


def axis_order(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Store the axes in the image's order and direction; every voxel stays where it is."""
    own, image = label.facts, around.image
    if own is None or image is None or own.axes == image.axes or label.array.ndim != 3:
        return None
    turn = nbo.ornt_transform(nbo.io_orientation(own.affine), nbo.io_orientation(image.affine))
    array = np.ascontiguousarray(nbo.apply_orientation(label.array, turn))
    affine = own.affine @ nbo.inv_ornt_aff(turn, label.array.shape)
    if array.shape != image.shape[:3] or not _same_place(affine, image):
        return None
    turned = label.with_array(array).with_affine(affine, _SCANNER)
    why = f"axes were stored as {own.axes}, the image's are {image.axes}"
    return turned, Change("axis_order", why, {"from": own.axes, "to": image.axes})


def islands(label: StoredLabel, around: Surroundings) -> Repaired | None:
    """Remove pieces of fewer than `island_voxels` voxels of every value, never the largest one."""
    array = np.array(label.array)
    removed: dict[str, int] = {}
    known = ~np.isin(array, sorted(around.ignore)) if around.ignore else None
    for value in [v for v in np.unique(array).tolist() if v not in (0, *around.ignore)]:
        n = _drop_islands(array, value, around.island_voxels, known)
        if n:
            removed[f"{value:g}"] = n
    if not removed:
        return None
    n = sum(removed.values())
    why = f"{n} voxels in pieces of fewer than {around.island_voxels} voxels were removed"
    return label.with_array(array), Change("islands", why, {"voxels": removed})


REPAIRS: dict[str, Repair] = {
    "scaled_values": Repair(
        scaled_values,
        "a scale factor in the header of a label: values are rounded by up to 0.05, and by half of "
        "the step they were stored in where every value is then a declared one",
        "scaled values farther from whole numbers",
    ),
    "float_storage": Repair(
        float_storage,
        "whole numbers stored as floats, up to 0.05 off, become the smallest type of whole numbers",
        "values farther than 0.05 from a whole number",
    ),
    "lossy_label": Repair(
        lossy_label,
        "a mask with a soft rim in a PNG, BMP or TIFF is cut at half, to 0 and 255",
        "JPEG, which cannot hold two values: export those as PNG; several declared structures",
    ),
    "mask_coding": Repair(
        mask_coding,
        "0 and 255 (or another number) become 0 and 1 where 1 is the only declared value, and in "
        "NIfTI masks of one structure",
        "pictures of one structure in a folder of its own, where 255 is usual; several values",
    ),
    "grid_mismatch": Repair(
        grid_mismatch,
        "the image's header on a label that is off by less than half a voxel, or whose header was "
        "never written and whose outline lies on the image's edges",
        "another shape, half a voxel or more, whole axes the other way round",
    ),
    "header_forms": Repair(
        header_forms,
        "sform and qform that differ, where exactly one is the image's",
        "both wrong; sheared images; headers of images",
    ),
    "sheared_axes": Repair(
        sheared_axes,
        "a label whose only form is slightly sheared, which ITK refuses: a qform with the nearest "
        "straight axes is added, the sform stays",
        "shears that move a corner by a tenth of a voxel or more; images",
    ),
    "axis_order": Repair(
        axis_order,
        "axes stored in another order than the image's: reordered, every voxel stays in its place",
        "labels that lie elsewhere",
    ),
    "islands": Repair(
        islands,
        "pieces of fewer voxels than asked for are removed, never the largest one",
        "everything, unless asked for with a number of voxels",
        asked=True,
    ),
}


def repaired(
    label: StoredLabel, around: Surroundings, rules: tuple[str, ...]
) -> tuple[StoredLabel, tuple[Change, ...]]:
    """Run repairs, by name, in the order of the table; without a change the label is the same."""
    changes = []
    for name, repair in REPAIRS.items():
        done = repair.run(label, around) if name in rules else None
        if done is not None:
            label, change = done
            changes.append(change)
    return label, tuple(changes)


def off_whole(array: NDArray[Any]) -> float:
    """Return the largest distance of a value from a whole number; infinite with NaN among them."""
    if array.dtype.kind != "f" or not array.size:
        return 0.0
    if not np.isfinite(array).all():
        return float("inf")
    return float(np.abs(array - np.rint(array)).max())


def _whole(array: NDArray[Any], tolerance: float = TOLERANCE) -> NDArray[Any] | None:
    """Return the nearest whole numbers in the smallest type; `None` if they are not near."""
    if array.size == 0 or off_whole(array) > tolerance:
        return None
    rounded = np.rint(array)
    least, most = int(rounded.min()), int(rounded.max())
    for kind in (np.uint8, np.uint16, np.int16, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= least and most <= limits.max:
            return np.asarray(rounded, dtype=kind)
    return None


def _on_edges(label: StoredLabel, around: Surroundings) -> bool:
    image = around.voxels()
    return image is not None and lines_up(label.array, image)


def _drop_islands(
    array: NDArray[Any], value: float, least: int, known: NDArray[np.bool_] | None
) -> int:
    """Set small pieces of a value to 0 in place; return how many voxels that were."""
    parts = components(array == value, known)
    n = 0
    for size, box, number in list(zip(parts.sizes, parts.boxes, parts.order, strict=True))[1:]:
        if size < least:
            array[box][parts.numbers[box] == number] = 0
            n += size
    return n


def grid_of(facts: HeaderFacts, affine: NDArray[np.float64]) -> Grid:
    """Return the voxels of a header on the grid that an affine gives them."""
    i, j, k = (*facts.shape, 1, 1, 1)[:3]
    return Grid((i, j, k), np.asarray(affine, dtype=np.float64))


def distance_mm(facts: HeaderFacts, a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return how far two affines place the corners of a header's voxels apart."""
    return corner_distance_mm(grid_of(facts, a), grid_of(facts, b))


def _same_place(affine: NDArray[np.float64], image: HeaderFacts) -> bool:
    return distance_mm(image, affine, image.affine) < LINED_UP * least_spacing(image)


def least_spacing(facts: HeaderFacts) -> float:
    """Return the smallest size of a voxel in millimetres."""
    return min(grid_of(facts, facts.affine).spacing_mm)


def _forms(facts: HeaderFacts) -> list[NDArray[np.float64]]:
    return [form for form in (facts.sform, facts.qform) if form is not None]


def _sheared(affine: NDArray[np.float64]) -> bool:
    return _skew(affine) > _EXACT


def _skew(affine: NDArray[np.float64]) -> float:
    """Return the largest cosine between two axes."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())
