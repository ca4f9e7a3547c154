"""The shipped judge as callers use it."""

import shutil
from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import write_nifti
from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, Phantom, make_phantom
from segassay.errors import ContentError, GeometryError, ModelError, ReadError
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.scoring import Judge, judge_of, load_judge
from segassay.types import DEFAULT_BASE, Remark, Status


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(3)


def liver(phantom: Phantom) -> np.ndarray:
    return np.asarray(phantom.labels == LABELS["liver"])


def test_good_mask_scores_above_a_bad_one(judge: Judge, phantom: Phantom) -> None:
    mask = liver(phantom)
    spacing = SPACING_MM
    good = judge.score(phantom.image, mask, "liver", spacing, "ct")
    bad = judge.score(phantom.image, np.roll(mask, 16, axis=0), "liver", spacing, "ct")
    assert good.status is Status.SCORED
    assert bad.value < good.value
    assert good.low <= good.value <= good.high
    assert 0 <= bad.low <= bad.high <= 1
    assert bad.worst_slice is not None
    assert all(mask[:, :, s.index].sum() == s.n_pixels for s in good.slices)


def test_score_does_not_depend_on_storage(judge: Judge, phantom: Phantom, tmp_path: Path) -> None:
    plain = write_nifti(tmp_path / "a.nii.gz", phantom.image, phantom.affine)
    mask = write_nifti(tmp_path / "m.nii.gz", liver(phantom).astype(np.uint8), phantom.affine)
    flip = phantom.affine @ np.array(
        [[0, -1, 0, phantom.image.shape[0] - 1], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    )
    turned = phantom.image.transpose(1, 0, 2)[:, ::-1]
    turned_mask = liver(phantom).transpose(1, 0, 2)[:, ::-1].astype(np.uint8)
    one = judge.score(plain, mask, "liver")
    two = judge.score(
        write_nifti(tmp_path / "b.nii.gz", turned, flip),
        write_nifti(tmp_path / "n.nii.gz", turned_mask, flip),
        "liver",
    )
    array = judge.score(phantom.image, liver(phantom), "liver", SPACING_MM)
    assert two.value == pytest.approx(one.value, abs=1e-4)
    assert array.value == pytest.approx(one.value, abs=1e-4)


def test_pictures_as_arrays_as_paths_grey_and_colour(judge: Judge, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((90, 120), dtype=np.uint8)
    mask[20:60, 30:80] = 255
    grey = np.asarray(
        np.clip(90 + 80 * (mask > 0) + rng.normal(0, 9, mask.shape), 0, 255), np.uint8
    )
    Image.fromarray(grey).save(tmp_path / "i.png")
    Image.fromarray(mask).save(tmp_path / "m.png")
    of_array = judge.score(grey, mask, "skin lesion", modality="dermoscopy")
    of_path = judge.score(
        tmp_path / "i.png", tmp_path / "m.png", "skin_lesion", modality="dermoscopy"
    )
    of_colour = judge.score(
        np.repeat(grey[..., None], 3, axis=2), mask, "skin_lesion", modality="dermoscopy"
    )
    assert of_array.value == pytest.approx(of_path.value, abs=1e-5)
    assert of_colour.value == pytest.approx(of_path.value, abs=1e-3)
    assert len(of_array.slices) == 1


def test_empty_mask_is_judged_by_presence(judge: Judge, phantom: Phantom) -> None:
    empty = np.zeros_like(liver(phantom))
    score = judge.score(phantom.image, empty, "liver", modality="ct")
    assert score.status in (Status.ABSENT_OK, Status.ABSENT_SUSPECT)
    assert isnan(score.value)
    assert score.slices == ()
    nameless = judge.score(phantom.image, empty)
    assert nameless.status is Status.ABSTAINED


def test_unknown_name_is_judged_without_it_and_says_so(judge: Judge, phantom: Phantom) -> None:
    strange = judge.score(phantom.image, liver(phantom), "left flugelhorn")
    nameless = judge.score(phantom.image, liver(phantom))
    assert strange.value == nameless.value
    assert {Remark.NEVER_LEARNED, Remark.NEVER_TESTED} <= strange.remarks
    assert Remark.NO_NAME not in strange.remarks
    assert Remark.NO_NAME in nameless.remarks
    assert "'left flugelhorn'" in strange.reason


def test_a_low_score_says_that_expert_labels_scored_low_too(phantom: Phantom) -> None:
    folder = open_judge(find_judge(DEFAULT_BASE))
    tested = folder.meta.evidence
    hard = {}
    for untouched in (0.55, 0.9, None):
        of_liver = tested["liver"].model_copy(update={"untouched": untouched})
        meta = folder.meta.model_copy(update={"evidence": {**tested, "liver": of_liver}})
        judge = judge_of(replace(folder, meta=meta))
        masks = [np.roll(liver(phantom), shift, axis=0) for shift in (0, 20)]
        good, bad = (judge.score(phantom.image, m, "liver", modality="ct") for m in masks)
        assert good.value > 0.8 > bad.value
        assert Remark.HARD_STRUCTURE not in good.remarks
        hard[untouched] = Remark.HARD_STRUCTURE in bad.remarks
        assert ("0.55" in bad.reason) is (untouched == 0.55)
    assert hard == {0.55: True, 0.9: False, None: False}


def test_many_and_labels_equal_one_by_one(judge: Judge, phantom: Phantom) -> None:
    items = [
        {"image": phantom.image, "mask": phantom.labels == LABELS[name], "structure": name}
        for name in ("liver", "spleen")
    ]
    values = [score.value for score in judge.score_many(items)]
    assert values == [judge.score(**item).value for item in items]


def test_suggestion_is_on_the_slice_and_keeps_the_mask(judge: Judge, phantom: Phantom) -> None:
    mask = np.roll(liver(phantom), 10, axis=0)
    suggestion = judge.suggest(phantom.image, mask, "liver", SPACING_MM)
    rows, columns = phantom.image.shape[1], phantom.image.shape[0]
    assert suggestion.mask.shape == suggestion.suggested.shape == (rows, columns)
    assert suggestion.mask.sum() == mask[:, :, suggestion.index].sum()
    assert suggestion.pixel_mm == SPACING_MM[:2]
    assert suggestion.image.min() >= 0
    assert suggestion.error.max() <= 1


def test_tiny_mask_abstains(judge: Judge, phantom: Phantom) -> None:
    dot = np.zeros_like(liver(phantom))
    dot[50, 50, 10] = True
    score = judge.score(phantom.image, dot, "liver")
    assert score.status is Status.ABSTAINED
    assert Remark.FEW_VOXELS in score.remarks


def test_bad_input_is_one_line(judge: Judge, phantom: Phantom, tmp_path: Path) -> None:
    mask = liver(phantom)
    with pytest.raises(GeometryError, match=r"shape \(3, 3, 3\)"):
        judge.score(phantom.image, mask[:3, :3, :3])
    with pytest.raises(ContentError, match="NaN"):
        judge.score(np.full((8, 8), np.nan), np.ones((8, 8)))
    with pytest.raises(ContentError, match="spacing_mm"):
        judge.score(phantom.image, mask, spacing_mm=(1.0, -1.0, 1.0))
    with pytest.raises(ReadError, match="no such file"):
        judge.score(tmp_path / "nowhere.nii.gz", mask)
    image = write_nifti(tmp_path / "i.nii.gz", phantom.image, phantom.affine)
    moved = phantom.affine
    moved[0, 3] += 50
    other = write_nifti(tmp_path / "m.nii.gz", mask.astype(np.uint8), moved)
    with pytest.raises(GeometryError, match="another grid"):
        judge.score(image, other)


def test_damaged_judge_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "judge-v0"
    shutil.copytree(find_judge("judge-v0"), folder)
    assert load_judge(str(folder)).model_id
    calibration = folder / "calibration.json"
    calibration.write_text(calibration.read_text() + " ")
    with pytest.raises(ModelError, match=r"calibration.json differs"):
        load_judge(str(folder))
    (folder / "judge.onnx").unlink()
    with pytest.raises(ModelError, match=r"judge\.onnx is missing"):
        open_judge(folder)
    with pytest.raises(ModelError, match="no judge 'nowhere'"):
        load_judge("nowhere")


def test_shipped_judge_is_small_and_described(judge: Judge) -> None:
    folder = open_judge(find_judge("judge-v0"))
    assert (folder.meta.parameters or 0) <= 2_000_000
    assert folder.onnx.stat().st_size < 20e6
    assert "research" in (folder.path / "card.md").read_text()
    assert not judge.trained_on("0" * 64)
    assert judge.trained_on(folder.meta.training_images[0])
    for subjects in folder.meta.training_subjects.values():
        assert not set(subjects["train"]) & set(subjects["tuning"])
