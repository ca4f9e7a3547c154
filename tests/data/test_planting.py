"""The phantom set holds the faults it says it holds."""

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
