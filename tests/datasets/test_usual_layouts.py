"""Data sets as people have them: names that nearly pair, folders of any usual name, known sets."""

import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import write_nifti, write_picture
from layout_samples import LABELS, MAKERS, VOXELS, label_folder, nnunet
from segassay.datasets.case import Dataset, FileIssue
from segassay.datasets.discovery.name_matching import match_names
from segassay.datasets.opening import open_dataset
from segassay.errors import DatasetError, UsageError
from segassay.images.io import read_image, read_label
from segassay.types import Modality

PICTURE = VOXELS[..., 0]
MASK = LABELS[..., 1] * 255
NFC = unicodedata.normalize("NFC", "Mu\u0308ller 1")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a", "a_mask"),
        ("a", "a-label"),
        ("a", "a.seg"),
        ("a", "a_GT"),
        ("a", "a_ground_truth"),
        ("ISIC_0000001", "ISIC_0000001_segmentation"),
        ("000_HC", "000_HC_Annotation"),
        ("21_training", "21_manual1"),
        ("volume-12", "segmentation-12"),
        ("img0001", "label0001"),
        ("a_0000", "a"),
        ("a_image", "a_label"),
        ("Case_1", "case_1"),
        ("CASE_1", "case_1_Mask"),
        (NFC, unicodedata.normalize("NFD", NFC)),
        ("benign (1)", "benign (1)_mask"),
    ],
)
def test_names_that_pair(image: str, label: str) -> None:
    found = match_names([image, "other 7"], [label, "lonely 8"])
    assert {key: [n.stem for n in names] for key, names in found.of_image.items()} == {
        image: [label]
    }
    assert list(found.lonely) == ["lonely 8"]


@pytest.mark.parametrize(
    ("images", "label"),
    [(["a", "A"], "\u00c4_mask"), (["x_a", "X_A"], "X_a"), (["case_01"], "case_1"), (["a"], "b")],
)
def test_names_that_do_not_pair_are_told(images: list[str], label: str) -> None:
    found = match_names(images, [label])
    assert (found.of_image, list(found.lonely)) == ({}, [label])


def test_pieces_sources_and_second_labels() -> None:
    found = match_names(["a", "b"], ["a_mask", "a_mask_1", "b", "b_mask"])
    assert [n.stem for n in found.of_image["a"]] == ["a_mask", "a_mask_1"]
    assert list(found.second) == ["b_mask"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("{}_0000", "patient001_frame01_0000"), ("{}_seg", "patient001_frame01_seg")],
)
def test_nnunet_labels_of_other_names_are_told_and_not_taken(
    tmp_path: Path, name: str, expected: str
) -> None:
    root = nnunet(tmp_path)
    for path in list((root / "labelsTr").iterdir()):
        stem = path.name.removesuffix(".nii.gz")
        path.rename(path.with_name(f"{name.format(stem)}.nii.gz"))
    dataset = open_dataset(root)
    assert dataset.n_labels == 0
    assert {u.issue for u in dataset.unmatched} == {FileIssue.LABEL_WITHOUT_IMAGE}
    assert dataset.unmatched[0].path.name == f"{expected}.nii.gz"
    assert "patient001_frame01.nii.gz" in dataset.unmatched[0].reason
    with pytest.raises(DatasetError):
        dataset.require_labels()


def test_nnunet_takes_one_text_in_two_codings(tmp_path: Path) -> None:
    root = nnunet(tmp_path)
    write_nifti(root / "imagesTr" / f"{NFC}_0000.nii.gz", VOXELS)
    write_nifti(root / "labelsTr" / f"{unicodedata.normalize('NFD', NFC)}.nii.gz", LABELS)
    dataset = open_dataset(root)
    assert (dataset.n_labels, dataset.unmatched) == (8, ())


def flat(images: str, labels: str, label_name: str = "{}") -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        for case in ("a1", "a2"):
            write_picture(root / images / f"{case}.png", PICTURE)
            write_picture(root / labels / f"{label_name.format(case)}.png", MASK)
        return root

    return make


