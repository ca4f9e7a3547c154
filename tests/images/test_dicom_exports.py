"""DICOM as archives and readers leave it: mixed folders, tilted gantries, authors, codecs."""

import locale
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLosslessSV1, generate_uid

from dicom_samples import COLUMNS, N_SLICES, PLACES_MM, ROWS, Change, write_seg, write_series
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import file_sha256, read_case
from segassay.errors import ReadError
from segassay.geometry.grid import require_same_grid
from segassay.images.formats import dicom_header
from segassay.images.io import read_image, read_label


def mask(*filled: int, row: int = 1) -> Any:
    """A mask `(slice, row, column)` with two pixels in some slices."""
    found = np.zeros((N_SLICES, ROWS, COLUMNS), dtype=np.uint8)
    found[list(filled), row, 1:3] = 1
    return found


def as_ras(stored: Any) -> Any:
    return stored.T[::-1, ::-1].astype(bool)


def tilted(n: int, data: Any) -> None:
    data.ImagePositionPatient = [-10.0, -20.0 + 0.7 * n, 100.0 + 2.5 * n]


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segments_of_a_tilted_series_lie_on_its_sheared_grid(tmp_path: Path, kind: str) -> None:
    series = write_series(tmp_path / "p" / "ct", change=tilted)
    masks = {
        "Liver": mask(1, 2, 3),
        "Spleen": mask(0, 5, row=2),  # slices between, and a whole one, are left out of the file
        "Stomach": mask(4, row=3),
    }
    write_seg(tmp_path / "p" / "seg.dcm", series, masks, kind=kind)
    (case,) = open_dataset(tmp_path).cases
    image = read_image(case.images[0])
    assert [ref.structure for ref in case.labels] == ["liver", "spleen", "stomach"]
    for ref, stored in zip(case.labels, masks.values(), strict=True):
        labels = read_label(ref, image)
        require_same_grid(labels.volume.grid, image.grid, ref.structure)
        assert np.allclose(labels.volume.grid.affine, image.grid.affine, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(labels.mask(ref)), as_ras(stored))


def export(root: Path, *, names: tuple[str, ...] = ("a", "b"), frames: bool = False) -> Path:
    """Write series and their SEG objects into one folder, as an archive's export does."""
    for n, name in enumerate(names):

        def patient(_: int, data: Any, name: str = name) -> None:
            data.PatientID = name

        series = write_series(root.parent / "made" / name, change=patient)
        seg = write_seg(root.parent / f"{name}.dcm", series, {"Liver": mask(n + 1, n + 2)})
        if frames:
            header = pydicom.dcmread(seg)
            del header.ReferencedSeriesSequence
            header.save_as(seg)
        root.mkdir(parents=True, exist_ok=True)
        for path in series.iterdir():
            shutil.move(path, root / f"{name}_{path.name}")
        shutil.move(seg, root / f"0_{name}")
    shutil.rmtree(root.parent / "made")
    return root


@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("at_root", [False, True])
def test_a_folder_of_several_series_is_split(tmp_path: Path, frames: bool, at_root: bool) -> None:
    folder = export(tmp_path / "set" / "all", frames=frames)
    dataset = open_dataset(folder if at_root else folder.parent)
    assert [c.case_id for c in dataset.cases] == (
        ["series-1", "series-2"] if at_root else ["all_series-1", "all_series-2"]
    )
    assert len(dataset.subjects) == 2
    assert dataset.unmatched == ()
    for n, case in enumerate(dataset.cases):
        read = read_case(case)
        (ref,) = case.labels
        labels = read.labels[0].content
        assert not isinstance(read.image, Exception)
        assert not isinstance(labels, Exception)
        assert read.image.grid.shape == (COLUMNS, ROWS, N_SLICES)
        np.testing.assert_array_equal(np.asarray(labels.mask(ref)), as_ras(mask(n + 1, n + 2)))
    first, second = (file_sha256(case.images[0]) for case in dataset.cases)
    assert first != second
    assert len(first) == len(second) == 64


def test_a_series_that_cannot_be_read_costs_itself(tmp_path: Path) -> None:
    folder = export(tmp_path / "all")
    (folder / "a_3.dcm").unlink()
    a, b = open_dataset(folder).cases
    assert isinstance(read_case(a).image, Exception)
    assert not isinstance(read_case(b).image, Exception)
    with pytest.raises(ReadError):
        read_image(folder / "series-3")
    with pytest.raises(ReadError):
        read_image(folder / "series-0")


def readers(root: Path, place: Any, change: Any = None) -> Path:
    """Two patients; two readers drew the liver of the first, the second one that of the other."""
    for patient, by in (("p0", (1, 2)), ("p1", (2,))):
        series = write_series(root / patient / "ct")
        for reader in by:
            path = root / place(patient, reader)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_seg(path, series, {"Liver": mask(reader)})
            header = pydicom.dcmread(path)
            for key, value in (change(reader) if change is not None else {}).items():
                setattr(header, key, value)
            header.save_as(path)
    return root


@pytest.mark.parametrize(
    "place",
    [
        lambda patient, reader: f"{patient}/READER{reader}/1-1.dcm",
        lambda patient, reader: f"{patient}/READER{reader}/seg/1-1.dcm",
        lambda patient, reader: f"READER{reader}/{patient}/1-1.dcm",
        lambda patient, reader: f"{patient}/seg/READER{reader}.dcm",
        lambda patient, reader: f"{patient}/READER{reader}.dcm",
    ],
)
def test_readers_are_called_the_same_in_all_cases(tmp_path: Path, place: Any) -> None:
    dataset = open_dataset(readers(tmp_path, place))
    assert {c.case_id: [r.source for r in c.labels] for c in dataset.cases} == {
        "p0": ["READER1", "READER2"],
        "p1": ["READER2"],
    }


