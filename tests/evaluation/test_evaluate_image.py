"""All pairs of one image: what is wrong with a row stays in that row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import write_nifti
from pair_samples import pair_row, write_pair_table
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.datasets.pair_table import Pair, read_pair_table
from segassay.evaluation import evaluate_image as module
from segassay.evaluation.evaluate_image import evaluate_image
from segassay.judge.scoring import Judge, load_judge
from segassay.records.judged_pairs import JudgedPair
from segassay.types import Remark, Status


@pytest.fixture(scope="module")
def old_judge() -> Judge:
    return load_judge("judge-v0")


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Pair, ...]:
    """The liver as it is, moved, missing on disk, and on a smaller grid."""
    phantom = make_phantom(1)
    liver = (phantom.labels == LABELS["liver"]).astype(np.uint8)
    write_nifti(tmp_path / "i1.nii.gz", phantom.image, phantom.affine)
    write_nifti(tmp_path / "g1.nii.gz", phantom.labels, phantom.affine)
    write_nifti(tmp_path / "same.nii.gz", liver, phantom.affine)
    write_nifti(tmp_path / "moved.nii.gz", np.roll(liver, 8, axis=0), phantom.affine)
    write_nifti(tmp_path / "small.nii.gz", liver[:-2], phantom.affine)
    names = ("same", "gone", "moved", "small")
    rows = [pair_row(1, f"{name}.nii.gz", "liver") for name in names]
    return read_pair_table(write_pair_table(tmp_path / "pairs.csv", rows))


def judged(pairs: tuple[Pair, ...], judge: Judge) -> list[JudgedPair]:
    record = evaluate_image(pairs, judge, blind=judge)
    assert (record.rows, record.findings) == ((), ())
    return [JudgedPair.from_json(data) for data in record.facts]


def test_every_row_is_judged_for_itself(pairs: tuple[Pair, ...], old_judge: Judge) -> None:
    same, gone, moved, small = judged(pairs, old_judge)
    assert [row.row for row in (same, gone, moved, small)] == [1, 2, 3, 4]
    assert (gone.status, small.status) == (Status.FAILED, Status.INVALID)
    assert np.isnan([gone.score, gone.true_dice, small.score, small.true_dice]).all()
    assert (same.true_dice, same.true_nsd) == (1, 1)
    assert 0 < moved.true_dice < 1
    for row in (same, moved):
        assert row.status in (Status.SCORED, Status.ABSTAINED)
        assert 0 <= row.score <= 1
        assert 0 <= row.mask_only <= 1
        assert row.n_gold_voxels == same.n_voxels


def test_an_image_that_cannot_be_read_costs_all_its_rows(
    pairs: tuple[Pair, ...], old_judge: Judge, tmp_path: Path
) -> None:
    (tmp_path / "i1.nii.gz").write_bytes(b"no image")
    record = evaluate_image(pairs, old_judge, blind=old_judge)
    rows = [JudgedPair.from_json(data) for data in record.facts]
    assert [row.status for row in rows] == [Status.FAILED] * 4
    assert record.error
    assert not any(row.remarks for row in rows)


def test_a_bug_costs_one_image_and_is_told_apart(
    pairs: tuple[Pair, ...], old_judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> float:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(module, "dice", fail)
    rows = judged(pairs, old_judge)
    assert [row.status for row in rows] == [Status.FAILED] * 4
    assert all(row.remarks == {Remark.INTERNAL_ERROR} for row in rows)


def test_both_empty_has_no_dice(tmp_path: Path, old_judge: Judge) -> None:
    phantom = make_phantom(1)
    nothing = np.zeros(phantom.labels.shape, np.uint8)
    write_nifti(tmp_path / "i1.nii.gz", phantom.image, phantom.affine)
    write_nifti(tmp_path / "g1.nii.gz", nothing, phantom.affine)
    write_nifti(tmp_path / "m.nii.gz", nothing, phantom.affine)
    table = write_pair_table(tmp_path / "pairs.csv", [pair_row(1, "m.nii.gz", "liver")])
    (row,) = judged(read_pair_table(table), old_judge)
    assert np.isnan(row.true_dice)
    assert Remark.BOTH_EMPTY in row.remarks
