"""The simulated set holds the errors that it says it holds."""

import json
from pathlib import Path

import numpy as np
import pytest

from segassay.corruption.abdomen.subject import LABELS, make_subject
from segassay.datasets.opening import open_dataset
from segassay.demo.planting import FAULTS, STRUCK_BELOW, plant_dataset
from segassay.images.io import read_labels
from segassay.metrics.overlap import dice

FEW = ("wrong_grid", "half_missing", "sides_exchanged")
CLEARLY_WRONG = 0.75


@pytest.mark.parametrize("kind", FAULTS)
def test_an_error_is_one_and_harms_no_neighbour_by_halves(kind: str) -> None:
    """A label that the error is about is clearly wrong; a label beside it counts as clean."""
    subject = make_subject(1 + list(FAULTS).index(kind))
    fault, before = FAULTS[kind], subject.labels.copy()
    stored = fault.edit(subject)
    np.testing.assert_array_equal(subject.labels, before)
    assert stored.shape == before.shape
    seen = np.rint(np.roll(stored, fault.moved_voxels, axis=(0, 1, 2)))
    left = {name: dice(seen == value, before == value) for name, value in LABELS.items()}
    wrong = {name for name, value in left.items() if value < STRUCK_BELOW}
    assert all(left[name] < CLEARLY_WRONG for name in wrong)
    assert wrong == set(LABELS) if fault.structure is None else fault.structure in wrong


def test_planted_set_opens_and_differs_where_it_should(tmp_path: Path) -> None:
    planted = plant_dataset(tmp_path, faults={kind: FAULTS[kind] for kind in FEW}, n_clean=1)
    dataset = open_dataset(tmp_path)
    assert dataset.format == "nnunet"
    assert [p.kind for p in planted] == list(FEW)
    assert len(dataset.cases) == len(FEW) + 1
    for number, case in enumerate(dataset.cases, start=1):
        kind = "" if number > len(FEW) else FEW[number - 1]
        stored = read_labels(case.labels[0].path)
        clean = make_subject(number)
        same_voxels = np.array_equal(stored.volume.array, clean.labels)
        same_grid = np.allclose(stored.volume.grid.affine, clean.affine)
        assert same_voxels == (kind in {"", "wrong_grid"})
        assert same_grid == (kind != "wrong_grid")


def test_truth_table_holds_the_true_dice(tmp_path: Path) -> None:
    listed = plant_dataset(tmp_path, faults={kind: FAULTS[kind] for kind in FEW}, n_clean=0)
    planted = {p.kind: p for p in listed}
    assert planted["sides_exchanged"].true_dice == {"kidney_right": 0.0, "kidney_left": 0.0}
    assert planted["wrong_grid"].struck == set(LABELS)
    liver = make_subject(1 + FEW.index("half_missing")).labels == LABELS["liver"]
    stored = read_labels(tmp_path / "labelsTr" / "phantom_002.nii.gz").volume.array
    kept = dice(stored == LABELS["liver"], liver)
    assert planted["half_missing"].true_dice == {"liver": round(kept, 4)}
    table = json.loads((tmp_path / "planted.json").read_text())
    assert [entry["kind"] for entry in table] == list(FEW)
