"""References come from training subjects only, as many as are wanted and no more."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.frozen_test.training_references import training_references
from conftest import write_nifti
from segassay.datasets.opening import open_dataset
from segassay.datasets.splits import split_subjects


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten subjects in natural order; the spleen is missing in the first two."""
    image = np.zeros((6, 6, 4), dtype=np.int16)
    for number in range(1, 11):
        labels = np.zeros((6, 6, 4), dtype=np.uint8)
        labels[1, 1, 1] = 1
        labels[3, 3, 2] = 2 if number > 2 else 0
        write_nifti(tmp_path / "images" / f"p{number}.nii.gz", image)
        write_nifti(tmp_path / "labels" / f"p{number}.nii.gz", labels)
    (tmp_path / "labels.json").write_text('{"1": "liver", "2": "spleen"}')
    return tmp_path


def test_every_structure_gets_the_first_subjects_that_hold_it(root: Path) -> None:
    found = training_references(open_dataset(root), n_each=3, modality=None)
    held = {reference.name: sorted(reference.masks) for reference in found}
    assert held == {
        "p1": ["liver"],
        "p2": ["liver"],
        "p3": ["liver", "spleen"],
        "p4": ["spleen"],
        "p5": ["spleen"],
    }


def test_no_tuning_or_test_subject_is_a_reference(root: Path) -> None:
    dataset = open_dataset(root)
    split = split_subjects(dataset.subjects)
    found = training_references(dataset, n_each=100, modality=None)
    assert {reference.name for reference in found} == set(split.train)
    assert not {reference.name for reference in found} & {*split.tuning, *split.test}
