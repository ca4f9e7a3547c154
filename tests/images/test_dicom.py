"""DICOM: series in order and in Hounsfield units, SEG objects, and series that are no volume."""

import io
import zipfile
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from conftest import write_nifti
from dicom_samples import (
    COLUMNS,
    N_SLICES,
    PLACES_MM,
    ROWS,
    Change,
    hounsfield,
    write_seg,
    write_series,
)
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_case
from segassay.errors import ContentError, DatasetError, MissingExtraError, ReadError
from segassay.images.io import read_image, read_label
from segassay.types import Modality


def test_slices_are_ordered_by_place_and_rescaled(tmp_path: Path) -> None:
    volume = read_image(write_series(tmp_path / "series"))
    assert volume.array.shape == (COLUMNS, ROWS, N_SLICES)
    assert volume.anatomical
    assert volume.spacing_known
    # RAS+: columns run to the left and rows to the back in DICOM, so both are turned round
    for n in range(N_SLICES):
        expected = hounsfield(n) // 2 * 2
        assert np.array_equal(volume.array[::-1, ::-1, n].T, expected)
    assert np.allclose(volume.grid.affine @ [COLUMNS - 1, ROWS - 1, 0, 1], [10, 20, 100, 1])
    assert volume.grid.spacing_mm == (0.5, 0.8, 2.5)


def test_tilted_gantry_keeps_its_sheared_grid(tmp_path: Path) -> None:
    def tilt(n: int, data: Any) -> None:
        data.ImagePositionPatient = [-10.0, -20.0 + 0.7 * n, 100.0 + 2.5 * n]

    volume = read_image(write_series(tmp_path / "series", change=tilt))
    corner = volume.grid.affine @ [COLUMNS - 1, ROWS - 1, N_SLICES - 1, 1]
    assert np.allclose(corner, [10, 20 - 0.7 * 5, 112.5, 1])
    assert volume.grid.voxel_ml == pytest.approx(0.5 * 0.8 * 2.5 / 1000)


def missing(n: int, data: Any) -> None:
    if n == 3:
        del data.Rows


def doubled(n: int, data: Any) -> None:
    if n == 3:
        data.ImagePositionPatient = list(PLACES_MM[2])


def sideways(n: int, data: Any) -> None:
    if n == 3:
        data.ImagePositionPatient = [-7.0, -20.0, 107.5]


def uneven(n: int, data: Any) -> None:
    if n >= 3:
        data.ImagePositionPatient = [-10.0, -20.0, 100.0 + 2.5 * n + 1.0]


def scout(n: int, data: Any) -> None:
    if n == 3:
        data.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def other_series(n: int, data: Any) -> None:
    if n == 3:
        data.SeriesInstanceUID = generate_uid()


def other_pixels(n: int, data: Any) -> None:
    if n == 3:
        data.PixelSpacing = [0.4, 0.4]


def huge(_: int, data: Any) -> None:
    data.Rows = data.Columns = 32767


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (missing, r"5 mm between slices 3 and 4, elsewhere 2\.5 mm"),
        (doubled, "two slices at one place"),
        (sideways, "shift sideways"),
        (uneven, "apart"),
        (scout, "several orientations"),
        (other_series, "2 series"),
        (other_pixels, "several pixel sizes"),
        (huge, "at most"),
    ],
)
def test_series_that_is_no_volume_is_refused_in_one_line(
    tmp_path: Path, change: Change, words: str
) -> None:
    folder = write_series(tmp_path / "series", change=change)
    with pytest.raises(ContentError, match=words) as caught:
        read_image(folder)
    assert str(caught.value).startswith("series: ")
    assert "\n" not in str(caught.value)


def test_broken_slices_are_read_errors(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    path = folder / "3.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"3\.dcm: not usable as DICOM"):
        read_image(folder)
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
    with pytest.raises(ReadError, match=r"3\.dcm"):
        read_image(folder)
    with pytest.raises(ReadError, match="holds no DICOM image"):
        read_image(tmp_path)


def overlapping_masks() -> dict[str, Any]:
    liver = np.zeros((N_SLICES, ROWS, COLUMNS), dtype=np.uint8)
    liver[2:4, 1:4, 1:3] = 1
    vessel = np.zeros_like(liver)
    vessel[1, 2, 2] = vessel[3, 2, 2] = 1  # the slice between is left out of the file
    return {"Liver": liver, "Gall Bladder": vessel}


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segments_overlap_and_lie_on_the_image(tmp_path: Path, kind: str) -> None:
    series = write_series(tmp_path / "case_1" / "ct")
    masks = overlapping_masks()
    write_seg(tmp_path / "case_1" / "seg.dcm", series, masks, kind=kind)
    write_series(tmp_path / "case_2" / "ct")
    dataset = open_dataset(tmp_path)
    assert [(c.case_id, len(c.labels)) for c in dataset.cases] == [("case_1", 2), ("case_2", 0)]
    assert dataset.structures == ("liver", "gallbladder")
    assert dataset.subjects == ("case_1",)  # one patient id
    assert dataset.cases[0].modality is Modality.CT
    image = read_image(dataset.cases[0].images[0])
    for ref, stored in zip(dataset.cases[0].labels, masks.values(), strict=True):
        labels = read_label(ref, image)
        assert np.allclose(labels.volume.grid.affine, image.grid.affine)
        assert np.array_equal(np.asarray(labels.mask(ref)), stored.T[::-1, ::-1].astype(bool))
    read = read_case(dataset.cases[0])
    assert all(len(file.sha256) == 64 for file in read.labels)


def test_segments_as_a_label_map(tmp_path: Path) -> None:
    series = write_series(tmp_path / "case" / "ct")
    masks = overlapping_masks()
    masks["Gall Bladder"] *= 1 - masks["Liver"]
    write_seg(tmp_path / "case" / "seg.dcm", series, masks, kind="LABELMAP")
    (case,) = open_dataset(tmp_path).cases
    image = read_image(case.images[0])
    found = [int(np.asarray(read_label(ref, image).mask(ref)).sum()) for ref in case.labels]
    assert found == [int(mask.sum()) for mask in masks.values()] == [12, 1]


def test_segmentations_find_their_series_from_a_folder_of_their_own(tmp_path: Path) -> None:
    for case in ("a", "b"):
        series = write_series(tmp_path / case / "ct")
        (tmp_path / "all").mkdir(exist_ok=True)
        write_seg(tmp_path / "all" / f"{case}.dcm", series, overlapping_masks())
    dataset = open_dataset(tmp_path)
    assert {c.case_id: {r.path.parent.name for r in c.labels} for c in dataset.cases} == {
        "a": {"a.dcm"},
        "b": {"b.dcm"},
    }


def test_image_of_many_frames_is_the_same_as_its_slices(tmp_path: Path) -> None:
    def enhanceable(n: int, data: Any) -> None:
        data.InstanceNumber = n + 1
        data.AcquisitionDate, data.AcquisitionTime = "20000101", "000000"
        data.ContentDate, data.ContentTime = "20000101", "000000"
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]

    series = write_series(tmp_path / "series", change=enhanceable)
    joined = hd.legacy.LegacyConvertedEnhancedCTImage(
        [pydicom.dcmread(path) for path in sorted(series.iterdir())],
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )
    joined.save_as(tmp_path / "joined.dcm")
    whole, slices = read_image(tmp_path / "joined.dcm"), read_image(series)
    assert np.array_equal(whole.array, slices.array)
    assert np.allclose(whole.grid.affine, slices.grid.affine)


