"""A phantom data set in nnU-Net layout, with faults planted in it and a record of them."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.data.corruption.scene import BoolArray
from segassay.data.phantom import LABELS, Phantom, make_phantom
from segassay.metrics.overlap import dice as overlap
from segassay.records.strict_json import strict_json

Labels = NDArray[np.uint8]
Stored = NDArray[Any]

STRUCK_BELOW = 0.95
"""A label that agrees less than this with the true one is struck; the rest count as clean."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted fault. `structure` is `None` where it concerns the whole file.

    `true_dice` holds, for each structure whose label the fault changed, the Dice of the label as it
    lies on the image against the true one: a fault may harm neighbours, too.
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
    """A kind of fault: the structure it strikes, how, and whether a rule is made for it.

    `moved_voxels` is how far the header moves the label away from its image.
    """

    structure: str | None
    edit: Callable[[Labels], Stored]
    by_rules: bool
    moved_voxels: tuple[int, int, int] = (0, 0, 0)


def plant_dataset(root: Path, *, n_clean: int = 9) -> list[Planted]:
    """Write phantoms with one fault each, and `n_clean` without, as an nnU-Net raw data set.

    Returns what was planted; the same is written to `planted.json` beside the data set's files.
    """
    images, labels = root / "imagesTr", root / "labelsTr"
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    planted = []
    for number, (kind, fault) in enumerate([*FAULTS.items(), *[("", None)] * n_clean], start=1):
        case_id = f"phantom_{number:03d}"
        phantom = make_phantom(seed=number)
        _save(phantom.image, phantom.affine, images / f"{case_id}_0000.nii.gz")
        path = labels / f"{case_id}.nii.gz"
        if fault is None:
            _save(phantom.labels, phantom.affine, path)
            continue
        stored = fault.edit(phantom.labels.copy())
        _save(stored, _moved(phantom.affine, fault), path)
        dice = _true_dice(phantom, np.roll(stored, fault.moved_voxels, axis=(0, 1, 2)))
        planted.append(Planted(case_id, fault.structure, kind, fault.by_rules, dice))
    about = {
        "name": "phantom abdomen with planted faults",
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **LABELS},
        "numTraining": len(FAULTS) + n_clean,
        "file_ending": ".nii.gz",
    }
    text = json.dumps(about, indent=2, allow_nan=False)
    (root / "dataset.json").write_text(text, encoding="utf-8")
    about_planted = strict_json([asdict(p) for p in planted], indent=2)
    (root / "planted.json").write_text(about_planted, encoding="utf-8")
    return planted


def _moved(affine: NDArray[np.float64], fault: Fault) -> NDArray[np.float64]:
    affine[:3, 3] += affine[:3, :3] @ np.array(fault.moved_voxels)
    return affine


def _true_dice(phantom: Phantom, stored: Stored) -> dict[str, float]:
    """Return the Dice of the labels that differ from the true ones; values count rounded."""
    seen = np.rint(stored)
    dice = {name: overlap(seen == value, phantom.labels == value) for name, value in LABELS.items()}
    return {name: round(value, 4) for name, value in dice.items() if value < 1}


def _save(array: NDArray[Any], affine: NDArray[np.float64], path: Path) -> None:
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nib.save(image, path)


def _edit(name: str, change: Callable[[BoolArray], BoolArray]) -> Callable[[Labels], Labels]:
    """Change one structure's mask; what it newly covers is taken from its neighbours."""

    def edit(labels: Labels) -> Labels:
        """Change the structure in a label map of its own."""
        value = LABELS[name]
        mask = labels == value
        changed = change(mask)
        labels[mask] = 0
        labels[changed] = value
        return labels

    return edit


def _shifted(by: tuple[int, int, int]) -> Callable[[BoolArray], BoolArray]:
    return lambda mask: np.roll(mask, by, axis=(0, 1, 2))


