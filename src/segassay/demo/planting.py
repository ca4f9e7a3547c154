"""A data set of simulated CT in nnU-Net layout, with errors in its labels and a record of them."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.abdomen.subject import LABELS, Subject, make_subject
from segassay.corruption.scene import BoolArray
from segassay.files.strict_json import strict_json
from segassay.metrics.overlap import dice as overlap

Labels = NDArray[np.uint8]
Stored = NDArray[Any]
Edit = Callable[[Subject], Stored]
Change = Callable[[BoolArray], BoolArray]

STRUCK_BELOW = 0.95
"""A label that agrees less than this with the true one is struck; the rest count as clean."""

_AT_ONCE = 2
"""Subjects made at a time: more would gain little, and each needs some 150 MB."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One simulated error. `structure` is `None` where it concerns the whole file.

    `true_dice` holds, for each structure whose label the error changed, the Dice of the label as it
    lies on the image against the true one: an error may harm neighbours, too.
    """

    case_id: str
    structure: str | None
    kind: str
    by_rules: bool
    true_dice: dict[str, float]

    @property
    def struck(self) -> frozenset[str]:
        """Structures whose label is clearly wrong now."""
        return frozenset(name for name, dice in self.true_dice.items() if dice < STRUCK_BELOW)


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of error: the structure it strikes, how, and whether a rule is made for it.

    `edit` returns the label map to be stored and leaves the subject as it is. `moved_voxels` is how
    far the header moves the label away from its image.
    """

    structure: str | None
    edit: Edit
    by_rules: bool
    moved_voxels: tuple[int, int, int] = (0, 0, 0)


def plant_dataset(
    root: Path, *, faults: Mapping[str, Fault] | None = None, n_clean: int = 10
) -> list[Planted]:
    """Write subjects with one error each, and `n_clean` without, as an nnU-Net raw data set.

    `faults` are the errors by kind, `FAULTS` if not given. Returns what was planted; the same is
    written to `planted.json` beside the data set's files.
    """
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if faults is None:
        faults = FAULTS
    kinds: list[tuple[str, Fault | None]] = [*faults.items(), *[("", None)] * n_clean]

    def write(number: int) -> Planted | None:
        """Write the subject of a number, which is its seed, too."""
        return _write_case(root, number, *kinds[number - 1])

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        written = list(pool.map(write, range(1, len(kinds) + 1)))
    planted = [case for case in written if case is not None]
    about = {
        "name": "simulated CT of the abdomen with simulated errors",
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **LABELS},
        "numTraining": len(kinds),
        "file_ending": ".nii.gz",
    }
    text = json.dumps(about, indent=2, allow_nan=False)
    (root / "dataset.json").write_text(text, encoding="utf-8")
    about_planted = strict_json([asdict(p) for p in planted], indent=2)
    (root / "planted.json").write_text(about_planted, encoding="utf-8")
    return planted


def _write_case(root: Path, number: int, kind: str, fault: Fault | None) -> Planted | None:
    """Write a subject's image and label map; return the error in it."""
    case_id = f"phantom_{number:03d}"
    subject = make_subject(seed=number)
    _save(subject.image, subject.affine, root / "imagesTr" / f"{case_id}_0000.nii.gz")
    path = root / "labelsTr" / f"{case_id}.nii.gz"
    if fault is None:
        _save(subject.labels, subject.affine, path)
        return None
    stored = fault.edit(subject)
    _save(stored, _moved(subject.affine, fault), path)
    dice = _true_dice(subject, np.roll(stored, fault.moved_voxels, axis=(0, 1, 2)))
    return Planted(case_id, fault.structure, kind, fault.by_rules, dice)


def _moved(affine: NDArray[np.float64], fault: Fault) -> NDArray[np.float64]:
    affine[:3, 3] += affine[:3, :3] @ np.array(fault.moved_voxels)
    return affine


def _true_dice(subject: Subject, stored: Stored) -> dict[str, float]:
    """Return the Dice of the labels that differ from the true ones; values count rounded."""
    seen = np.rint(stored)
    dice = {name: overlap(seen == value, subject.labels == value) for name, value in LABELS.items()}
    return {name: round(value, 4) for name, value in dice.items() if value < 1}


