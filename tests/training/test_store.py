"""Training takes the labels that an audit calls valid, and says what it leaves out."""

from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti, write_phantoms
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.datasets.opening import open_dataset
from segassay.errors import ReadError, UsageError
from segassay.training.material.material import load_material
from segassay.training.material.store import StoredSet, load_case, load_set
from segassay.training.settings import JudgeRecipe, SetRecipe

RECIPE = SetRecipe(name="set", path="set", modality="ct")


def stored(root: Path) -> tuple[StoredSet, list[str]]:
    said: list[str] = []
    dataset = open_dataset(root)
    subjects = frozenset(case.subject_id for case in dataset.cases)
    return load_set(RECIPE, dataset, subjects, say=said.append), said


def test_labels_on_another_grid_and_with_fractions_are_left_out(tmp_path: Path) -> None:
    root = write_phantoms(tmp_path / "set", (1, 2, 3))
    phantom = make_phantom(2)
    far = phantom.affine.copy()
    far[:3, 3] += 200
    write_nifti(root / "labels" / "p2.nii.gz", phantom.labels, far)
    soft = (make_phantom(3).labels > 0) * np.float32(0.5)
    write_nifti(root / "labels" / "p3.nii.gz", soft, make_phantom(3).affine)
    found, said = stored(root)
    assert [case.case_id for case in found.cases] == ["p1"]
    assert found.holders == dict.fromkeys(found.cases[0].labels, (0,))
    assert len(said) == 2
    assert ["p2" in said[0], "p3" in said[1]] == [True, True]
    assert all("\n" not in line for line in said)


def test_one_bad_label_costs_that_label(tmp_path: Path) -> None:
    phantom = make_phantom(1)
    root = tmp_path / "set"
    write_nifti(root / "a" / "ct.nii.gz", phantom.image, phantom.affine)
    for name, scale in (("liver", 1.0), ("spleen", 0.4)):
        mask = (phantom.labels == LABELS[name]) * np.float32(scale)
        write_nifti(root / "a" / "segmentations" / f"{name}.nii.gz", mask, phantom.affine)
    found, said = stored(root)
    assert list(found.cases[0].labels) == ["liver"]
    assert len(found.cases[0].problems) == len(said) == 1
    expected = int((phantom.labels == LABELS["liver"]).sum())
    assert int(found.cases[0].labels["liver"].areas.sum()) == expected


def test_one_bad_image_costs_that_case(tmp_path: Path) -> None:
    root = write_phantoms(tmp_path / "set", (1, 2))
    (root / "images" / "p2.nii.gz").write_bytes(b"no image")
    found, said = stored(root)
    assert [case.case_id for case in found.cases] == ["p1"]
    assert len(said) == 1
    (bad,) = (case for case in open_dataset(root).cases if case.case_id == "p2")
    with pytest.raises(ReadError):
        load_case(RECIPE, bad)


def test_a_set_without_anything_to_learn_from_is_refused(tmp_path: Path) -> None:
    root = write_phantoms(tmp_path / "set", (1, 2))
    for path in (root / "labels").iterdir():
        path.write_bytes(b"no label")
    with pytest.raises(UsageError):
        load_material(JudgeRecipe(name="x", data=(RECIPE,)), tmp_path, say=lambda _: None)


@pytest.mark.parametrize("n_values", [2, 256, 257, 700])
def test_many_values_keep_apart(tmp_path: Path, n_values: int) -> None:
    """Beyond 256 values one number more would become 0, the background."""
    labels = np.resize(np.arange(n_values, dtype=np.int32), (20, 20, 2))
    labels[0, 0, 0] = 0
    root = tmp_path / "set"
    write_nifti(root / "images" / "a.nii.gz", np.zeros(labels.shape, dtype=np.int16))
    write_nifti(root / "labels" / "a.nii.gz", labels)
    names = ", ".join(f'"{n}": "part_{n}"' for n in range(1, n_values))
    (root / "labels.json").write_text("{" + names + "}")
    case = load_case(RECIPE, open_dataset(root).cases[0])
    assert case.maps[0].dtype == (np.uint8 if n_values <= 256 else np.uint16)
    for value in {1, n_values - 1, min(256, n_values - 1)}:
        mask = case.mask(f"part_{value}", [0, 1])
        assert int(mask.sum()) == int((labels == value).sum()) > 0