def _without_slices(mask: BoolArray) -> BoolArray:
    filled = np.flatnonzero(mask.any(axis=(0, 1)))
    mask = mask.copy()
    mask[:, :, filled[len(filled) // 3 : len(filled) // 3 + 3]] = False
    return mask


def _upper_half(mask: BoolArray) -> BoolArray:
    filled = np.flatnonzero(mask.any(axis=(0, 1)))
    mask = mask.copy()
    mask[:, :, : filled[len(filled) // 2]] = False
    return mask


def _eroded(mask: BoolArray) -> BoolArray:
    return np.asarray(ndi.binary_erosion(mask, _IN_PLANE, iterations=3))


def _dilated(mask: BoolArray) -> BoolArray:
    return np.asarray(ndi.binary_dilation(mask, _IN_PLANE, iterations=4))


def _hollow(mask: BoolArray) -> BoolArray:
    core = ndi.binary_erosion(mask, iterations=4)
    return np.asarray(mask & ~core)


def _with_islands(mask: BoolArray) -> BoolArray:
    mask = mask.copy()
    for at in ((20, 60, 8), (85, 30, 28), (60, 70, 30)):
        mask[tuple(slice(n, n + 6) for n in at)] = True
    return mask


def _sides_exchanged(labels: Labels) -> Labels:
    right, left = LABELS["kidney_right"], LABELS["kidney_left"]
    swapped = labels.copy()
    swapped[labels == right], swapped[labels == left] = left, right
    return swapped


def _neighbour_swallowed(labels: Labels) -> Labels:
    labels[labels == LABELS["stomach"]] = LABELS["spleen"]
    return labels


def _copied(name: str, *, seed: int) -> Callable[[Labels], Labels]:
    """Give a structure the mask it has in another phantom."""
    return _edit(name, lambda _: make_phantom(seed).labels == LABELS[name])


def _fractional(labels: Labels) -> Stored:
    """Resample to thick slices and back with interpolation, as careless tools do."""
    thick = ndi.zoom(labels.astype(np.float32), (1, 1, 0.5), order=1)
    return np.asarray(ndi.zoom(thick, (1, 1, 2), order=1))


def _undeclared(labels: Labels) -> Labels:
    labels[labels == LABELS["gallbladder"]] = 42
    return labels


_IN_PLANE = np.zeros((3, 3, 3), dtype=np.bool_)
_IN_PLANE[:, 1, 1] = _IN_PLANE[1, :, 1] = True

FAULTS: dict[str, Fault] = {
    "wrong_grid": Fault(None, lambda labels: labels, by_rules=True, moved_voxels=(3, 0, 2)),
    "fractional_values": Fault(None, _fractional, by_rules=True),
    "undeclared_value": Fault("gallbladder", _undeclared, by_rules=True),
    "empty_mask": Fault("kidney_right", _edit("kidney_right", np.zeros_like), by_rules=False),
    "missing_slices": Fault("liver", _edit("liver", _without_slices), by_rules=True),
    "hollow": Fault("liver", _edit("liver", _hollow), by_rules=True),
    "islands": Fault("spleen", _edit("spleen", _with_islands), by_rules=True),
    "half_missing": Fault("liver", _edit("liver", _upper_half), by_rules=False),
    "too_small": Fault("spleen", _edit("spleen", _eroded), by_rules=False),
    "too_large": Fault("kidney_left", _edit("kidney_left", _dilated), by_rules=False),
    "shifted": Fault("kidney_right", _edit("kidney_right", _shifted((6, 4, 0))), by_rules=False),
    "off_by_slices": Fault("stomach", _edit("stomach", _shifted((0, 0, 5))), by_rules=False),
    "sides_exchanged": Fault("kidney_left", _sides_exchanged, by_rules=False),
    "neighbour_swallowed": Fault("spleen", _neighbour_swallowed, by_rules=False),
    "copied_mask": Fault("stomach", _copied("stomach", seed=4), by_rules=True),
}
"""Every kind of planted fault, one phantom each."""