@pytest.mark.parametrize(
    ("images", "labels", "label_name"),
    [
        ("images", "masks", "{}"),
        ("Images", "Masks", "{}"),
        ("IMAGES", "LABELS", "{}_mask"),
        ("imgs", "annotations", "{}"),
        ("images", "ground_truth", "{}_gt"),
        ("image", "GroundTruth", "{}"),
        ("Original", "Ground Truth", "{}"),
        ("images", "gt", "{}"),
        ("train_images", "train_masks", "{}"),
        ("imagesTr", "labelsTr", "{}"),
        ("Training_Input", "Training_GroundTruth", "{}_segmentation"),
        ("train/images", "train/masks", "{}"),
        ("images/train", "labels/train", "{}"),
        ("train", "train_masks", "{}_mask"),
        (".", "masks", "{}"),
    ],
)
def test_flat_folders_of_any_usual_name(
    tmp_path: Path, images: str, labels: str, label_name: str
) -> None:
    dataset = open_dataset(flat(images, labels, label_name)(tmp_path / "set"))
    found = [(c.case_id, [(r.structure, r.values) for r in c.labels]) for c in dataset.cases]
    assert found == [("a1", [("label_1", None)]), ("a2", [("label_1", None)])]
    assert dataset.unmatched == ()
    if "rain" in images or "Tr" in images:
        assert {case.split for case in dataset.cases} == {"train"}


def test_parts_that_count_from_one_keep_their_cases_apart(tmp_path: Path) -> None:
    for part in ("train", "test"):
        flat(f"{part}/images", f"{part}/masks")(tmp_path)
    cases = open_dataset(tmp_path).cases
    assert [(c.case_id, c.split) for c in cases] == [
        ("test_a1", "test"),
        ("test_a2", "test"),
        ("train_a1", "train"),
        ("train_a2", "train"),
    ]
    assert all(case.subject_id == case.case_id for case in cases)


def busi(root: Path) -> Path:
    for kind in ("benign", "malignant"):
        for number in (1, 2):
            write_picture(root / kind / f"{kind} ({number}).png", PICTURE)
            write_picture(root / kind / f"{kind} ({number})_mask.png", MASK)
    second = np.zeros_like(MASK)
    second[3, 3] = 255
    write_picture(root / "benign" / "benign (2)_mask_1.png", second)
    return root


def drive(root: Path) -> Path:
    for part, number in (("training", 21), ("test", 1)):
        write_picture(root / part / "images" / f"{number:02d}_{part}.tif", PICTURE)
        for folder, name in (("1st_manual", "manual1"), ("mask", f"{part}_mask")):
            path = root / part / folder / f"{number:02d}_{name}.gif"
            path.parent.mkdir(parents=True)
            Image.fromarray(MASK).save(path)
    return root


def lits(root: Path) -> Path:
    for number in (0, 1, 10):
        write_nifti(root / f"volume-{number}.nii", VOXELS)
        write_nifti(root / f"segmentation-{number}.nii", LABELS)
    return root


def brats(root: Path, label: str = "_seg", names: str = "_flair _t1 _t1ce _t2") -> Path:
    for number in ("001", "002"):
        case = f"BraTS20_Training_{number}"
        for name in (*names.split(), label):
            array = LABELS if name == label else VOXELS
            write_nifti(root / case / f"{case}{name}.nii.gz", array)
    return root


def new_brats(root: Path) -> Path:
    for case in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001", "BraTS-GLI-00006-000"):
        for name in ("t1n", "t1c", "t2w", "t2f", "seg"):
            array = LABELS if name == "seg" else VOXELS
            write_nifti(root / case / f"{case}-{name}.nii.gz", array)
    return root


def acdc(root: Path) -> Path:
    home = root / "training" / "patient001"
    for frame in ("frame01", "frame12"):
        write_nifti(home / f"patient001_{frame}.nii.gz", VOXELS)
        write_nifti(home / f"patient001_{frame}_gt.nii.gz", LABELS)
    write_nifti(home / "patient001_4d.nii.gz", np.zeros((4, 4, 3, 2), dtype=np.uint8))
    (home / "Info.cfg").write_text("ED: 1\nGroup: DCM\n")
    (home / "MANDATORY_CITATION.md").write_text("Please cite")
    return root


def promise(root: Path) -> Path:
    for number in ("00", "01"):
        write_nifti(root / f"Case{number}.nii.gz", VOXELS)
        write_nifti(root / f"Case{number}_segmentation.nii.gz", LABELS)
    return root


def verse(root: Path) -> Path:
    for subject in ("sub-verse004", "sub-verse521"):
        part = "" if subject.endswith("4") else "_dir-ax"
        write_nifti(root / "rawdata" / subject / f"{subject}{part}_ct.nii.gz", VOXELS)
        label = f"{subject}{part}_seg-vert_msk.nii.gz"
        write_nifti(root / "derivatives" / subject / label, LABELS + np.uint8(18) * (LABELS > 0))
    return root


def labels_of(dataset: Dataset) -> list[tuple[str, tuple[int, ...] | None]]:
    return [(ref.structure, ref.values) for ref in dataset.cases[0].labels]