def test_label_files_go_to_the_series_beside_them(tmp_path: Path) -> None:
    labels = np.zeros((COLUMNS, ROWS, N_SLICES), dtype=np.uint8)
    labels[1, 1, 1], labels[2, 2, 2] = 1, 2
    for case in ("a", "b"):
        write_series(tmp_path / case / "series")
        write_nifti(tmp_path / case / "seg.nii.gz", labels)
    write_nifti(tmp_path / "b" / "second.nii.gz", labels)
    write_nifti(tmp_path / "astray.nii.gz", labels)
    (tmp_path / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    (tmp_path / "a" / "notes.txt").write_text("x")
    dataset = open_dataset(tmp_path)
    assert [[(r.structure, r.source) for r in c.labels] for c in dataset.cases] == [
        [("liver", "seg"), ("spleen", "seg")],
        [("liver", "second"), ("spleen", "second"), ("liver", "seg"), ("spleen", "seg")],
    ]
    assert [u.path.name for u in dataset.unmatched] == ["notes.txt", "astray.nii.gz"]


def test_nothing_of_the_patient_is_kept(tmp_path: Path) -> None:
    write_series(tmp_path / "series")
    assert "secret" not in repr(open_dataset(tmp_path))


def test_single_image_without_a_place(tmp_path: Path) -> None:
    def flat(n: int, data: Any) -> None:
        del data.ImagePositionPatient
        data.PhotometricInterpretation, data.Modality = "MONOCHROME1", "DX"
        data.PatientID = f"p{n}"

    write_series(tmp_path / "films", change=flat)
    dataset = open_dataset(tmp_path)
    assert len(dataset.cases) == len(dataset.subjects) == N_SLICES
    assert dataset.cases[0].modality is Modality.XRAY
    film = read_image(dataset.cases[0].images[0])
    assert film.array.shape == (COLUMNS, ROWS, 1)
    assert not film.anatomical
    assert film.grid.spacing_mm[:2] == (0.5, 0.8)
    assert film.array[-1, -1, 0] == film.array.max()  # the first pixel was the lowest


def test_series_in_a_zip_is_read_in_place(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "case")
    packed = tmp_path / "case.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in folder.iterdir():
            file.write(path, Path("study/series") / path.name)
    (case,) = open_dataset(packed).cases
    assert np.array_equal(read_image(case.images[0]).array, read_image(folder).array)
    assert len(read_case(case).image_sha256) == 64


def test_without_pydicom_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "series")
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(MissingExtraError, match=r"segassay\[dicom\]"):
        open_dataset(tmp_path)


def test_folder_with_objects_but_no_image(tmp_path: Path) -> None:
    stream = io.BytesIO()
    series = write_series(tmp_path / "elsewhere")
    data = pydicom.dcmread(series / "1.dcm")
    del data.Rows
    data.Modality = "SR"
    data.save_as(stream, enforce_file_format=True)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "report.dcm").write_bytes(stream.getvalue())
    with pytest.raises(DatasetError, match="no images found"):
        open_dataset(tmp_path / "set")


@pytest.mark.data
def test_real_series_matches_its_labels(shared_data: Path) -> None:
    (case,) = open_dataset(shared_data / "dicom").cases
    read = read_case(case)
    (file,) = read.labels
    labels = file.content
    assert not isinstance(labels, Exception)
    assert not isinstance(read.image, Exception)
    assert np.allclose(labels.volume.grid.affine, read.image.grid.affine, atol=1e-4)
    liver = next(ref for ref in case.labels if ref.structure == "liver")
    inside = read.image.array[np.asarray(labels.mask(liver))]
    assert 50 < np.median(inside) < 150  # Hounsfield units of an enhanced liver
