"""Folders of cases in all their spellings: together, images and labels apart, joined labels."""

import json
from pathlib import Path

import pytest

from conftest import write_nifti
from layout_samples import LABELS, VOXELS, case_folders
from segassay.datasets.case import Dataset
from segassay.datasets.opening import open_dataset


def cases_apart(root: Path, images: str, labels: str, *, joined: bool = False) -> Path:
    for case in ("PanTS_00000001", "PanTS_00000002", "PanTS_00000010"):
        write_nifti(root / images / case / "ct.nii.gz", VOXELS)
        if joined:
            write_nifti(root / labels / case / "combined_labels.nii.gz", LABELS)
            continue
        for structure in ("pancreas_head", "liver"):
            write_nifti(root / labels / case / "segmentations" / f"{structure}.nii.gz", LABELS)
    return root


def structures(dataset: Dataset) -> dict[str, list[str]]:
    return {case.case_id: [ref.structure for ref in case.labels] for case in dataset.cases}


@pytest.mark.parametrize(
    ("images", "labels", "split"),
    [
        ("ImageTr", "LabelTr", "train"),
        ("ImageTe", "LabelTe", "test"),
        ("imagesTr", "labelsTr", "train"),
        ("image_only", "mask_only", None),
        ("images", "labels", None),
        ("images", "masks", None),
        ("CT", "Segmentations", None),
    ],
)
def test_images_and_labels_of_cases_apart(
    tmp_path: Path, images: str, labels: str, split: str | None
) -> None:
    dataset = open_dataset(cases_apart(tmp_path, images, labels))
    assert dataset.format == "case-folders"
    assert [c.case_id for c in dataset.cases] == [
        "PanTS_00000001",
        "PanTS_00000002",
        "PanTS_00000010",
    ]
    assert dataset.structures == ("liver", "pancreas_head")
    assert {c.split for c in dataset.cases} == {split}
    assert not dataset.unmatched


def test_two_parts_are_two_splits_and_equal_ids_stay_apart(tmp_path: Path) -> None:
    cases_apart(tmp_path, "ImageTr", "LabelTr")
    write_nifti(tmp_path / "ImageTe" / "PanTS_9" / "ct.nii.gz", VOXELS)
    write_nifti(tmp_path / "ImageTe" / "PanTS_00000001" / "ct.nii.gz", VOXELS)
    write_nifti(tmp_path / "LabelTe" / "PanTS_9" / "segmentations" / "liver.nii.gz", LABELS)
    dataset = open_dataset(tmp_path)
    assert {c.case_id: c.split for c in dataset.cases}["PanTS_9"] == "test"
    assert len(dataset.cases) == 5
    double = next(c for c in dataset.cases if c.case_id == "PanTS_00000001 (test)")
    assert (double.subject_id, double.split) == ("PanTS_00000001", "test")
    assert dataset.unmatched == ()


def test_images_as_files_and_masks_without_a_folder_of_their_own(tmp_path: Path) -> None:
    for case in ("a", "b"):
        write_nifti(tmp_path / "ImageTr" / f"{case}.nii.gz", VOXELS)
        write_nifti(tmp_path / "LabelTr" / case / "liver.nii.gz", LABELS)
    assert structures(open_dataset(tmp_path)) == {"a": ["liver"], "b": ["liver"]}


def test_what_has_no_partner_is_told(tmp_path: Path) -> None:
    root = cases_apart(tmp_path, "ImageTr", "LabelTr")
    (root / "ImageTr" / "PanTS_00000002" / "ct.nii.gz").unlink()
    write_nifti(root / "ImageTr" / "PanTS_3" / "ct.nii.gz", VOXELS)
    (root / "ImageTr" / "empty").mkdir()
    dataset = open_dataset(root)
    assert dataset.unlabelled == ("PanTS_3",)
    assert sorted(u.path.name for u in dataset.unmatched) == [
        "empty",
        "liver.nii.gz",
        "pancreas_head.nii.gz",
    ]


def test_joined_labels_are_named_by_labels_json(tmp_path: Path) -> None:
    root = cases_apart(tmp_path, "ImageTr", "LabelTr", joined=True)
    assert open_dataset(root).structures == ("label_1", "label_2")
    (root / "labels.json").write_text(json.dumps({"aorta": 1, "postcava": 2}))
    dataset = open_dataset(root)
    assert dataset.structures == ("aorta", "inferior_vena_cava")
    assert dataset.declared == {1: "aorta", 2: "inferior_vena_cava"}


def test_folders_given_one_by_one_may_hold_a_folder_per_case(tmp_path: Path) -> None:
    root = cases_apart(tmp_path, "first", "second", joined=True)
    names = root / "names.json"
    names.write_text(json.dumps({"1": "aorta", "2": "liver"}))
    dataset = open_dataset(images=root / "first", labels=root / "second", names=names)
    assert (dataset.format, dataset.n_labels) == ("pairs", 6)
    assert dataset.structures == ("aorta", "liver")


def test_first_release_of_abdomenatlas_has_two_sources(tmp_path: Path) -> None:
    for case in ("BDMAP_1", "BDMAP_2"):
        write_nifti(tmp_path / case / "ct.nii.gz", VOXELS)
        for name in ("original_label", "pseudo_label"):
            write_nifti(tmp_path / case / f"{name}.nii.gz", LABELS)
    dataset = open_dataset(tmp_path)
    found = [(ref.structure, ref.source) for ref in dataset.cases[0].labels]
    assert found == [
        ("label_1", "original_label"),
        ("label_2", "original_label"),
        ("label_1", "pseudo_label"),
        ("label_2", "pseudo_label"),
    ]


@pytest.mark.parametrize(
    ("image", "label"), [("imaging", "segmentation"), ("image", "label"), ("ct", "combined_labels")]
)
def test_an_image_and_one_label_file_per_case(tmp_path: Path, image: str, label: str) -> None:
    for case in ("case_00000", "case_00001"):
        write_nifti(tmp_path / case / f"{image}.nii.gz", VOXELS)
        write_nifti(tmp_path / case / f"{label}.nii.gz", LABELS)
    dataset = open_dataset(tmp_path)
    assert (dataset.format, dataset.n_labels) == ("case-folders", 4)
    assert open_dataset(tmp_path / "case_00000").n_labels == 2


def test_joined_labels_beside_single_masks_are_not_read_twice(tmp_path: Path) -> None:
    root = case_folders(tmp_path)
    write_nifti(root / "BDMAP_1" / "combined_labels.nii.gz", LABELS)
    write_nifti(root / "BDMAP_1" / "strange.nii.gz", LABELS)
    (root / "notes").mkdir()
    dataset = open_dataset(root)
    assert dataset.n_labels == 6
    assert [u.path.name for u in dataset.unmatched] == ["strange.nii.gz", "notes"]