def _save(array: NDArray[Any], affine: NDArray[np.float64], path: Path) -> None:
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nib.save(image, path)


def _edit(name: str, change: Change, *, over_others: bool = False) -> Edit:
    """Change one structure's mask.

    What it newly covers is background alone, or with `over_others` taken from its neighbours.
    """

    def edit(subject: Subject) -> Labels:
        """Return a label map in which the structure has changed."""
        labels, value = subject.labels.copy(), LABELS[name]
        mask = labels == value
        changed = change(mask)
        if not over_others:
            changed &= mask | (labels == 0)
        labels[mask] = 0
        labels[changed] = value
        return labels

    return edit


def _shifted(by: tuple[int, int, int]) -> Change:
    return lambda mask: np.roll(mask, by, axis=(0, 1, 2))


def _every_other_slice(mask: BoolArray) -> BoolArray:
    """Leave out every other slice, as a reader does who means to interpolate and forgets."""
    mask = mask.copy()
    mask[:, :, ::2] = False
    return mask


def _upper_half(mask: BoolArray) -> BoolArray:
    """Keep the upper slices, less than half of the volume: the reader stopped on the way down."""
    below = np.cumsum(mask.sum(axis=(0, 1))) / mask.sum()
    mask = mask.copy()
    mask[:, :, below < 0.55] = False
    return mask


def _right_part(mask: BoolArray) -> BoolArray:
    """Keep the right 45 % of the volume: of the pancreas the head, without body and tail."""
    to_the_left = np.cumsum(mask.sum(axis=(1, 2))) / mask.sum()
    mask = mask.copy()
    mask[to_the_left < 0.55] = False
    return mask


def _eroded(mask: BoolArray) -> BoolArray:
    """Erode slices until half of the volume is left."""
    smaller = mask
    while 2 * np.count_nonzero(smaller) > np.count_nonzero(mask):
        smaller = np.asarray(ndi.binary_erosion(smaller, _IN_PLANE))
    return smaller


def _dilated(mask: BoolArray) -> BoolArray:
    """Dilate slices until the volume is two and a half times what it was."""
    larger = mask
    while np.count_nonzero(larger) < 2.5 * np.count_nonzero(mask):
        larger = np.asarray(ndi.binary_dilation(larger, _IN_PLANE))
    return larger


def _outline(mask: BoolArray) -> BoolArray:
    """Keep an outline that was never filled, three voxels wide."""
    core = ndi.binary_erosion(mask, _IN_PLANE, iterations=3)
    return np.asarray(mask & ~core)


def _box(mask: BoolArray) -> BoolArray:
    """Fill the box round a structure: a detector's answer, stored as if it were an outline."""
    box = np.zeros_like(mask)
    box[ndi.find_objects(mask.astype(np.uint8))[0]] = True
    return box


def _with_islands(mask: BoolArray) -> BoolArray:
    """Add three blobs far away, together larger than the structure."""
    radius = (1.1 * np.count_nonzero(mask) / 4) ** (1 / 3)
    mask = mask.copy()
    for centre in ((0.62, 0.62, 0.16), (0.34, 0.6, 0.22), (0.7, 0.22, 0.3)):
        parts = zip(np.ogrid[tuple(slice(n) for n in mask.shape)], centre, mask.shape, strict=True)
        away = sum(
            ((at - share * n) / stretch) ** 2
            for (at, share, n), stretch in zip(parts, _BLOB, strict=True)
        )
        mask |= away < radius**2
    return mask


def _leaking_aorta(subject: Subject) -> Labels:
    """Let a threshold run from the aorta into the vertebrae, which are as bright."""
    labels, aorta = subject.labels.copy(), LABELS["aorta"]
    mask = labels == aorta
    near = ndi.binary_dilation(mask, iterations=9)
    bright = (ndi.gaussian_filter(subject.image.astype(np.float32), 0.7) > _BRIGHT_HU) & (
        labels == 0
    )
    bright |= ndi.binary_dilation(mask, iterations=2) & (labels == 0)
    labels[ndi.binary_propagation(mask, mask=mask | (bright & near))] = aorta
    return labels