HEART = ["heart_ventricle_right", "heart_myocardium", "heart_ventricle_left"]
TUMOUR = ["necrotic_tumor_core", "peritumoral_edema", "enhancing_tumor"]


@pytest.mark.parametrize(
    ("make", "cases", "structures", "values", "modality"),
    [
        (busi, 4, ["breast_lesion"], [None], Modality.ULTRASOUND),
        (drive, 2, ["retinal_vessel"], [None], Modality.OTHER),
        (lits, 3, ["liver", "liver_tumor"], [(1,), (2,)], Modality.CT),
        (brats, 2, TUMOUR, [(1,), (2,), (4,)], Modality.MR),
        (new_brats, 3, TUMOUR, [(1,), (2,), (3,)], Modality.MR),
        (acdc, 2, HEART, [(1,), (2,), (3,)], Modality.MR),
        (promise, 2, ["prostate"], [None], Modality.MR),
        (verse, 2, ["vertebrae_T12", "vertebrae_L1"], [(19,), (20,)], Modality.CT),
    ],
)
def test_published_sets_are_known(
    tmp_path: Path,
    make: Callable[[Path], Path],
    cases: int,
    structures: list[str],
    values: list[tuple[int, ...] | None],
    modality: Modality,
) -> None:
    dataset = open_dataset(make(tmp_path / "set"))
    assert len(dataset.cases) == cases
    assert labels_of(dataset) == list(zip(structures, values, strict=True))
    assert {case.modality for case in dataset.cases} == {modality}
    assert dataset.unlabelled == ()
    for case in dataset.cases:
        assert read_image(case.images[0]).array.shape[:2] == (4, 4)
        assert all(np.asarray(read_label(ref).mask(ref)).any() for ref in case.labels[:2])


def test_lesions_of_one_picture_are_pieces(tmp_path: Path) -> None:
    dataset = open_dataset(busi(tmp_path))
    found = {case.case_id: case.labels for case in dataset.cases}
    (ref,) = found["benign (2)"]
    assert [path.name for path in ref.pieces] == ["benign (2)_mask_1.png"]
    assert np.asarray(read_label(ref).mask(ref)).sum() == 2


def test_a_field_of_view_is_no_label_and_a_second_reader_is_a_source(tmp_path: Path) -> None:
    root = drive(tmp_path)
    dataset = open_dataset(root)
    assert [case.split for case in dataset.cases] == ["test", "train"]
    assert [u.path.name for u in dataset.unmatched] == ["mask", "mask"]
    second = root / "test" / "2nd_manual" / "01_manual2.gif"
    second.parent.mkdir()
    Image.fromarray(MASK).save(second)
    (case, _) = open_dataset(root).cases
    assert [ref.source for ref in case.labels] == ["1st_manual", "2nd_manual"]


def test_test_images_with_a_field_of_view_alone_have_no_label(tmp_path: Path) -> None:
    root = drive(tmp_path)
    shutil.rmtree(root / "test" / "1st_manual")
    dataset = open_dataset(root)
    assert dataset.unlabelled == ("01_test",)
    assert (dataset.n_labels, dataset.structures) == (1, ("retinal_vessel",))
    assert [u.path.name for u in dataset.unmatched] == ["mask", "mask"]


def test_sequences_are_channels_and_visits_are_of_one_subject(tmp_path: Path) -> None:
    (first, *_) = open_dataset(brats(tmp_path / "old")).cases
    ends = [path.name.removesuffix(".nii.gz").split("_")[-1] for path in first.images]
    assert ends == ["flair", "t1", "t1ce", "t2"]
    dataset = open_dataset(new_brats(tmp_path / "new"))
    assert dataset.subjects == ("BraTS-GLI-00005", "BraTS-GLI-00006")
    assert {len(case.images) for case in dataset.cases} == {4}


def test_series_in_time_is_left_and_told_and_the_patient_is_described(tmp_path: Path) -> None:
    dataset = open_dataset(acdc(tmp_path))
    assert [u.path.name for u in dataset.unmatched] == ["patient001_4d.nii.gz"]
    assert dataset.subjects == ("patient001",)
    assert (dataset.cases[0].metadata, dataset.cases[0].split) == (
        {"ed": "1", "group": "DCM"},
        "train",
    )


