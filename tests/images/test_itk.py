"""NRRD, MetaImage and Slicer's segmentations, against the same voxels in NIfTI."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from conftest import write_nifti
from segassay.datasets.opening import open_dataset
from segassay.errors import ContentError, MissingExtraError, ReadError
from segassay.images.io import read_image, read_label, read_labels

VOXELS = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
AFFINE = np.array([[-0.8, 0, 0, 10], [0, -0.6, 0, 20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def itk_image(array: Any = VOXELS, *, origin: tuple[float, ...] = (-10, -20, 30)) -> Any:
    """Return voxels `(i, j, k)` as ITK has them: LPS, slices first."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing((0.8, 0.6, 2.5))
    image.SetOrigin(origin)
    return image


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "a.nhdr"])
def test_volume_is_the_same_as_in_nifti(tmp_path: Path, name: str) -> None:
    sitk.WriteImage(itk_image(), str(tmp_path / name))
    volume = read_image(tmp_path / name)
    nifti = read_image(write_nifti(tmp_path / "n.nii.gz", VOXELS, AFFINE))
    assert np.array_equal(volume.array, nifti.array)
    assert np.allclose(volume.grid.affine, nifti.grid.affine)
    assert volume.anatomical
    assert read_labels(tmp_path / name).counts[7] == 1


def test_layout_with_metaimages_knows_their_voxel_files(tmp_path: Path) -> None:
    labels = (VOXELS > 100).astype(np.uint8)
    for folder, array in (("images", VOXELS), ("labels", labels)):
        (tmp_path / folder).mkdir()
        sitk.WriteImage(itk_image(array), str(tmp_path / folder / "a.mhd"))
    dataset = open_dataset(tmp_path)
    assert (dataset.n_labels, dataset.unmatched) == (1, ())


def test_header_without_a_place_is_not_believed(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(tmp_path / "a.mha"))
    volume = read_image(tmp_path / "a.mha")
    assert not volume.anatomical
    assert not volume.spacing_known


def slicer_file(path: Path, *, layers: bool) -> Path:
    """Write two segments cropped to a box of the image, overlapping if in layers."""
    box = np.zeros((2, 3, 4), dtype=np.uint8)
    one, two = box.copy(), box.copy()
    one[0], two[0, :2], two[1] = 1, 1, 1
    flat = np.where(one == 1, 1, np.where(two == 1, 2, 0)).astype(np.uint8)
    if layers:
        stack = [sitk.GetImageFromArray(np.ascontiguousarray(m.T)) for m in (one, two)]
        image = sitk.Compose(*stack)
    else:
        image = sitk.GetImageFromArray(np.ascontiguousarray(flat.T))
    image.SetSpacing((0.8, 0.6, 2.5))
    image.SetOrigin((-10 + 0.8, -20 + 0.6, 30 + 2.5))
    for n, name in enumerate(("Left Kidney", "kidney stone")):
        image.SetMetaData(f"Segment{n}_Name", name)
        image.SetMetaData(f"Segment{n}_LabelValue", "1" if layers else str(n + 1))
        image.SetMetaData(f"Segment{n}_Layer", str(n) if layers else "0")
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("layers", [False, True])
def test_segments_of_slicer_are_named_and_put_back_on_the_image(
    tmp_path: Path, layers: bool
) -> None:
    slicer_file(tmp_path / "labels" / "a.seg.nrrd", layers=layers)
    (tmp_path / "images").mkdir()
    sitk.WriteImage(itk_image(), str(tmp_path / "images" / "a.nrrd"))
    dataset = open_dataset(tmp_path)
    assert dataset.structures == ("kidney_left", "kidney_stone")
    (case,) = dataset.cases
    image = read_image(case.images[0])
    kidney, stone = (np.asarray(read_label(r, image).mask(r)) for r in case.labels)
    where = image.array[kidney].astype(int)
    assert sorted(where) == sorted(VOXELS[1, 1:4, 1:5].ravel())
    assert stone.sum() == (20 if layers else 12)
    assert (kidney & stone).sum() == (8 if layers else 0)


def test_bad_files_are_one_line(tmp_path: Path) -> None:
    text = tmp_path / "text.nrrd"
    text.write_text("this is no image")
    with pytest.raises(ReadError, match=r"text\.nrrd: not usable") as caught:
        read_image(text)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    sitk.WriteImage(itk_image(), str(tmp_path / "cut.mha"))
    data = (tmp_path / "cut.mha").read_bytes()
    (tmp_path / "cut.mha").write_bytes(data[:-40])
    with pytest.raises(ReadError, match=r"cut\.mha"):
        read_image(tmp_path / "cut.mha")
    with pytest.raises(ReadError, match="no such file"):
        read_image(tmp_path / "nowhere.mha")
    sitk.WriteImage(sitk.JoinSeries([itk_image()] * 2), str(tmp_path / "four.mha"))
    with pytest.raises(ContentError, match="expected a volume"):
        read_image(tmp_path / "four.mha")


META = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\n"
NRRD = "NRRD0004\ntype: unsigned char\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
PADDING = "Comment = " + "x" * 70 + "\n"


@pytest.mark.parametrize("ending", [".mhd", ".mha"])
@pytest.mark.parametrize(
    "text",
    [
        "ElementDataFile = ../secret.raw",
        "ElementDataFile : ../secret.raw",
        "ElementDataFile\0 = ../secret.raw",
        "Comment = ElementDataFile = LOCAL\nElementDataFile\0= ../secret.raw",
        "Comment = " + "x" * 490 + "ElementDataFile = ../secret.raw",
        "ElementDataFile = /etc/passwd",
        "ElementDataFile = out.raw",
        "ElementDataFile = LIST\n../secret.raw",
        "ElementDataFile = LIST 3D\nown.raw",
        "ElementDataFile = own%d.raw 0 1 1",
        PADDING * 1000 + "ElementDataFile = ../secret.raw",
        PADDING * 20_000 + "ElementDataFile = ../secret.raw",
        PADDING * 1000 + "ElementDataFile = out.raw",
    ],
)
def test_metaimage_that_points_elsewhere_is_not_followed(
    tmp_path: Path, text: str, ending: str
) -> None:
    refuse_header(tmp_path / "set", f"a{ending}", f"{META}{text}\n")


@pytest.mark.parametrize("ending", [".nhdr", ".nrrd"])
@pytest.mark.parametrize(
    "text",
    [
        "data file: ../secret.raw",
        "datafile: ../secret.raw",
        "DATA FILE: /etc/passwd",
        "data file: out.raw",
        "data file: -",
        "data file: LIST\n../secret.raw\n../secret.raw",
        "data file: ../secret%d.raw 0 1 1",
        "data file: own%d.raw 0 1 1",
        "key:=value\rdata file: ../secret.raw",
        "# comment\n" * 10_000 + "data file: ../secret.raw",
        "# comment\n" * 200_000 + "data file: ../secret.raw",
    ],
)
def test_nrrd_that_points_elsewhere_is_not_followed(tmp_path: Path, text: str, ending: str) -> None:
    refuse_header(tmp_path / "set", f"a{ending}", f"{NRRD}{text}\n")


@pytest.mark.parametrize("told", ["-3", "0", "11", "9999999999", "x", ""])
def test_metaimage_of_impossible_dimensions_is_refused(tmp_path: Path, told: str) -> None:
    text = META.replace("NDims = 3", f"NDims = {told}")
    refuse_header(tmp_path / "set", "a.mhd", f"{text}ElementDataFile = own.raw\n")


def refuse_header(folder: Path, name: str, text: str) -> None:
    folder.mkdir()
    (folder.parent / "secret.raw").write_bytes(bytes(8))
    for own in ("own.raw", "own0.raw", "own1.raw"):
        (folder / own).write_bytes(bytes(8))
    (folder / "out.raw").symlink_to("../secret.raw")
    (folder / name).write_text(text)
    with pytest.raises(ReadError) as caught:
        read_image(folder / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "head"), [("a.mhd", META), ("a.nhdr", NRRD)])
def test_voxels_beside_a_header_with_much_in_it_are_read(
    tmp_path: Path, name: str, head: str
) -> None:
    (tmp_path / "own voxels.raw").write_bytes(bytes(range(8)))
    more = PADDING * 1000 if name == "a.mhd" else "# comment\n" * 10_000
    key = "ElementDataFile =" if name == "a.mhd" else "data file:"
    (tmp_path / name).write_text(f"{head}{more}{key} own voxels.raw\n")
    assert read_image(tmp_path / name).array.sum() == 28


def test_header_of_a_huge_volume_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    head = "NDims = 3\nDimSize = 32767 32767 32767\nElementType = MET_UCHAR\n"
    path.write_text(f"{head}ElementDataFile = LOCAL\n")
    with pytest.raises(ContentError, match="at most"):
        read_image(path)


def test_volume_that_the_machine_cannot_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.nrrd"
    sitk.WriteImage(itk_image(), str(path))
    monkeypatch.setattr("segassay.files.memory_limits.memory_bytes", lambda: VOXELS.size * 4)
    with pytest.raises(ContentError, match="GiB of memory"):
        read_image(path)


def test_volume_in_a_zip(tmp_path: Path) -> None:
    for name in ("a.nrrd", "b.mhd"):
        sitk.WriteImage(itk_image(), str(tmp_path / name))
    packed = tmp_path / "s.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for name in ("a.nrrd", "b.mhd"):
            file.write(tmp_path / name, name)
    assert np.array_equal(
        read_image(packed / "a.nrrd").array, read_image(tmp_path / "a.nrrd").array
    )
    with pytest.raises(ReadError, match="unpack the archive"):
        read_image(packed / "b.mhd")


def test_without_simpleitk_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sitk.WriteImage(itk_image(), str(tmp_path / "a.nrrd"))
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    with pytest.raises(MissingExtraError, match=r"segassay\[itk\]"):
        read_image(tmp_path / "a.nrrd")
