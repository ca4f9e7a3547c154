"""BIDS labels whose names leave open which image they belong to."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import write_nifti
from segassay.datasets.case import FileIssue
from segassay.datasets.opening import open_dataset
from segassay.errors import DatasetError

VOXELS = np.ones((3, 3, 3), np.uint8)
RUN_2 = "sub-01/anat/sub-01_run-2_T1w.nii.gz"


def runs(root: Path, *, of: str = "") -> Path:
    """Write two runs and a mask, whose name says `of` which; return its sidecar's place."""
    label = f"derivatives/manual/sub-01/anat/sub-01{of}_label-liver_mask"
    for run in (1, 2):
        write_nifti(root / "sub-01" / "anat" / f"sub-01_run-{run}_T1w.nii.gz", VOXELS)
    write_nifti(root / f"{label}.nii.gz", VOXELS)
    return root / f"{label}.json"


def owners(root: Path) -> list[str]:
    return [case.case_id for case in open_dataset(root).cases if case.labels]


@pytest.mark.parametrize("key", ["RawSources", "Sources", "SpatialReference"])
@pytest.mark.parametrize(
    "value",
    [
        f"bids::{RUN_2}",
        f"bids:raw:{RUN_2}",
        [f"bids::{RUN_2}"],
        {"liver": f"bids::{RUN_2}"},
        RUN_2,
        f"/{RUN_2}",
        f"../../../../{RUN_2}",
        "sub-01_run-2_T1w.nii.gz",
        ["https://templateflow.org/tpl.nii.gz", RUN_2],
        RUN_2.replace("/", "\\"),
        RUN_2.removesuffix(".gz"),
    ],
)
def test_a_label_belongs_to_the_image_that_its_sidecar_names(
    tmp_path: Path, key: str, value: Any
) -> None:
    runs(tmp_path).write_text(json.dumps({"Type": "ROI", key: value}))
    assert owners(tmp_path) == ["sub-01_run-2_T1w"]
    assert open_dataset(tmp_path).unmatched == ()


def test_the_grid_a_label_lies_on_comes_before_what_it_was_made_of(tmp_path: Path) -> None:
    said = {"RawSources": RUN_2.replace("run-2", "run-1"), "SpatialReference": RUN_2}
    runs(tmp_path).write_text(json.dumps(said))
    assert owners(tmp_path) == ["sub-01_run-2_T1w"]


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        {"SpatialReference": "MNI152NLin6Asym"},
        {"RawSources": [RUN_2, RUN_2.replace("run-2", "run-1")]},
        {"RawSources": 3, "Sources": [None], "SpatialReference": ""},
        {"Sources": RUN_2.replace("anat", "func")},
    ],
)
def test_a_label_of_one_of_several_runs_is_told(tmp_path: Path, said: Any) -> None:
    sidecar = runs(tmp_path)
    if said is not None:
        sidecar.write_text(json.dumps(said))
    write_nifti(tmp_path / "sub-02" / "anat" / "sub-02_T1w.nii.gz", VOXELS)
    write_nifti(tmp_path / "sub-02" / "anat" / "sub-02_label-liver_mask.nii.gz", VOXELS)
    assert owners(tmp_path) == ["sub-02_T1w"]
    (told,) = open_dataset(tmp_path).unmatched
    assert told.path == sidecar.with_name("sub-01_label-liver_mask.nii.gz")
    assert told.issue is FileIssue.LABEL_WITHOUT_IMAGE


def test_a_label_that_names_its_run_needs_no_sidecar(tmp_path: Path) -> None:
    runs(tmp_path, of="_run-2")
    assert owners(tmp_path) == ["sub-01_run-2_T1w"]


def test_an_image_without_a_run_comes_before_others(tmp_path: Path) -> None:
    runs(tmp_path)
    write_nifti(tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz", VOXELS)
    assert owners(tmp_path) == ["sub-01_T1w"]


def test_sessions_that_a_label_leaves_open(tmp_path: Path) -> None:
    for session in ("a", "b"):
        folder = tmp_path / "sub-01" / f"ses-{session}" / "anat"
        write_nifti(folder / f"sub-01_ses-{session}_T1w.nii.gz", VOXELS)
    write_nifti(tmp_path / "derivatives" / "m" / "sub-01" / "sub-01_dseg.nii.gz", VOXELS)
    dataset = open_dataset(tmp_path)
    assert [len(case.labels) for case in dataset.cases] == [0, 0]
    assert [u.issue for u in dataset.unmatched] == [FileIssue.LABEL_WITHOUT_IMAGE]


def test_a_broken_sidecar_is_one_line(tmp_path: Path) -> None:
    runs(tmp_path).write_text("{")
    with pytest.raises(DatasetError):
        open_dataset(tmp_path)