def test_monai_label_keeps_proposed_and_final_labels_apart(tmp_path: Path) -> None:
    root = MAKERS["monai-label"](tmp_path)
    write_nifti(root / "labels" / "original" / "spleen_3.nii.gz", LABELS)
    (root / "labels.json").unlink()
    info = {"label_info": [{"name": "spleen", "idx": 1}, {"name": "liver", "idx": 2}]}
    store = {"objects": {"spleen_3": {"labels": {"final": {"info": info}}}}}
    (root / "datastore_v2.json").write_text(json.dumps(store))
    dataset = open_dataset(root)
    found = {(r.structure, r.source) for r in dataset.cases[0].labels}
    assert found == {(s, o) for s in ("spleen", "liver") for o in ("final", "original")}


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("T1w_seg-manual", "label_1"),
        ("T1w_label-SC_seg", "spinal_cord"),
        ("T1w_gmseg-manual", "gray_matter"),
        ("T1w_lesion_roi", "lesion"),
        ("T1w_label-lesion_roi", "lesion"),
        ("label-L_desc-lesion_mask", "l"),
        ("T1w_lesion-manual", "lesion"),
    ],
)
def test_bids_labels_of_other_names(tmp_path: Path, name: str, structure: str) -> None:
    for subject in ("sub-01", "sub-02"):
        for image in ("T1w", "T2w"):
            write_nifti(tmp_path / subject / "anat" / f"{subject}_{image}.nii.gz", VOXELS)
        home = tmp_path / "derivatives" / "labels" / subject / "anat"
        write_nifti(home / f"{subject}_{name}.nii.gz", (LABELS > 0).astype(np.uint8))
    dataset = open_dataset(tmp_path)
    found = {c.case_id: [(r.structure, r.source) for r in c.labels] for c in dataset.cases}
    assert found["sub-01_T1w"] == [(structure, "labels")]
    assert found["sub-01_T2w"] == []


def test_bids_diffusion_images_are_cases_where_they_are_labelled(tmp_path: Path) -> None:
    for subject in ("sub-stroke1", "sub-stroke2"):
        for image in ("dwi", "adc"):
            write_nifti(tmp_path / subject / "ses-1" / f"{subject}_ses-1_{image}.nii.gz", VOXELS)
    home = tmp_path / "derivatives" / "sub-stroke1" / "ses-1"
    write_nifti(home / "sub-stroke1_ses-1_msk.nii.gz", LABELS)
    dataset = open_dataset(tmp_path)
    assert [case.case_id for case in dataset.cases] == ["sub-stroke1_ses-1_dwi"]


def test_totalsegmentators_one_file_and_freesurfers_folder(tmp_path: Path) -> None:
    for case in ("s0001", "s0002"):
        write_nifti(tmp_path / "ts" / case / "ct.nii.gz", VOXELS)
        write_nifti(tmp_path / "ts" / case / "segmentations.nii.gz", LABELS)
        for name, array in (("orig", VOXELS), ("T1", VOXELS), ("aseg", LABELS * np.uint8(8))):
            write_nifti(tmp_path / "fs" / case / "mri" / f"{name}.nii.gz", array)
        write_nifti(tmp_path / "fs" / case / "mri" / "wm.nii.gz", VOXELS)
    dataset = open_dataset(tmp_path / "ts")
    assert (dataset.format, dataset.n_labels) == ("case-folders", 4)
    dataset = open_dataset(tmp_path / "fs")
    assert [case.case_id for case in dataset.cases] == ["s0001", "s0002"]
    assert labels_of(dataset) == [("cerebellum_cortex_left", (8,)), ("brain_stem", (16,))]
    assert (dataset.cases[0].modality, dataset.unmatched) == (Modality.MR, ())


def test_folders_that_are_one_are_told_apart_by_names_or_refused(tmp_path: Path) -> None:
    root = lits(tmp_path / "lits")
    dataset = open_dataset(images=root, labels=tmp_path / "." / "lits")
    assert labels_of(dataset) == [("liver", (1,)), ("liver_tumor", (2,))]
    assert len(dataset.cases) == 3
    alone = label_folder(tmp_path / "set") / "images"
    for place in (alone, alone / "a.nii.gz"):
        with pytest.raises(UsageError):
            open_dataset(images=place, labels=place)


def test_an_image_and_a_folder_of_masks(tmp_path: Path) -> None:
    image = write_nifti(tmp_path / "ct.nii.gz", VOXELS)
    for name in ("liver", "Left Kidney"):
        write_nifti(tmp_path / "segmentations" / f"{name}.nii.gz", LABELS)
    (case,) = open_dataset(images=image, labels=tmp_path / "segmentations").cases
    assert [(r.structure, r.values) for r in case.labels] == [
        ("kidney_left", None),
        ("liver", None),
    ]
    joined = write_nifti(tmp_path / "one" / "ct_seg.nii.gz", LABELS).parent
    (case,) = open_dataset(images=image, labels=joined).cases
    assert [r.values for r in case.labels] == [(1,), (2,)]
    with pytest.raises(UsageError):
        open_dataset(images=image, labels=tmp_path / "segmentations", structure="liver")


