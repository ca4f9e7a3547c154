"""The phantom set holds the faults it says it holds."""

import json
from pathlib import Path

import numpy as np

from segassay.data.io import read_labels
from segassay.data.phantom import LABELS, make_phantom
from segassay.data.planting import FAULTS, plant_dataset
from segassay.data.readers import open_dataset


def test_phantom_is_reproducible_and_whole() -> None:
    one, two = make_phantom(4), make_phantom(4)
    np.testing.assert_array_equal(one.image, two.image)
    assert set(np.unique(one.labels)) == {0, *LABELS.values()}
    assert one.image[0, 0, 0] < -900
    assert not np.array_equal(one.labels, make_phantom(5).labels)


def test_planted_set_opens_and_differs_where_it_should(tmp_path: Path) -> None:
    planted = plant_dataset(tmp_path, n_clean=1)
    dataset = open_dataset(tmp_path)
    assert dataset.format == "nnunet"
    assert len(planted) == len(FAULTS) >= 8
    assert len(dataset.cases) == len(FAULTS) + 1
    for number, case in enumerate(dataset.cases[:-1], start=1):
        fault = planted[number - 1]
        stored = read_labels(case.labels[0].path)
        clean = make_phantom(number)
        same_voxels = np.array_equal(stored.volume.array, clean.labels)
        same_grid = np.allclose(stored.volume.grid.affine, clean.affine)
        assert same_voxels == (fault.kind == "wrong_grid"), fault
        assert same_grid == (fault.kind != "wrong_grid"), fault
        assert fault.struck, fault
        assert fault.structure is None or fault.structure in fault.struck


def test_truth_table_holds_the_true_dice(tmp_path: Path) -> None:
    planted = {p.kind: p for p in plant_dataset(tmp_path, n_clean=0)}
    assert planted["empty_mask"].true_dice == {"kidney_right": 0.0}
    assert planted["sides_exchanged"].true_dice == {"kidney_right": 0.0, "kidney_left": 0.0}
    assert planted["undeclared_value"].struck == {"gallbladder"}
    assert planted["wrong_grid"].struck == set(LABELS)
    liver = make_phantom(1 + list(FAULTS).index("half_missing")).labels == LABELS["liver"]
    kept = planted["half_missing"].true_dice["liver"]
    filled = np.flatnonzero(liver.any(axis=(0, 1)))
    upper = int(liver[:, :, filled[len(filled) // 2] :].sum())
    assert kept == round(2 * upper / (upper + int(liver.sum())), 4)
    table = json.loads((tmp_path / "planted.json").read_text())
    assert [entry["kind"] for entry in table] == list(FAULTS)