@pytest.mark.parametrize("key", ["SeriesDescription", "ContentCreatorName"])
def test_readers_whom_only_the_header_tells_apart(tmp_path: Path, key: str) -> None:
    def place(patient: str, reader: int) -> str:
        return f"{patient}/{generate_uid()}/{patient}{reader}.dcm"

    dataset = open_dataset(readers(tmp_path, place, lambda reader: {key: f"R{reader}"}))
    assert sorted(r.source for c in dataset.cases for r in c.labels) == ["R1", "R2", "R2"]


def test_one_file_for_each_structure_is_one_author(tmp_path: Path) -> None:
    series = write_series(tmp_path / "p" / "ct")
    for name in ("Liver", "Spleen"):
        write_seg(tmp_path / "p" / f"{name}.dcm", series, {name: mask(1)})
    (case,) = open_dataset(tmp_path).cases
    assert {(r.structure, r.source) for r in case.labels} == {
        ("liver", "label"),
        ("spleen", "label"),
    }


@pytest.mark.parametrize("change", [None, tilted])
def test_segments_of_one_name_are_pieces_of_one_structure(
    tmp_path: Path, change: Change | None
) -> None:
    series = write_series(tmp_path / "p" / "ct", change=change)
    path = tmp_path / "p" / "seg.dcm"
    write_seg(path, series, {"one": mask(1), "two": mask(3, 5, row=2), "Liver": mask(2, row=3)})
    header = pydicom.dcmread(path)
    for segment in header.SegmentSequence[:2]:
        segment.SegmentLabel = "Kidney"
    header.save_as(path)
    (case,) = open_dataset(tmp_path).cases
    assert [(r.structure, r.source, len(r.pieces)) for r in case.labels] == [
        ("kidney", "label", 1),
        ("liver", "label", 0),
    ]
    read = read_case(case)
    labels = read.labels[0].content
    assert not isinstance(labels, Exception)
    np.testing.assert_array_equal(
        np.asarray(labels.mask(case.labels[0])), as_ras(mask(1) | mask(3, 5, row=2))
    )


def test_a_series_shown_dark_is_turned_round_as_one(tmp_path: Path) -> None:
    def dark(_: int, data: Any) -> None:
        data.PhotometricInterpretation = "MONOCHROME1"

    plain = read_image(write_series(tmp_path / "plain")).array
    turned = read_image(write_series(tmp_path / "dark", change=dark)).array
    np.testing.assert_allclose(turned, plain.max() - plain)


def test_a_series_is_what_simpleitk_reads(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    folder = write_series(tmp_path / "series")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs, ours = reader.Execute(), read_image(folder)
    np.testing.assert_allclose(ours.array[::-1, ::-1].T, sitk.GetArrayFromImage(theirs))
    assert np.allclose(theirs.GetOrigin(), PLACES_MM[0])
    corner = ours.grid.affine @ [COLUMNS - 1, ROWS - 1, 0, 1]
    assert np.allclose(corner[:3] * [-1, -1, 1], theirs.GetOrigin())
    assert np.allclose(ours.grid.spacing_mm, theirs.GetSpacing())


def jpeg_lossless(folder: Path) -> Path:
    """Write the usual compression of clinical CT, with GDCM's own encoder."""
    sitk = pytest.importorskip("SimpleITK")
    folder.mkdir(parents=True)
    before = locale.setlocale(locale.LC_ALL)
    series, values = generate_uid(), np.arange(64, dtype=np.int16).reshape(1, 8, 8)
    for n in range(3):
        image = sitk.GetImageFromArray(values + 100 * n)
        tags = {
            "0008|0060": "CT",
            "0020|000e": series,
            "0020|000d": series,
            "0020|0032": f"0\\0\\{5 * n}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0028|1052": "-1024",
            "0028|1053": "1",
        }
        image.SetOrigin((0, 0, 5 * n))
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{n}.dcm"))
        writer.SetUseCompression(True)
        writer.SetCompressor("JPEG")
        writer.Execute(image)
    locale.setlocale(locale.LC_ALL, before)  # its writer leaves another one behind
    assert pydicom.dcmread(folder / "0.dcm").file_meta.TransferSyntaxUID == JPEGLosslessSV1
    return folder


def test_lossless_jpeg_is_read_as_stored(tmp_path: Path) -> None:
    pytest.importorskip("gdcm")
    folder = jpeg_lossless(tmp_path / "ct")
    sitk = pytest.importorskip("SimpleITK")
    theirs = [sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{n}.dcm"))) for n in range(3)]
    found = read_image(folder).array[::-1, ::-1].T
    np.testing.assert_array_equal(found, np.concatenate(theirs))
    assert found.max() - found.min() == 263


def test_without_a_codec_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = jpeg_lossless(tmp_path / "ct")
    path = folder / "0.dcm"
    data = pydicom.dcmread(path)
    decoder = import_module("pydicom.pixels").get_decoder(JPEGLosslessSV1)
    monkeypatch.setattr(decoder, "_available", {})
    with pytest.raises(ReadError, match="pip install python-gdcm"):
        dicom_header.require_decoder(path, data)
    with pytest.raises(ReadError, match="pip install python-gdcm"):
        read_image(folder)
    data.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
    with pytest.raises(ReadError, match="MPEG2"):
        dicom_header.require_decoder(path, data)
