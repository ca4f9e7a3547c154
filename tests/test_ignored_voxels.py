"""Voxels that a data set declares to be ignored are unknown: to readers, rules and scores."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from check_views import FILE, cube, facts, names, view
from conftest import write_nifti
from segassay.checks.all_checks import check_label
from segassay.checks.cohort_rules.cohort import unused_structure, volume_outlier
from segassay.checks.file_rules.values import interpolated_values, label_values, mask_coding
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.datasets.pair_table import read_pair_table
from segassay.evaluation.evaluate_image import evaluate_image
from segassay.images.io import read_label, read_labels
from segassay.images.label_ref import LabelRef
from segassay.images.volume import Volume, to_canonical
from segassay.judge.comparison.gold_cases import GoldCase, GoldCases
from segassay.judge.comparison.traits import TRAITS, Traits
from segassay.judge.scoring import Judge
from segassay.metrics.overlap import dice
from segassay.pairs.pairs_of_case import PairsContext, pairs_of_case
from segassay.records.judged_pairs import JudgedPair
from segassay.training.material.store import load_case
from segassay.training.settings import SetRecipe
from segassay.types import Modality, Status

Bool = NDArray[np.bool_]


def described(root: Path, labels: dict[str, object], about: dict[str, object]) -> Path:
    image = np.arange(8 * 8 * 6).reshape(8, 8, 6).astype(np.int16)
    coded = np.zeros((8, 8, 6), dtype=np.uint8)
    coded[2:5, 2:5, :3] = 1
    coded[3, 3, 1] = 2
    coded[..., 3] = 5
    for name in ("a_0000", "a"):
        write_nifti(root / "imagesTr" / f"{name}.nii.gz", image)
    write_nifti(root / "labelsTr" / "a.nii.gz", coded)
    root.joinpath("dataset.json").write_text(json.dumps({"labels": labels, **about}))
    return root


NNUNET: dict[str, object] = {"channel_names": {"0": "CT"}, "file_ending": ".nii.gz"}
MSD: dict[str, object] = {
    "modality": {"0": "CT"},
    "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
}


@pytest.mark.parametrize(
    ("labels", "about", "expected"),
    [
        ({"background": 0, "liver": 1, "tumor": 2, "ignore": 5}, NNUNET, {"liver": 26, "tumor": 1}),
        (
            {"background": 0, "whole": [1, 2], "core": [2], "ignore": 5},
            NNUNET,
            {"whole": 27, "core": 1},
        ),
        (
            {"0": "background", "1": "liver", "2": "tumor", "5": "Ignore"},
            MSD,
            {"liver": 26, "tumor": 1},
        ),
    ],
)
def test_an_ignored_value_is_no_structure_and_its_voxels_are_unknown(
    tmp_path: Path, labels: dict[str, object], about: dict[str, object], expected: dict[str, int]
) -> None:
    dataset = open_dataset(described(tmp_path / "set", labels, about))
    case = next(case for case in dataset.cases if case.labels)
    assert {ref.ignore for ref in case.labels} == {(5,)}
    found = {ref.structure: read_label(ref) for ref in case.labels}
    assert {
        ref.structure: int(np.asarray(found[ref.structure].mask(ref)).sum()) for ref in case.labels
    } == expected
    for label in found.values():
        assert label.volume.known is not None
        assert np.count_nonzero(~label.volume.known) == 64


def test_a_manifest_names_ignored_values(tmp_path: Path) -> None:
    described(tmp_path, {}, NNUNET)
    table = tmp_path / "set.csv"
    table.write_text(
        "image,label,structure,value,ignore_value\n"
        "imagesTr/a.nii.gz,labelsTr/a.nii.gz,liver,1 2,5\n"
    )
    (case,) = open_dataset(table).cases
    assert case.labels[0].ignore == (5,)
    alone = replace(case.labels[0], values=None)
    assert int(np.asarray(read_label(alone).mask(alone)).sum()) == 27


def test_a_file_without_ignored_voxels_knows_all(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", np.ones((3, 3, 3), dtype=np.uint8))
    assert read_label(LabelRef("liver", path, (1,), ignore=(5,))).volume.known is None


def every_third_slice(n: int, shape: tuple[int, int]) -> Bool:
    known = np.ones((n, *shape), dtype=np.bool_)
    known[::3] = False
    return known


def test_rules_hold_no_ignored_voxel_against_a_label() -> None:
    known = every_third_slice(24, (40, 40))
    own = replace(view(cube(24) & known), known=known)
    assert names(check_label(replace(own, known=None))) >= {"slice_gaps", "islands"}
    assert check_label(own) == []


def test_a_hole_that_ignored_voxels_fill_is_none() -> None:
    planes, known = cube(12), np.ones((12, 40, 40), dtype=np.bool_)
    planes[4:8, 15:25, 15:25] = False
    assert "holes" in names(check_label(view(planes)))
    known[4:8, 18:20, 18:20] = False
    assert "holes" not in names(check_label(replace(view(planes), known=known)))


def test_a_hole_beside_ignored_voxels_is_told() -> None:
    planes, known = cube(12), np.ones((12, 40, 40), dtype=np.bool_)
    planes[4:8, 15:25, 15:25] = False
    known[:, :5] = False
    assert "holes" in names(check_label(replace(view(planes), known=known)))


def test_a_wholly_ignored_label_is_not_called_empty() -> None:
    empty = view(np.zeros((4, 8, 8), dtype=np.bool_))
    assert names(check_label(empty)) == {"empty_mask"}
    assert check_label(replace(empty, known=np.asarray(empty.planes))) == []


def test_all_that_is_known_may_be_mask() -> None:
    planes = np.zeros((4, 8, 8), dtype=np.bool_)
    planes[:2] = True
    assert "all_foreground" not in names(check_label(view(planes)))
    assert "all_foreground" in names(check_label(replace(view(planes), known=planes)))


def test_values_of_ignored_voxels_are_no_fault() -> None:
    array = np.zeros((10, 12, 14), dtype=np.int32)
    array[..., 4:] = 1
    array[..., ::3] = -1
    file = replace(
        FILE, array=lambda: array, counts={-1: 600, 0: 360, 1: 720}, declared=frozenset({1, -1})
    )
    assert names(label_values(file)) == {"label_values"}
    known = replace(file, ignore=frozenset({-1}))
    for check in (label_values, mask_coding, interpolated_values):
        assert check(known) == []


def test_sizes_beside_ignored_voxels_are_no_outliers() -> None:
    others = [facts(n, 100.0 + n) for n in range(10)]
    assert names(volume_outlier([*others, facts(99, 10.0)])) == {"volume_outlier"}
    assert volume_outlier([*others, facts(99, 10.0, may_go_on=True)]) == []
    empty = [facts(n, 0.0, n_voxels=0) for n in range(3)]
    assert names(unused_structure(empty)) == {"unused_structure"}
    assert unused_structure([*empty[:2], replace(empty[2], may_go_on=True)]) == []


def body() -> tuple[Volume, list[tuple[str | None, Bool]], Bool]:
    phantom = make_phantom(1)
    image, grid = to_canonical(np.asarray(phantom.image, dtype=np.float32), phantom.affine)
    coded, _ = to_canonical(phantom.labels, phantom.affine)
    known = np.ones(image.shape, dtype=np.bool_)
    known[:, :, ::3] = False
    wanted = ("liver", "spleen", "kidney_left", "aorta")
    masks: list[tuple[str | None, Bool]] = [(name, coded == LABELS[name]) for name in wanted]
    return Volume(image, grid, anatomical=True, spacing_known=True), masks, known


def test_a_score_with_every_third_slice_ignored_is_that_of_the_whole_label(judge: Judge) -> None:
    """Other slices are examined, so scores differ a little: on BTCV's first held-out subject by
    0.03 on average and 0.08 at most, where ignored slices taken for background cost 0.13."""
    image, masks, known = body()
    cut = [(name, mask & known) for name, mask in masks]
    whole = judge.score_labels(image, masks, modality=Modality.CT)
    ignored = judge.score_labels(image.knowing(known), cut, modality=Modality.CT)
    as_background = judge.score_labels(image, cut, modality=Modality.CT)
    differ = [b.value - a.value for a, b in zip(whole, ignored, strict=True)]
    assert np.abs(differ).max() < 0.1
    assert np.mean([a.value - b.value for a, b in zip(whole, as_background, strict=True)]) > 0.1
    for score in ignored:
        assert score.slices
        assert all(one.index % 3 for one in score.slices)


def test_knowing_everything_changes_no_score(judge: Judge) -> None:
    image, masks, known = body()
    plain = judge.score_labels(image, masks[:1], modality=Modality.CT)
    same = judge.score_labels(image.knowing(np.ones_like(known)), masks[:1], modality=Modality.CT)
    assert same[0].value == pytest.approx(plain[0].value, abs=1e-6)
    assert same[0].expected_volume_error == pytest.approx(plain[0].expected_volume_error, abs=1e-4)


def test_what_lies_in_ignored_voxels_is_not_expected(judge: Judge) -> None:
    """The half of a kidney that is missing costs nothing where nobody labelled that half."""
    image, masks, _ = body()
    ((name, kidney),) = [one for one in masks if one[0] == "kidney_left"]
    known = np.ones_like(kidney)
    known[:, : int(np.argwhere(kidney)[:, 1].mean())] = False
    half: list[tuple[str | None, Bool]] = [(name, kidney & known)]
    (missing,) = judge.score_labels(image, half, modality=Modality.CT)
    (unknown,) = judge.score_labels(image.knowing(known), half, modality=Modality.CT)
    assert unknown.value > missing.value + 0.1
    assert abs(unknown.expected_volume_error) < abs(missing.expected_volume_error)


def test_a_label_of_which_nothing_is_known_has_no_score(judge: Judge) -> None:
    image, _, known = body()
    nothing = np.zeros_like(known)
    (score,) = judge.score_labels(
        image.knowing(nothing), [("liver", nothing)], modality=Modality.CT
    )
    assert score.status is Status.ABSTAINED
    assert np.isnan(score.value)


def test_compared_with_other_cases_over_what_both_know(tmp_path: Path) -> None:
    image, masks, known = body()
    (name, liver), *_ = masks
    whole = GoldCases([GoldCase.of(image, [("liver", liver)], "s")])
    cut: list[tuple[str | None, Bool]] = [(name, liver & known)]
    ((best, _),) = whole.compare(image.knowing(known), cut)
    ((naive, _),) = whole.compare(image, cut)
    assert best > 0.95 > naive
    part = GoldCases([GoldCase.of(image.knowing(known), [("liver", liver & known)], "s")])
    part.save(tmp_path / "gold.npz")
    ((again, _),) = GoldCases.load(tmp_path / "gold.npz").compare(image, masks[:1])
    assert (
        again
        > 0.9
        > GoldCases([GoldCase.of(image, [("liver", liver & known)], "s")]).compare(
            image, masks[:1]
        )[0][0]
    )


def test_traits_of_a_label_hardly_change_by_what_is_ignored() -> None:
    image, masks, known = body()
    liver = masks[0][1]
    whole = Traits(image)(liver)
    ignored = Traits(image.knowing(known))(liver & known)
    as_background = Traits(image)(liver & known)
    where = {name: number for number, name in enumerate(TRAITS)}
    for name in ("size", "roughness", "wholeness"):
        off = abs(ignored[where[name]] - whole[where[name]])
        assert off < 0.5 * abs(as_background[where[name]] - whole[where[name]])


def pair_files(root: Path) -> tuple[Bool, Bool, Bool]:
    """Write an image, a reference with ignored voxels and a mask; return both masks and known."""
    rng = np.random.default_rng(3)
    image = rng.normal(100, 10, (32, 32, 12)).astype(np.float32)
    gold, mask = np.zeros(image.shape, dtype=np.bool_), np.zeros(image.shape, dtype=np.bool_)
    gold[8:24, 8:24, 2:10], mask[10:26, 8:24, 1:10] = True, True
    known = np.ones(image.shape, dtype=np.bool_)
    known[..., ::3], known[:9] = False, False
    write_nifti(root / "image.nii.gz", image)
    write_nifti(root / "gold.nii.gz", np.where(known, gold, 5).astype(np.uint8))
    write_nifti(root / "mask.nii.gz", mask.astype(np.uint8))
    return gold, mask, known


def test_dice_of_an_evaluation_is_over_known_voxels(tmp_path: Path, judge: Judge) -> None:
    gold, mask, known = pair_files(tmp_path)
    table = tmp_path / "pairs.csv"
    table.write_text(
        "image,mask,gold,structure,subject,gold_value,gold_ignore_value\n"
        "image.nii.gz,mask.nii.gz,gold.nii.gz,liver,s,1,5\n"
        "image.nii.gz,mask.nii.gz,gold.nii.gz,liver,s,1,\n"
    )
    record = evaluate_image(read_pair_table(table), judge, blind=judge)
    ignoring, plain = (JudgedPair.from_json(fact) for fact in record.facts)
    assert ignoring.true_dice == pytest.approx(dice(gold & known, mask & known), abs=1e-12)
    assert ignoring.n_gold_voxels == np.count_nonzero(gold & known)
    assert ignoring.n_voxels == np.count_nonzero(mask & known)
    assert plain.true_dice == pytest.approx(dice(gold & known, mask), abs=1e-12)
    assert ignoring.score != plain.score


def test_pairs_hold_faults_in_known_voxels_alone(tmp_path: Path) -> None:
    pair_files(tmp_path / "set")
    label = LabelRef("liver", tmp_path / "set" / "gold.nii.gz", (1,), ignore=(5,))
    case = Case("c", "s", (tmp_path / "set" / "image.nii.gz",), (label,))
    out = tmp_path / "pairs"
    families = ("erosion", "dilation", "shift")
    context = PairsContext(out, "set", 4, 0, families, (), True, {"c": "c"}, {"liver": "liver"})
    record = pairs_of_case(case, context)
    assert record.error == ""
    assert {row["gold_ignore_value"] for row in record.facts} == {"5"}
    written = [row for row in record.facts if row["family"] != "untouched"]
    assert written
    for row in written:
        mask = read_labels(out / row["mask"]).volume.array != 0
        turned = read_labels(label.path).volume.array
        assert not (mask & (turned == 5)).any()
        assert row["dice"] == pytest.approx(dice(mask, turned == 1), abs=1e-9)


def test_training_takes_slices_that_are_labelled_throughout(tmp_path: Path) -> None:
    gold, _, known = pair_files(tmp_path)
    label = LabelRef("liver", tmp_path / "gold.nii.gz", None, ignore=(5,))
    case = Case("c", "s", (tmp_path / "image.nii.gz",), (label,))
    known = np.ones_like(known)
    known[..., ::3] = False
    write_nifti(label.path, np.where(known, gold, 5).astype(np.uint8))
    stored = load_case(SetRecipe(name="set", path="set", modality="ct"), case).labels["liver"]
    assert set(np.flatnonzero(stored.areas < 0)) == {0, 3, 6, 9}
    assert set(stored.filled) == {2, 4, 5, 7, 8}
    assert set(np.flatnonzero(stored.areas == 0)) == {1, 10, 11}
