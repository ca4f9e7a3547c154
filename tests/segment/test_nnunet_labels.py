"""Labels and splits in which nnU-Net finds what an audit says."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import write_nifti
from segassay.cli.app import main
from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.errors import UsageError
from segassay.images.io import read_image
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.segment.nnunet_labels import write_nnunet_labels
from segassay.types import ExitCode

N = 6


def raw_set(root: Path) -> Dataset:
    """An nnU-Net raw data set of six cases with two structures."""
    for number in range(N):
        label = np.zeros((8, 9, 4), dtype=np.uint8)
        label[1:4, 2:6, 1:3], label[5:7, 2:6, 1:3] = 1, 2
        write_nifti(root / "imagesTr" / f"c{number}_0000.nii.gz", label.astype(np.float32))
        write_nifti(root / "labelsTr" / f"c{number}.nii.gz", label)
    about = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "liver": 1, "spleen": 2},
        "numTraining": N,
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(about))
    return open_dataset(root)


def doubt(case: Case, image: Volume, masks: Mapping[str, Mask]) -> dict[str, Any]:
    """Everything in the lower slice of a label is wrong."""
    del case
    found = {}
    for name, mask in masks.items():
        wrong = np.zeros(image.grid.shape, dtype=np.float32)
        wrong[mask.box] = mask.inside
        wrong[:, :, 2:] = 0
        found[name] = wrong
    return found


def quiet(line: str) -> None:
    del line


def test_doubtful_voxels_are_ignored_and_cases_named_as_often_as_they_count(
    tmp_path: Path,
) -> None:
    data = raw_set(tmp_path / "raw")
    weights = {("c0", "liver"): 0.2, ("c1", "liver"): 0.0, ("c1", "spleen"): 0.1}
    out = tmp_path / "out"
    found = write_nnunet_labels(data, out, weights=weights, doubt=doubt, most=3, say=quiet)
    assert (found.n_cases, found.n_ignored, found.left_out) == (N, 2, ("c1",))
    about = json.loads((out / "dataset.json").read_text())
    assert about["labels"] == {"background": 0, "liver": 1, "spleen": 2, "ignore": 3}
    assert about["channel_names"] == {"0": "MRI"}
    assert about["file_ending"] == ".nii.gz"
    before, after = (read_image(root / "labelsTr" / "c0.nii.gz").array for root in (data.root, out))
    changed = before != after
    assert (after[changed] == 3).all()
    assert (before[changed] == 1).all()
    assert 0 < changed.sum() < (before == 1).sum()
    splits = json.loads((out / "splits_final.json").read_text())
    assert len(splits) == 5
    assert sorted(name for fold in splits for name in fold["val"]) == [
        f"c{n}" for n in range(N) if n != 1
    ]
    for fold in splits:
        assert set(fold["train"]).isdisjoint(fold["val"])
        times = Counter(fold["train"])
        assert all(n == (2 if name == "c0" else 3) for name, n in times.items())
        assert "c1" not in times


def test_the_command_writes_it_once(tmp_path: Path) -> None:
    raw_set(tmp_path / "raw")
    (tmp_path / "weights.csv").write_text("case_id,structure,weight\nc0,liver,0.3\n")
    words = ["train", "nnunet", tmp_path / "raw", "-o", tmp_path / "out", "--times", "2"]
    words += ["--weights", tmp_path / "weights.csv"]
    for code in (ExitCode.DONE, ExitCode.USAGE):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        assert ended.value.code == code
    splits = json.loads((tmp_path / "out" / "splits_final.json").read_text())
    assert Counter(splits[0]["train"]).most_common(1)[0][1] == 2


def test_a_broken_case_costs_itself(tmp_path: Path) -> None:
    data = raw_set(tmp_path / "raw")
    (tmp_path / "raw" / "labelsTr" / "c2.nii.gz").write_bytes(b"no label")
    found = write_nnunet_labels(data, tmp_path / "out", weights={}, doubt=None, say=quiet)
    assert [name for name, _ in found.failed] == ["c2"]
    assert found.exit_code is ExitCode.CASES_FAILED
    assert found.n_cases == N - 1
    with pytest.raises(UsageError):
        write_nnunet_labels(data, tmp_path / "new", weights={}, doubt=None, most=0, say=quiet)