@pytest.mark.parametrize("where", ["preds", "labelsTr"])
def test_a_description_beside_predictions_names_their_values(tmp_path: Path, where: str) -> None:
    raw = nnunet(tmp_path / "raw")
    preds = tmp_path / where
    (raw / "labelsTr").rename(preds)
    about = raw / "dataset.json"
    if where == "preds":
        (preds / "dataset.json").write_text(about.read_text())
        (preds / "plans.json").write_text("{}")
    else:
        (tmp_path / "dataset.json").write_text(about.read_text())
    dataset = open_dataset(images=raw / "imagesTr", labels=preds)
    assert dataset.structures == ("heart_ventricle_left", "kidney_left")
    assert {case.modality for case in dataset.cases} == {Modality.MR}
    assert dataset.unmatched == ()
    other = tmp_path / "other.json"
    other.write_text('{"training": [], "labels": {"0": "background", "1": "a", "2": "b"}}')
    named = open_dataset(images=raw / "imagesTr", labels=preds, names=other)
    assert named.structures == ("a", "b")
    other.write_text('{"channel_names": {"0": "CT"}}')
    with pytest.raises(DatasetError, match="labels"):
        open_dataset(images=raw / "imagesTr", labels=preds, names=other)


def test_a_kind_of_image_is_filled_in_and_contradicted_in_words(tmp_path: Path) -> None:
    root = label_folder(tmp_path / "set")
    dataset = open_dataset(root, modality=Modality.CT)
    assert {case.modality for case in dataset.cases} == {Modality.CT}
    with pytest.raises(UsageError):
        open_dataset(nnunet(tmp_path / "mr"), modality=Modality.CT)


POLYGONS = {
    "annotations.json": '{"images": [{"file_name": "a1.png"}], "annotations": []}',
    "annotations/instances_train.json": '{"annotations": [{"image_id": 0, "segmentation": [[1]]}]}',
    "images/a1.json": '{"version": "5.0", "shapes": [], "imagePath": "a1.png"}',
    "annotations.xml": '<annotations><image id="0"><polygon label="x"/></image></annotations>',
    "labels/a1.txt": "0 .3 .2 .7 .2 .7 .6\n1 0.1 0.2 0.3 0.4 0.5 0.6\n",
    "via_region_data.json": '{"a1.png1": {"regions": [{"shape_attributes": {}}]}}',
    "via.csv": "filename,region_count,region_shape_attributes\n",
    "Annotations/a1.xml": "<annotation><object><bndbox/></object></annotation>",
}


def test_given_labels_may_lie_in_a_folder_for_each_structure(tmp_path: Path) -> None:
    for name in ("a1", "a2"):
        write_picture(tmp_path / "pictures" / f"{name}.png", PICTURE)
        for structure in ("Left Lung", "heart"):
            write_picture(tmp_path / "drawn" / structure / f"{name}.png", PICTURE)
    found = open_dataset(images=tmp_path / "pictures", labels=tmp_path / "drawn")
    assert [case.case_id for case in found.cases] == ["a1", "a2"]
    for case in found.cases:
        assert {ref.structure for ref in case.labels} == {"lung_left", "heart"}
        assert {ref.path.stem for ref in case.labels} == {case.case_id}


@pytest.mark.parametrize("name", list(POLYGONS))
def test_outlines_in_text_files_are_named_and_refused(tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / "images" / "a1.png", PICTURE)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(POLYGONS[name])
    given: list[dict[str, Path]] = [{"path": tmp_path}]
    given += [{"images": tmp_path / "images", "labels": path.parent}]
    given += [{"images": tmp_path / "images" / "a1.png", "labels": path}]
    for places in given:
        with pytest.raises(DatasetError, match=path.name) as caught:
            open_dataset(**places)  # type: ignore[arg-type]
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("files", "word"),
    [
        (["images/a.png"], "images/"),
        (["sub-1/anat/sub-1_T1w.nii.gz"], "BIDS"),
        (["s1/ct.nii.gz"], "s1/ct.nii.gz"),
        (["images/a.mat", "labels/a.mat"], ".mat"),
        (["a.png", "b.png"], "a.png"),
        (["x/y.docx"], ".docx"),
    ],
)
def test_the_nearest_layout_and_what_it_lacks(tmp_path: Path, files: list[str], word: str) -> None:
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    with pytest.raises(DatasetError, match="--images") as caught:
        open_dataset(tmp_path)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