def _exchanged(one: str, two: str) -> Edit:
    """Give two structures each other's name."""

    def edit(subject: Subject) -> Labels:
        """Return a label map in which they are exchanged."""
        swapped = subject.labels.copy()
        swapped[subject.labels == LABELS[one]] = LABELS[two]
        swapped[subject.labels == LABELS[two]] = LABELS[one]
        return swapped

    return edit


def _renamed(name: str, value: int) -> Edit:
    """Store a structure under a value that is another's, or nobody's."""
    return lambda subject: np.where(
        subject.labels == LABELS[name], np.uint8(value), subject.labels
    ).astype(np.uint8)


def _copied(name: str, *, seed: int) -> Edit:
    """Give a structure the mask it has in another subject."""
    return _edit(name, lambda _: make_subject(seed).labels == LABELS[name], over_others=True)


def _mirrored(subject: Subject) -> Labels:
    """Store the label map with left and right exchanged, as a lost orientation does."""
    return np.ascontiguousarray(subject.labels[::-1])


def _fractional(subject: Subject) -> Stored:
    """Resample to thick slices and back with interpolation, as careless tools do."""
    thick = ndi.zoom(subject.labels.astype(np.float32), (0.5, 0.5, 0.25), order=1)
    return np.asarray(ndi.zoom(thick, (2, 2, 4), order=1))


_BRIGHT_HU = 125.0
_BLOB = (1.5, 1.5, 0.6)
"""How a blob's radii in voxels stretch along the axes; slices are thick."""

_IN_PLANE = np.zeros((3, 3, 3), dtype=np.bool_)
_IN_PLANE[:, 1, 1] = _IN_PLANE[1, :, 1] = True

FAULTS: dict[str, Fault] = {
    "wrong_grid": Fault(
        None, lambda subject: subject.labels, by_rules=True, moved_voxels=(6, 12, 5)
    ),
    "mirrored": Fault(None, _mirrored, by_rules=True),
    "fractional_values": Fault(None, _fractional, by_rules=True),
    "undeclared_value": Fault("gallbladder", _renamed("gallbladder", 42), by_rules=True),
    "empty_mask": Fault("kidney_right", _edit("kidney_right", np.zeros_like), by_rules=False),
    "missing_slices": Fault("liver", _edit("liver", _every_other_slice), by_rules=True),
    "half_missing": Fault("liver", _edit("liver", _upper_half), by_rules=False),
    "part_missing": Fault("pancreas", _edit("pancreas", _right_part), by_rules=False),
    "outline_only": Fault("liver", _edit("liver", _outline), by_rules=True),
    "islands": Fault("spleen", _edit("spleen", _with_islands), by_rules=True),
    "too_small": Fault("spleen", _edit("spleen", _eroded), by_rules=False),
    "too_large": Fault("kidney_left", _edit("kidney_left", _dilated), by_rules=False),
    "box": Fault("pancreas", _edit("pancreas", _box), by_rules=False),
    "leak": Fault("aorta", _leaking_aorta, by_rules=False),
    "shifted": Fault(
        "kidney_right", _edit("kidney_right", _shifted((8, 5, 0)), over_others=True), by_rules=False
    ),
    "off_by_slices": Fault(
        "stomach", _edit("stomach", _shifted((0, 0, 5)), over_others=True), by_rules=False
    ),
    "sides_exchanged": Fault(
        "kidney_left", _exchanged("kidney_left", "kidney_right"), by_rules=True
    ),
    "names_exchanged": Fault("aorta", _exchanged("aorta", "inferior_vena_cava"), by_rules=False),
    "neighbour_swallowed": Fault("spleen", _renamed("stomach", LABELS["spleen"]), by_rules=False),
    "copied_mask": Fault("stomach", _copied("stomach", seed=4), by_rules=True),
}
"""Every kind of simulated error, one subject each."""
