"""Layouts: every reader finds what is there, and says what belongs to nothing."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from conftest import write_nifti, write_picture
from layout_samples import (
    LABELS,
    MAKERS,
    VOXELS,
    bids,
    case_folders,
    label_folder,
    mask_folders,
    msd,
    named_masks,
    nnunet,
    sources,
    totalsegmentator,
)
from segassay.datasets.case import Dataset
from segassay.datasets.layouts.all_layouts import READERS
from segassay.datasets.opening import open_dataset
from segassay.errors import DatasetError, GeometryError, UsageError
from segassay.files.filesystem import exists
from segassay.images.io import read_image, read_label
from segassay.types import Modality


def test_every_reader_has_a_contract_case() -> None:
    assert set(MAKERS) == set(READERS)


@pytest.mark.parametrize("layout", list(READERS))
def test_contract(tmp_path: Path, layout: str) -> None:
    dataset = open_dataset(MAKERS[layout](tmp_path / "set"))
    assert dataset.format == layout
    labelled = [case for case in dataset.cases if case.labels]
    assert len(labelled) == 3
    assert dataset.n_labels == 6
    assert len({case.case_id for case in dataset.cases}) == len(dataset.cases)
    for case in labelled:
        assert exists(case.images[0]) or exists(case.images[0].parent)  # a part of a file
        assert all(ref.path.is_file() or ref.path.parent.is_file() for ref in case.labels)
        assert all(ref.structure == ref.structure.lower() for ref in case.labels)
    assert not dataset.unmatched


def test_nnunet_names_subjects_and_modality(tmp_path: Path) -> None:
    dataset = open_dataset(nnunet(tmp_path))
    assert dataset.structures == ("heart_ventricle_left", "kidney_left")
    assert dataset.subjects == ("patient001", "patient002")
    assert dataset.cases[0].modality is Modality.MR
    assert dataset.declared == {1: "heart_ventricle_left", 2: "kidney_left"}


def test_msd_counts_a_listed_test_image_as_unlabelled(tmp_path: Path) -> None:
    assert open_dataset(msd(tmp_path)).unlabelled == ("b",)


def test_region_labels_ignore_and_missing_label(tmp_path: Path) -> None:
    root = nnunet(tmp_path)
    labels = {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    (root / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1"}, "labels": labels}))
    (root / "labelsTr" / "patient002_frame01.nii.gz").unlink()
    dataset = open_dataset(root)
    assert [ref.values for ref in dataset.cases[0].labels] == [(1, 2), (2,)]
    assert dataset.unlabelled == ("patient002_frame01",)


def test_ignored_voxels_are_declared_but_no_structure(tmp_path: Path) -> None:
    root = nnunet(tmp_path)
    labels = {"background": 0, "liver": 1, "ignore": 2}
    (root / "dataset.json").write_text(json.dumps({"channel_names": {"0": "CT"}, "labels": labels}))
    dataset = open_dataset(root)
    assert dataset.structures == ("liver",)
    assert dataset.declared == {1: "liver", 2: "ignore"}


def test_case_without_all_its_channels_is_left_out_and_told(tmp_path: Path) -> None:
    root = nnunet(tmp_path)
    for case in ("patient001_frame01", "patient001_frame12"):
        write_nifti(root / "imagesTr" / f"{case}_0001.nii.gz", VOXELS)
    about = {"channel_names": {"0": "T1", "1": "FLAIR"}, "labels": {"background": 0, "x": 1}}
    (root / "dataset.json").write_text(json.dumps(about))
    dataset = open_dataset(root)
    assert [len(case.images) for case in dataset.cases] == [2, 2]
    assert [u.path.name for u in dataset.unmatched] == [
        "patient002_frame01_0000.nii.gz",
        "patient002_frame01.nii.gz",
    ]


def colour_pictures(root: Path, files: tuple[str, ...]) -> Path:
    for name in files:
        write_picture(root / "imagesTr" / f"{name}.png", np.zeros((4, 4, 3), dtype=np.uint8))
        write_picture(root / "labelsTr" / f"{name[:-5]}.png", LABELS[..., 1])
    about = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "lesion": 1},
        "file_ending": ".png",
    }
    (root / "dataset.json").write_text(json.dumps(about))
    return root


def test_colours_of_a_picture_are_channels_in_one_file(tmp_path: Path) -> None:
    dataset = open_dataset(colour_pictures(tmp_path, ("a_0000", "b_0000")))
    assert [(c.case_id, len(c.images), len(c.labels)) for c in dataset.cases] == [
        ("a", 1, 1),
        ("b", 1, 1),
    ]
    assert not dataset.unmatched
    assert read_image(dataset.cases[0].images[0]).array.shape == (4, 4, 1)


def test_one_picture_of_three_is_no_case_where_others_have_three(tmp_path: Path) -> None:
    names = ("a_0000", "a_0001", "a_0002", "b_0000")
    dataset = open_dataset(colour_pictures(tmp_path, names))
    assert [(c.case_id, len(c.images)) for c in dataset.cases] == [("a", 3)]
    assert [u.path.name for u in dataset.unmatched] == ["b_0000.png", "b.png"]


def test_a_case_of_one_id_in_another_part_stays(tmp_path: Path) -> None:
    root = nnunet(tmp_path)
    write_nifti(root / "imagesTs" / "patient001_frame01_0000.nii.gz", VOXELS)
    dataset = open_dataset(root)
    twin = next(case for case in dataset.cases if case.case_id == "patient001_frame01 (test)")
    assert (twin.subject_id, twin.split, len(dataset.cases)) == ("patient001", "test", 4)
    assert dataset.unmatched == ()


def test_dataset_key_replaces_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = nnunet(tmp_path / "set")
    monkeypatch.setenv("ELSEWHERE", str(root / "labelsTr"))
    name = "patient001_frame01"
    listing = {
        "one": {"images": [f"imagesTr/{name}_0000.nii.gz"], "label": f"$ELSEWHERE/{name}.nii.gz"},
        "two": {"images": [f"imagesTr/{name}_0000.nii.gz"]},
    }
    about = {"channel_names": {"0": "CT"}, "labels": {"x": 1}, "dataset": listing}
    (root / "dataset.json").write_text(json.dumps(about))
    dataset = open_dataset(root)
    assert dataset.cases[0].labels[0].path.is_file()
    assert dataset.unlabelled == ("two",)


def test_first_version_of_nnunet_lists_images_without_their_channels(tmp_path: Path) -> None:
    root = msd(tmp_path)
    for image in list((root / "imagesTr").iterdir()):
        for channel in ("_0000", "_0001"):
            copy = root / "imagesTr" / image.name.replace(".nii", f"{channel}.nii")
            copy.write_bytes(image.read_bytes())
        image.unlink()
    dataset = open_dataset(root)
    assert [len(case.images) for case in dataset.cases] == [2, 2, 2, 1]
    assert not dataset.unmatched


def test_unnamed_label_file_without_any_value_is_still_a_label(tmp_path: Path) -> None:
    root = label_folder(tmp_path)
    (root / "labels.json").unlink()
    write_nifti(root / "labels" / "b.nii.gz", VOXELS)
    dataset = open_dataset(root)
    assert [ref.structure for ref in dataset.cases[1].labels] == ["label_1"]
    assert dataset.unlabelled == ()


def test_hidden_folders_are_no_structures_and_strays_are_told(tmp_path: Path) -> None:
    root = mask_folders(tmp_path)
    write_picture(root / "masks" / ".ipynb_checkpoints" / "001.png", LABELS[..., 1])
    write_picture(root / "masks" / "stray.png", LABELS[..., 1])
    write_picture(root / "images" / "more" / "004.png", VOXELS[..., 0])
    dataset = open_dataset(root)
    assert dataset.structures == ("lung_left", "heart")
    assert [u.path.name for u in dataset.unmatched] == ["more", "stray.png"]


def test_two_spellings_of_one_structure_are_refused(tmp_path: Path) -> None:
    root = mask_folders(tmp_path / "masks")
    write_picture(root / "masks" / "Left Lung" / "001.png", LABELS[..., 1])
    with pytest.raises(DatasetError, match="both mean 'lung_left'"):
        open_dataset(root)
    root = label_folder(tmp_path / "labels")
    (root / "labels.json").write_text('{"Left Kidney": 1, "kidney_left": 2}')
    with pytest.raises(DatasetError, match="rename it"):
        open_dataset(root)


def test_nothing_is_dropped_silently(tmp_path: Path) -> None:
    root = label_folder(tmp_path)
    write_nifti(root / "labels" / "lonely.nii.gz", LABELS)
    write_nifti(root / "images" / "bare.nii.gz", VOXELS)
    (root / "images" / "notes.txt").write_text("x")
    (root / "images" / "._a.nii.gz").write_text("resource fork")
    dataset = open_dataset(root)
    assert dataset.unlabelled == ("bare",)
    assert {u.path.name for u in dataset.unmatched} == {"lonely.nii.gz", "notes.txt"}


def test_values_name_structures_where_no_names_are_given(tmp_path: Path) -> None:
    root = label_folder(tmp_path)
    (root / "labels.json").unlink()
    assert open_dataset(root).structures == ("label_1", "label_2")


def test_natural_order_of_cases(tmp_path: Path) -> None:
    for case in ("c10", "c9", "c1"):
        write_picture(tmp_path / "images" / f"{case}.png", VOXELS[..., 0])
        write_picture(tmp_path / "masks" / "heart" / f"{case}.png", LABELS[..., 1])
    assert [case.case_id for case in open_dataset(tmp_path).cases] == ["c1", "c9", "c10"]


def test_pairs_of_folders_of_files_and_of_nothing(tmp_path: Path) -> None:
    root = nnunet(tmp_path / "raw")
    folders = open_dataset(images=root / "imagesTr", labels=root / "labelsTr", structure="LV")
    assert folders.n_labels == 3
    assert folders.structures == ("heart_ventricle_left",)
    image = root / "imagesTr" / "patient001_frame01_0000.nii.gz"
    one = open_dataset(images=image, labels=root / "labelsTr" / "patient001_frame01.nii.gz")
    assert one.structures == ("heart_ventricle_left", "kidney_left")  # of dataset.json beside them
    with pytest.raises(UsageError, match="either"):
        open_dataset(root, images=root)
    with pytest.raises(UsageError, match="two folders"):
        open_dataset(images=root / "imagesTr", labels=image)


def test_pairs_put_channels_together_where_labels_show_them(tmp_path: Path) -> None:
    for name in ("a_0000", "a_0001", "b_0000", "b_0001"):
        write_nifti(tmp_path / "i" / f"{name}.nii.gz", VOXELS)
    write_nifti(tmp_path / "l" / "a.nii.gz", LABELS)
    dataset = open_dataset(images=tmp_path / "i", labels=tmp_path / "l", structure="liver")
    assert [(c.case_id, len(c.images)) for c in dataset.cases] == [("a", 2), ("b", 2)]
    assert dataset.unlabelled == ("b",)


def test_pairs_keep_numbers_that_are_no_channels(tmp_path: Path) -> None:
    for name in ("img_0001", "img_0002", "img_0003"):
        write_picture(tmp_path / "i" / f"{name}.png", VOXELS[..., 0])
    write_picture(tmp_path / "l" / "img_0002.png", LABELS[..., 1])
    dataset = open_dataset(images=tmp_path / "i", labels=tmp_path / "l", structure="liver")
    assert [c.case_id for c in dataset.cases] == ["img_0001", "img_0002", "img_0003"]
    assert dataset.n_labels == 1


def test_subject_regex(tmp_path: Path) -> None:
    root = label_folder(tmp_path)
    assert open_dataset(root, subject_regex="^(.)").subjects == ("a", "b", "c")
    assert open_dataset(root, subject_regex="^[ab]|(zz)").subjects == ("a", "b", "c")
    with pytest.raises(UsageError, match="subject-regex"):
        open_dataset(root, subject_regex="(")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"channel_names": {"0": "CT"},\n "labels": }', "line 2"),
        ("[1, 2]", "expected an object"),
        ('{"channel_names": {"0": "CT"}, "labels": 3}', "expected names and values"),
        ('{"channel_names": {"0": "CT"}, "labels": {"a": "x"}}', "has value"),
        ('{"channel_names": {"0": "CT"}, "labels": {"a": 1.5}}', "has value 1.5"),
        ('{"channel_names": {"0": "CT"}, "labels": {"a": []}}', "expected integers"),
        ('{"channel_names": {"0": "CT"}, "labels": {"--": 1}}', "names nothing"),
        ('{"channel_names": ["CT"], "labels": {"a": 1}}', "expected an object"),
        ('{"channel_names": {"0": "CT"}, "labels": {"a": 1}, "dataset": {"c": {}}}', "lacks"),
        ('{"training": [{"picture": "a"}], "labels": {}}', "every training entry"),
    ],
)
def test_broken_description_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=words) as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_layout_is_one_short_line_with_the_options(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="--images") as caught:
        open_dataset(tmp_path)
    assert len(str(caught.value)) < 400


def test_links_out_of_the_data_set_are_not_followed(tmp_path: Path) -> None:
    secret = write_nifti(tmp_path / "elsewhere" / "x.nii.gz", VOXELS)
    root = label_folder(tmp_path / "set")
    inside = write_nifti(root / "store" / "y.nii.gz", VOXELS)
    (root / "images" / "x.nii.gz").symlink_to(secret)
    (root / "images" / "y.nii.gz").symlink_to(inside)
    dataset = open_dataset(root)
    assert dataset.unlabelled == ("y",)
    assert "x" not in {case.case_id for case in dataset.cases}
    assert [u.path.name for u in dataset.unmatched] == ["x.nii.gz"]


def test_pieces_of_one_structure_are_one_label_and_slices_have_their_scan(tmp_path: Path) -> None:
    root = named_masks(tmp_path)
    other = np.zeros((4, 4), dtype=np.uint8)
    other[3, 3] = 255
    write_picture(root / "masks" / "p1_9_rib_left_9_001.png", other)
    dataset = open_dataset(root)
    assert dataset.subjects == ("p1", "p2")
    ref = next(r for r in dataset.cases[0].labels if r.structure == "rib_left_9")
    mask = np.asarray(read_label(ref).mask(ref))
    assert [p.name for p in ref.pieces] == ["p1_9_rib_left_9_001.png"]
    assert mask.sum() == 2
    write_picture(root / "masks" / "p1_9_rib_left_9_001.png", np.zeros((5, 4), dtype=np.uint8))
    with pytest.raises(GeometryError, match="shape"):
        read_label(ref)


def test_mask_goes_to_the_image_with_the_longest_fitting_name(tmp_path: Path) -> None:
    for image in ("p1", "p1_left"):
        write_picture(tmp_path / "images" / f"{image}.png", VOXELS[..., 0])
    for mask in ("p1_left_kidney_000", "p1_heart_000", "p2_heart_000"):
        write_picture(tmp_path / "masks" / f"{mask}.png", LABELS[..., 1])
    dataset = open_dataset(tmp_path)
    found = {case.case_id: [r.structure for r in case.labels] for case in dataset.cases}
    assert found == {"p1": ["heart"], "p1_left": ["kidney"]}
    assert [u.path.name for u in dataset.unmatched] == ["p2_heart_000.png"]


def test_sources_are_kept_apart_and_the_target_is_that_of_the_published_set(tmp_path: Path) -> None:
    root = sources(tmp_path / "busi")
    (root / "weak_box" / "b.png").unlink()
    write_picture(root / "notes" / "a.png", LABELS[..., 1])
    dataset = open_dataset(root)
    assert dataset.structures == ("breast_lesion",)
    assert [[r.source for r in c.labels] for c in dataset.cases][:2] == [
        ["gold", "weak_box"],
        ["gold"],
    ]
    assert [u.path.name for u in dataset.unmatched] == ["notes"]
    assert open_dataset(sources(tmp_path / "mine")).structures == ("label_1",)


def test_case_folders_carry_the_metadata_of_their_table(tmp_path: Path) -> None:
    first, second, third = open_dataset(totalsegmentator(tmp_path)).cases
    assert (first.case_id, first.split, first.metadata) == (
        "BDMAP_1",
        "train",
        {"age": "50", "gender": "m"},
    )
    assert (second.metadata, third.split) == ({}, "test")
    assert {first.modality, third.modality} == {Modality.CT}
    assert [ref.structure for ref in first.labels] == ["liver", "inferior_vena_cava"]


def test_case_folder_without_image_or_with_joined_labels_only(tmp_path: Path) -> None:
    root = case_folders(tmp_path)
    (root / "BDMAP_2" / "ct.nii.gz").unlink()
    write_nifti(root / "BDMAP_3" / "ct.nii.gz", VOXELS)
    write_nifti(root / "BDMAP_3" / "combined_labels.nii.gz", LABELS)
    dataset = open_dataset(root)
    assert [c.case_id for c in dataset.cases] == ["BDMAP_1", "BDMAP_3", "BDMAP_10"]
    assert [r.values for r in dataset.cases[1].labels] == [(1,), (2,)]
    assert {u.path.parent.parent.name for u in dataset.unmatched} == {"BDMAP_2"}


def test_bids_names_sources_and_participants(tmp_path: Path) -> None:
    root = bids(tmp_path)
    other = root / "derivatives" / "auto" / "sub-1" / "ses-2" / "anat"
    write_nifti(root / "sub-1" / "ses-2" / "anat" / "sub-1_ses-2_T1w.nii.gz", VOXELS)
    write_nifti(other / "sub-1_ses-2_space-T1w_label-thalamus_mask.nii.gz", LABELS)
    write_nifti(other / "sub-1_ses-2_space-MNI_dseg.nii.gz", LABELS)
    write_nifti(other / "sub-1_ses-2_label-GM_probseg.nii.gz", LABELS)
    write_nifti(other / "sub-1_ses-2_space-MNI_desc-preproc_T2w.nii.gz", VOXELS)
    dataset = open_dataset(root)
    found = {c.case_id: [(r.structure, r.source) for r in c.labels] for c in dataset.cases}
    assert found["sub-1_T1w"] == [("hippocampus_left", "manual"), ("cerebrospinal_fluid", "manual")]
    assert found["sub-1_ses-2_T1w"] == [("thalamus", "auto")]
    assert found["sub-1_ses-2_space-MNI_desc-preproc_T2w"] == [
        ("label_1", "auto"),
        ("label_2", "auto"),
    ]
    assert dataset.subjects == ("sub-1", "sub-2", "sub-10")
    assert dataset.cases[0].metadata == {"age": "31", "sex": "F"}
    assert {c.metadata.get("age") for c in dataset.cases if c.subject_id == "sub-2"} == {None}
    assert [u.path.name for u in dataset.unmatched] == ["sub-1_ses-2_label-GM_probseg.nii.gz"]


def test_bids_derivatives_alone_and_a_label_without_its_image(tmp_path: Path) -> None:
    anat = tmp_path / "sub-1" / "anat"
    write_nifti(anat / "sub-1_space-MNI_desc-preproc_T1w.nii.gz", VOXELS)
    write_nifti(anat / "sub-1_space-MNI_desc-brain_mask.nii.gz", LABELS)
    write_nifti(anat / "sub-1_desc-brain_mask.nii.gz", LABELS)
    dataset = open_dataset(tmp_path)
    assert [[r.structure for r in c.labels] for c in dataset.cases] == [["brain"]]
    assert [u.path.name for u in dataset.unmatched] == ["sub-1_desc-brain_mask.nii.gz"]


def test_bids_images_that_pipelines_call_alike_are_cases_of_their_own(tmp_path: Path) -> None:
    root = bids(tmp_path)
    for pipeline in ("prep-20", "prep-23"):
        anat = root / "derivatives" / pipeline / "sub-1" / "anat"
        write_nifti(anat / "sub-1_desc-preproc_T1w.nii.gz", VOXELS)
        write_nifti(anat / "sub-1_desc-brain_mask.nii.gz", LABELS)
    for visit in ("ses-1", "ses-2"):
        write_nifti(root / "sub-2" / visit / "anat" / "sub-2_T2w.nii.gz", VOXELS)
    dataset = open_dataset(root, subject_regex="^(sub-.)")
    found = {c.case_id: [(r.structure, r.source) for r in c.labels] for c in dataset.cases}
    assert [case_id for case_id in found if "T2w" in case_id or "preproc" in case_id] == [
        "ses-1_sub-2_T2w",
        "ses-2_sub-2_T2w",
        "prep-20_sub-1_desc-preproc_T1w",
        "prep-23_sub-1_desc-preproc_T1w",
    ]
    assert found["prep-20_sub-1_desc-preproc_T1w"] == [("brain", "prep-20")]
    assert found["prep-23_sub-1_desc-preproc_T1w"] == [("brain", "prep-23")]
    assert dataset.subjects == ("sub-1", "sub-2")
    assert len(found) == len(dataset.cases) == 7


def test_bids_file_in_two_packings_is_read_once(tmp_path: Path) -> None:
    root = bids(tmp_path)
    anat, derived = (home / "sub-1" / "anat" for home in (root, root / "derivatives" / "manual"))
    doubles = [anat / "sub-1_T1w.nii.gz", derived / "sub-1_dseg.nii.gz"]
    for path in doubles:
        write_nifti(path.with_suffix(""), VOXELS)
    dataset = open_dataset(root)
    assert [c.case_id for c in dataset.cases] == ["sub-1_T1w", "sub-2_T1w", "sub-10_T1w"]
    assert dataset.n_labels == 6
    assert [u.path for u in dataset.unmatched] == doubles
    assert all("second file" in u.reason for u in dataset.unmatched)


def test_bids_names_that_leave_the_subject_to_the_folder(tmp_path: Path) -> None:
    for subject in ("sub-1", "sub-2"):
        for visit in ("ses-a", "ses-b"):
            home = Path(subject) / visit / "anat"
            write_nifti(tmp_path / home / "T1w.nii.gz", VOXELS)
            write_nifti(tmp_path / "derivatives" / "auto" / home / "mask.nii.gz", LABELS)
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-1\t31\nsub-2\t42\n")
    cases = open_dataset(tmp_path).cases
    assert [(c.case_id, c.subject_id, c.metadata["age"]) for c in cases] == [
        ("sub-1_ses-a_T1w", "sub-1", "31"),
        ("sub-1_ses-b_T1w", "sub-1", "31"),
        ("sub-2_ses-a_T1w", "sub-2", "42"),
        ("sub-2_ses-b_T1w", "sub-2", "42"),
    ]
    for case in cases:
        (ref,) = case.labels
        assert ref.path.parent.parts[-3:] == case.images[0].parent.parts[-3:]


def test_two_cases_of_one_id_are_refused(tmp_path: Path) -> None:
    root = MAKERS["npz"](tmp_path / "set")
    shutil.copy(root / "CT_1.npz", root / "CT_1.NPZ")
    with pytest.raises(DatasetError, match="set: 2 cases named 'CT_1'; rename them"):
        open_dataset(root)


def test_names_in_the_header_of_a_label_file_are_used(tmp_path: Path) -> None:
    root = label_folder(tmp_path)
    (root / "labels.json").unlink()
    path = root / "labels" / "a.nii.gz"
    image = nib.load(path)
    table = '<Label Key="1" Red="0"><![CDATA[gall_bladder]]></Label><Label Key="7"><![CDATA[x]]>'
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, table.encode()))
    nib.save(nib.Nifti1Image(LABELS, image.affine, image.header), path)
    assert [r.structure for r in open_dataset(root).cases[0].labels] == ["gallbladder", "label_2"]


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "cases", "subjects", "labels"),
    [
        ("nnUNet_raw/Dataset027_ACDC", 80, 40, 240),
        ("nnUNet_raw/Dataset101_BTCV", 14, 14, 182),
        ("Task04_Hippocampus", 200, 200, 400),
        ("Task90_LeftAtrium", 14, 14, 14),
        ("jsrt", 120, 120, 600),
        ("hc18", 150, 150, 150),
        ("ph2", 160, 160, 160),
        ("chaos_t2", 8, 8, 32),
        ("autowl/busi", 125, 125, 225),
        ("autowl/isic2016", 122, 122, 219),
        ("autowl/covid_cxr", 153, 153, 175),
        ("ct_slices_30organs", 5, 5, 28),
        ("totalsegmentator", 1, 1, 104),
        ("totalsegmentator/s0001", 1, 1, 104),
        ("oasis_slices", 14, 14, 666),
        ("proton_lung", 5, 5, 25),
        ("dicom", 1, 1, 31),
    ],
)
def test_real_sets_have_the_counts_of_their_readme(
    shared_data: Path, path: str, cases: int, subjects: int, labels: int
) -> None:
    dataset: Dataset = open_dataset(shared_data / path)
    assert (len(dataset.cases), len(dataset.subjects), dataset.n_labels) == (
        cases,
        subjects,
        labels,
    )
    assert not dataset.unmatched


@pytest.mark.data
def test_real_sets_without_names_open(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "proton_lung")
    assert (len(dataset.cases), dataset.unlabelled, dataset.unmatched) == (5, (), ())
    assert dataset.structures == tuple(f"label_{n}" for n in range(1, 6))


@pytest.mark.data
def test_real_brain_slices_are_named_by_their_freesurfer_numbers(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "oasis_slices")
    assert (len(dataset.cases), dataset.unlabelled, dataset.unmatched) == (14, (), ())
    assert {"thalamus_left", "precuneus_cortex_right"} <= set(dataset.structures)
    assert not any(name.startswith("label_") for name in dataset.structures)
