"""A label comes back from its file as it was, whatever the axes and the format of the file."""

import gzip
from itertools import permutations, product
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from pydicom.uid import generate_uid

from conftest import write_nifti, write_picture
from dicom_samples import COLUMNS, N_SLICES, ROWS, Change, write_seg, write_series
from segassay.errors import ContentError, GeometryError, MissingExtraError, OutputError
from segassay.geometry.grid import Grid, corner_distance_mm
from segassay.images.formats.registry import FORMATS, label_names, parts_of
from segassay.images.io import read_image, read_label, read_labels
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.write_label import label_path, write_label

SHAPE = (5, 6, 7)
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
NAMES = {1: "liver", 3: "kidney_left", 7: "niere"}


def some_labels(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array([0, 1, 3, 7], dtype=np.uint8), shape)


def some_mask(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < 0.4


def affines() -> list[np.ndarray]:
    """All 48 ways to lay axes along the body, with three spacings, and one oblique way."""
    found = []
    for order, signs in product(permutations(range(3)), product((-1, 1), repeat=3)):
        affine = np.zeros((4, 4))
        for axis, sign, size in zip(order, signs, (0.8, 1.5, 3.0), strict=True):
            affine[axis, order.index(axis)] = sign * size
        affine[:, 3] = (10, -20, 30, 1)
        found.append(affine)
    tilted = found[0].copy()
    tilted[:3, :3] = tilted[:3, :3] @ np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    return [*found, tilted]


def in_ras(array: Any, affine: Any) -> tuple[np.ndarray, np.ndarray]:
    """What nibabel makes of voxels and an affine: its closest canonical image."""
    image = nib.as_closest_canonical(nib.Nifti1Image(np.asarray(array), affine))
    return np.asarray(image.dataobj), image.affine


def by_another_reader(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine, RAS+, as nibabel or SimpleITK read them."""
    if path.name.endswith((".nii", ".nii.gz", ".mgz", ".mgh")):
        image = nib.load(path)
        return in_ras(image.dataobj, image.affine)
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return in_ras(sitk.GetArrayFromImage(image).T, TO_RAS @ affine)


def write_like(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    """Write voxels in stored order with the library of the format."""
    if path.name.endswith((".nii", ".nii.gz")):
        return write_nifti(path, array, affine)
    if path.suffix in (".mgz", ".mgh"):
        nib.save(nib.MGHImage(array, affine), path)
        return path
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    lps = TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("number", range(49))
@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".seg.nrrd", ".mha", ".mgz"])
def test_labels_come_back_as_they_were(tmp_path: Path, ending: str, number: int) -> None:
    affine = affines()[number]
    like = write_like(tmp_path / f"gold{ending}", np.ones(SHAPE, dtype=np.uint8), affine)
    grid = read_labels(like).grid
    labels = some_labels(grid.shape, number)
    path = write_label(tmp_path / f"m{ending}", labels, like=like, names=NAMES)
    again = read_labels(path)
    assert np.array_equal(again.array, labels)
    assert corner_distance_mm(again.grid, grid) < 1e-4
    voxels, placed = by_another_reader(path)
    assert np.array_equal(voxels, labels)
    assert np.allclose(placed, grid.affine, atol=1e-4)
    if ending.startswith(".nii"):  # the header is the original's own
        stored, gold = nib.load(path), nib.load(like)
        assert np.array_equal(stored.affine, gold.affine)
        assert stored.header["sform_code"] == gold.header["sform_code"]
        assert stored.header["qform_code"] == gold.header["qform_code"]
        assert stored.shape == gold.shape
    if ending in (".nii.gz", ".nii", ".seg.nrrd"):
        assert label_names(path) == NAMES


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".seg.nrrd", ".mha", ".mhd", ".nhdr"])
@pytest.mark.parametrize("source", ["a.nii.gz", "a.mha", "a.mgz", "a.nrrd"])
def test_one_format_is_written_like_another(tmp_path: Path, ending: str, source: str) -> None:
    affine = affines()[29]
    like = write_like(tmp_path / source, np.ones(SHAPE, dtype=np.int16), affine)
    grid = read_image(like).grid
    labels = some_labels(grid.shape)
    path = write_label(tmp_path / f"m{ending}", labels, like=like, keep_header=False)
    voxels, placed = by_another_reader(path)
    assert np.array_equal(voxels, labels)
    assert np.allclose(placed, grid.affine, atol=1e-4)
    assert read_labels(path).dtype == "uint8"
    stored = nib.load(path).affine if ending == ".nii.gz" else affine
    assert np.allclose(stored, affine, atol=1e-4)  # axes in the order of the source


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1), (2, 4)])
@pytest.mark.parametrize("keep", [True, False])
def test_header_states_what_the_other_one_states(
    tmp_path: Path, codes: tuple[int, int], keep: bool
) -> None:
    affine = np.diag([-1.0, -2.0, 3.0, 1.0])
    image = nib.Nifti1Image(np.ones(SHAPE, dtype=np.uint8), None)
    image.header.set_zooms((1, 2, 3))
    image.header["descrip"] = b"drawn by hand"
    image.set_sform(affine if codes[0] else None, code=codes[0])
    image.set_qform(affine if codes[1] else None, code=codes[1])
    like = tmp_path / "gold.nii"
    nib.save(image, like)
    mask = some_mask(read_labels(like).grid.shape)
    stored = nib.load(write_label(tmp_path / "m.nii.gz", mask, like=like, keep_header=keep))
    header = stored.header
    found = (int(header["sform_code"]), int(header["qform_code"]))
    assert found == (codes if keep else (min(codes[0], 1), min(codes[1], 1)))
    assert bytes(header["descrip"]).rstrip(b"\0") == (b"drawn by hand" if keep else b"")
    assert np.allclose(stored.affine, nib.load(like).affine)
    assert (read_labels(tmp_path / "m.nii.gz").array == mask).all()


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 7, 1)])
def test_flat_files_stay_flat(tmp_path: Path, shape: tuple[int, ...]) -> None:
    like = write_nifti(tmp_path / "gold.nii.gz", np.ones(shape, dtype=np.uint8))
    mask = some_mask(read_labels(like).grid.shape)
    path = write_label(tmp_path / "m.nii.gz", mask, like=like)
    assert nib.load(path).shape == shape
    assert (read_labels(path).array == mask).all()


@pytest.mark.parametrize(
    ("own", "most", "stored"),
    [
        ("uint8", 7, "uint8"),
        ("uint8", 300, "uint16"),
        ("int16", 7, "int16"),
        ("int16", 40_000, "uint16"),
        ("uint16", 70_000, "uint32"),
        ("float32", 7, "float32"),
        ("float32", 2**24 + 1, "uint32"),
    ],
)
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_type_of_voxels_stays_unless_a_value_needs_more(
    tmp_path: Path, ending: str, own: str, most: int, stored: str
) -> None:
    like = write_like(tmp_path / f"a{ending}", np.ones(SHAPE, dtype=own), affines()[0])
    labels = np.zeros(read_labels(like).grid.shape, dtype=np.int64)
    labels[1, 2, 3] = most
    again = read_labels(write_label(tmp_path / f"b{ending}", labels, like=like))
    assert again.dtype == stored
    assert again.counts[most] == 1


def test_values_that_a_format_has_no_type_for_are_refused(tmp_path: Path) -> None:
    labels = np.full((3, 3, 1), 70_000)
    grid = Grid((3, 3, 1), np.eye(4))
    for name in ("a.png", "a.bmp"):
        with pytest.raises(OutputError):
            write_label(tmp_path / name, labels, like=grid)
    assert not list(tmp_path.iterdir())


def test_a_label_scaled_in_its_header_is_stored_as_it_is(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.ones(SHAPE, dtype=np.uint8), affines()[3])
    image.header.set_slope_inter(2.0, 1.0)
    nib.save(image, tmp_path / "a.nii")
    labels = some_labels(read_labels(tmp_path / "a.nii").grid.shape)
    stored = nib.load(write_label(tmp_path / "b.nii", labels, like=tmp_path / "a.nii"))
    assert (stored.dataobj.slope, stored.dataobj.inter) == (1.0, 0.0)
    assert np.array_equal(read_labels(tmp_path / "b.nii").array, labels)


def test_other_header_extensions_stay_and_the_label_table_is_exchanged(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.ones(SHAPE, dtype=np.uint8), np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"a comment"))
    nib.save(image, tmp_path / "a.nii")
    mask = some_mask(SHAPE)
    first = write_label(tmp_path / "b.nii", mask, like=tmp_path / "a.nii", names={1: "spleen"})
    second = write_label(tmp_path / "c.nii", {"colon": mask}, like=first, names={4: "colon"})
    third = write_label(tmp_path / "d.nii", {"colon": mask}, like=second)
    for path, names in ((first, {1: "spleen"}), (second, {4: "colon"}), (third, {4: "colon"})):
        codes = [e.get_code() for e in nib.load(path).header.extensions]
        assert sorted(codes) == [0, 6]
        assert label_names(path) == names
        assert set(read_labels(path).counts) == {0, *names}


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "jpg"])
def test_a_mask_on_a_picture_is_one_to_look_at(tmp_path: Path, ending: str) -> None:
    like = write_picture(tmp_path / f"gold.{ending}", np.full((8, 9), 255, dtype=np.uint8))
    grid = read_labels(like).grid
    mask = some_mask(grid.shape)
    path = write_label(label_path(tmp_path / "m.1", like), mask, like=like, grid=grid)
    again = read_labels(path)
    assert path.name == "m.1.png"
    assert set(again.counts) == {0, 255}
    assert ((again.array > 0) == mask).all()
    with Image.open(path) as picture:
        assert np.array_equal(np.array(picture) > 0, mask[::-1, ::-1, 0].T)


def test_a_palette_stays(tmp_path: Path) -> None:
    picture = Image.fromarray(some_labels((8, 9)))
    picture.putpalette([n * c % 256 for n in range(256) for c in (3, 5, 7)])
    picture.save(tmp_path / "a.png")
    labels = some_labels((9, 8, 1), 1)
    path = write_label(tmp_path / "b.png", labels, like=tmp_path / "a.png")
    with Image.open(path) as stored, Image.open(tmp_path / "a.png") as original:
        assert stored.mode == "P"
        assert stored.getpalette() == original.getpalette()
        assert np.array_equal(np.array(stored), labels[::-1, ::-1, 0].T)


@pytest.mark.parametrize(
    ("mode", "most", "stored"),
    [("L", 7, "L"), ("1", 255, "1"), ("1", 1, "L"), ("L", 300, "I;16"), ("I;16", 7, "I;16")],
)
def test_depth_of_a_picture_stays_unless_a_value_needs_more(
    tmp_path: Path, mode: str, most: int, stored: str
) -> None:
    kind = {"1": bool, "L": np.uint8, "I;16": np.uint16}[mode]
    Image.fromarray(np.ones((4, 5), dtype=kind)).save(tmp_path / "a.png")
    labels = np.zeros((5, 4, 1), dtype=np.uint16)
    labels[1, 2] = most
    path = write_label(tmp_path / "b.png", labels, like=tmp_path / "a.png")
    with Image.open(path) as picture:
        assert picture.mode == stored
    assert read_labels(path).counts[most] == 1


def test_masks_of_ones_stay_ones_in_a_picture(tmp_path: Path) -> None:
    like = write_picture(tmp_path / "a.png", np.eye(6, dtype=np.uint8))
    mask = some_mask((6, 6, 1))
    path = write_label(tmp_path / "b.png", mask, like=like)
    assert set(read_labels(path).counts) == {0, 1}


@pytest.mark.parametrize("name", ["a.jpg", "a.gif", "a.npz", "a.img", "a.txt", "a"])
def test_formats_that_hold_no_label_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError) as caught:
        write_label(tmp_path / name, some_mask((4, 5, 1)), like=Grid((4, 5, 1), np.eye(4)))
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_unless_asked_for(tmp_path: Path) -> None:
    like = write_nifti(tmp_path / "a.nii.gz", np.ones(SHAPE, dtype=np.uint8))
    before = like.read_bytes()
    with pytest.raises(OutputError):
        write_label(like, some_mask(SHAPE), like=like)
    assert like.read_bytes() == before
    write_label(like, some_mask(SHAPE), like=like, overwrite=True)
    assert (read_labels(like).array == some_mask(SHAPE)).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_label(tmp_path / "no" / "a.nii", some_mask(SHAPE), like=Grid(SHAPE, np.eye(4)))
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    like = write_nifti(tmp_path / "a.nii.gz", np.ones(SHAPE, dtype=np.uint8))
    out, grid = tmp_path / "b.nii.gz", read_labels(like).grid
    aside = grid.affine.copy()
    aside[0, 3] += 5
    with pytest.raises(GeometryError):
        write_label(out, some_mask((4, 4, 4)), like=like)
    with pytest.raises(GeometryError):
        write_label(out, some_mask(SHAPE), like=like, grid=Grid(SHAPE, aside))
    with pytest.raises(GeometryError):
        write_label(out, {"a": some_mask(SHAPE), "b": some_mask((4, 4, 4))}, like=like)
    with pytest.raises(ContentError):
        write_label(out, np.full(SHAPE, -1), like=like)
    with pytest.raises(ContentError):
        write_label(out, np.full(SHAPE, 0.5), like=like)
    with pytest.raises(ContentError):
        write_label(out, {}, like=like)
    with pytest.raises(OutputError):
        write_label(out, {"a": np.ones(SHAPE, bool), "b": some_mask(SHAPE)}, like=like)
    with pytest.raises(OutputError):
        write_label(tmp_path / "b.png", some_mask(SHAPE), like=like)
    with pytest.raises(OutputError):
        write_label(tmp_path / "b.dcm", some_mask(SHAPE), like=like)
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.seg.nrrd", "a.mha", "a.mgz", "a.png"])
def test_an_empty_label_is_written(tmp_path: Path, name: str) -> None:
    grid = Grid((4, 5, 1), np.diag([-1.0, -1.0, 1.0, 1.0]))
    path = write_label(tmp_path / name, {"liver": Mask.empty((4, 5, 1))}, like=grid)
    assert read_labels(path).counts == {0: 20}


def test_equal_labels_give_equal_bytes(tmp_path: Path) -> None:
    like = write_nifti(tmp_path / "gold.nii.gz", np.ones(SHAPE, dtype=np.uint8))
    for ending in (".nii.gz", ".nrrd", ".seg.nrrd", ".mha", ".mgz"):
        written = [
            write_label(tmp_path / f"{n}{ending}", some_mask(SHAPE), like=like).read_bytes()
            for n in "ab"
        ]
        assert written[0] == written[1]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_voxels_stay_packed_or_plain(tmp_path: Path, ending: str, packed: bool) -> None:
    image = sitk.GetImageFromArray(np.zeros((40, 40, 40), dtype=np.uint8))
    image.SetMetaData("note", "kept")
    sitk.WriteImage(image, str(tmp_path / f"a{ending}"), useCompression=packed)
    mask = np.zeros((40, 40, 40), dtype=bool)
    path = write_label(tmp_path / f"b{ending}", mask, like=tmp_path / f"a{ending}")
    assert (path.stat().st_size < 40**3) == packed
    assert sitk.ReadImage(str(path)).GetMetaData("note") == "kept"


def slicer_original(path: Path) -> Path:
    """A cropped segmentation with a colour and tags of its own."""
    image = sitk.GetImageFromArray(np.ones((2, 3, 4), dtype=np.uint8))
    image.SetOrigin((1, 1, 1))
    about = {"Name": "spleen", "Color": "0.1 0.2 0.3", "Tags": "mine:1|", "ID": "S9"}
    for key, text in {**about, "LabelValue": "1", "Layer": "0"}.items():
        image.SetMetaData(f"Segment0_{key}", text)
    image.SetMetaData("Segmentation_ReferenceImageExtentOffset", "1 1 1")
    sitk.WriteImage(image, str(path))
    return path


def test_slicers_segments_overlap_and_keep_their_looks(tmp_path: Path) -> None:
    like = slicer_original(tmp_path / "a.seg.nrrd")
    write_like(tmp_path / "image.nrrd", np.ones((6, 7, 8), dtype=np.int16), np.diag([-1, -1, 1, 1]))
    image = read_image(tmp_path / "image.nrrd")
    masks = {
        "spleen": some_mask(image.grid.shape, 1),
        "liver": some_mask(image.grid.shape, 2),
        "none": np.zeros(image.grid.shape, dtype=bool),
    }
    path = write_label(tmp_path / "b.seg.nrrd", masks, like=like, grid=image.grid)
    found = parts_of(path)
    assert [part.name for part in found] == list(masks)
    for part, mask in zip(found, masks.values(), strict=True):
        ref = LabelRef(part.name, part.path, (part.value,))
        assert np.array_equal(np.asarray(read_label(ref, image).mask(ref)), mask)
    stored = sitk.ReadImage(str(path))
    assert stored.GetNumberOfComponentsPerPixel() == 2
    assert stored.GetMetaData("Segment0_Color") == "0.1 0.2 0.3"
    assert stored.GetMetaData("Segment0_Tags") == "mine:1|"
    assert stored.GetMetaData("Segment0_ID") == "S9"
    assert stored.GetMetaData("Segment2_Extent") == "0 -1 0 -1 0 -1"
    assert stored.GetMetaData("Segmentation_ReferenceImageExtentOffset") == "0 0 0"
    colours = {stored.GetMetaData(f"Segment{n}_Color") for n in range(3)}
    assert len(colours) == 3
    box = np.argwhere(sitk.GetArrayFromImage(stored)[..., 0].T == 1)
    extent = [int(n) for n in stored.GetMetaData("Segment0_Extent").split()]
    assert extent == [n for pair in zip(box.min(0), box.max(0), strict=True) for n in pair]
    assert b"\nkinds: list domain domain domain\n" in path.read_bytes()


def test_slicers_own_part_stands_for_its_file(tmp_path: Path) -> None:
    grid = Grid(SHAPE, np.eye(4))
    masks = {"a": np.ones(SHAPE, bool), "b": some_mask(SHAPE)}
    first = write_label(tmp_path / "a.seg.nrrd", masks, like=grid)
    again = write_label(tmp_path / "b.seg.nrrd", masks, like=parts_of(first)[1].path)
    assert [p.name for p in parts_of(again)] == ["a", "b"]
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(again)))
    assert np.array_equal(voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(first))))


def along(row: tuple[float, ...], column: tuple[float, ...], step: tuple[float, ...]) -> Change:
    """Lay a series along two directions, its slices apart by a step."""

    def change(n: int, data: Any) -> None:
        data.ImageOrientationPatient = [*row, *column]
        data.ImagePositionPatient = (np.array([-10.0, 5, 7]) + n * np.array(step)).tolist()

    return change


C, S = 0.9659258262890683, 0.25881904510252074  # 15 degrees
SERIES: dict[str, Change] = {
    "axial": along((1, 0, 0), (0, 1, 0), (0, 0, 2.5)),
    "sagittal": along((0, 1, 0), (0, 0, -1), (-2.5, 0, 0)),
    "coronal": along((1, 0, 0), (0, 0, -1), (0, 2.5, 0)),
    "oblique": along((C, S, 0), (-S, C, 0), (0, 0, 2.5)),
    "feet first": along((1, 0, 0), (0, 1, 0), (0, 0, -2.5)),
    "tilted": along((1, 0, 0), (0, 1, 0), (0, 0.7, 2.5)),
}


@pytest.mark.parametrize("name", SERIES)
def test_dicom_seg_lies_on_its_series(tmp_path: Path, name: str) -> None:
    series = write_series(tmp_path / "ct", change=SERIES[name])
    image = read_image(series)
    labels = some_labels(image.grid.shape)
    path = write_label(tmp_path / "seg.dcm", labels, like=series, names=NAMES, keep_header=False)
    for part, value in zip(parts_of(path), NAMES, strict=True):
        ref = LabelRef(part.name, part.path)
        again = read_label(ref, image)
        assert part.name == NAMES[value]
        assert np.array_equal(np.asarray(again.mask(ref)), labels == value)
        assert corner_distance_mm(again.grid, image.grid) < 1e-4
    check_by_highdicom(path, series, labels)


def check_by_highdicom(path: Path, series: Path, labels: np.ndarray) -> None:
    """Frames lie where the series' slices lie, and hold what the label holds there."""
    seg = hd.seg.segread(path)
    slices = [pydicom.dcmread(p) for p in series.iterdir()]
    image = read_image(series)
    uids = [s.SOPInstanceUID for s in slices]
    found = seg.get_pixels_by_source_instance(
        source_sop_instance_uids=uids, combine_segments=False, ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )  # fmt: skip
    for number, value in enumerate(NAMES):
        total = 0
        for frame, one in zip(found[..., number], slices, strict=True):
            place = np.eye(4)
            along_row, along_column = np.reshape(one.ImageOrientationPatient, (2, 3)).astype(float)
            place[:3, 0] = along_row * float(one.PixelSpacing[1])
            place[:3, 1] = along_column * float(one.PixelSpacing[0])
            place[:3, 3] = np.array(one.ImagePositionPatient, dtype=float)
            for row, column in np.argwhere(frame):
                world = TO_RAS @ place @ [column, row, 0, 1]
                at = np.rint(np.linalg.solve(image.grid.affine, world)[:3]).astype(int)
                assert labels[tuple(at)] == value
                total += 1
        assert total == np.count_nonzero(labels == value)


def test_dicom_seg_says_what_it_is_in_codes(tmp_path: Path) -> None:
    series = write_series(tmp_path / "ct")
    labels = some_labels(read_image(series).grid.shape)
    path = write_label(tmp_path / "a.dcm", labels, like=series, names=NAMES, algorithm="a network")
    seg = hd.seg.segread(path)
    source = pydicom.dcmread(next(series.iterdir()))
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert seg.StudyInstanceUID == source.StudyInstanceUID
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    coded = [
        (s.SegmentLabel, s.segmented_property_category.value, s.segmented_property_type.value)
        for s in seg.SegmentSequence
    ]
    assert coded == [
        ("liver", "123037004", "10200004"),
        ("kidney_left", "123037004", "64033007"),
        ("niere", "85756007", "85756007"),
    ]
    kidney = seg.SegmentSequence[1].SegmentedPropertyTypeCodeSequence[0]
    assert kidney.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "7771000"
    assert {s.SegmentAlgorithmType for s in seg.SegmentSequence} == {"AUTOMATIC"}
    assert seg.SegmentSequence[0].SegmentAlgorithmName == "a network"
    drawn = write_label(tmp_path / "b.dcm", labels, like=series, names=NAMES)
    assert hd.seg.segread(drawn).SegmentSequence[0].SegmentAlgorithmType == "MANUAL"


def test_dicom_segments_may_overlap_or_be_empty(tmp_path: Path) -> None:
    series = write_series(tmp_path / "ct")
    image = read_image(series)
    masks = {
        "liver": np.ones(image.grid.shape, dtype=bool),
        "lesion": some_mask(image.grid.shape),
        "spleen": np.zeros(image.grid.shape, dtype=bool),
    }
    path = write_label(tmp_path / "seg.dcm", masks, like=series)
    alone = write_label(tmp_path / "empty.dcm", {"liver": masks["spleen"]}, like=series)
    for file, expected in ((path, masks), (alone, {"liver": masks["spleen"]})):
        assert [p.name for p in parts_of(file)] == list(expected)
        for part, mask in zip(parts_of(file), expected.values(), strict=True):
            ref = LabelRef(part.name, part.path)
            assert np.array_equal(np.asarray(read_label(ref, image).mask(ref)), mask)


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_seg_object_is_written_anew_on_the_images_of_the_old_one(
    tmp_path: Path, overlapping: bool
) -> None:
    series = write_series(tmp_path / "ct")
    image = read_image(series)
    old = {"Liver": np.zeros((N_SLICES, ROWS, COLUMNS), dtype=np.uint8)}
    old["Liver"][2:4, 1:3, 1:3] = 1
    like = write_seg(tmp_path / "old.dcm", series, old)
    masks = {"liver": some_mask(image.grid.shape), "lesion": some_mask(image.grid.shape, 2)}
    masks["lesion"] &= masks["liver"] if overlapping else ~masks["liver"]
    part = parts_of(like)[0].path
    path = write_label(tmp_path / "new.dcm", masks, like=part, grid=image.grid)
    seg, source = hd.seg.segread(path), pydicom.dcmread(next(series.iterdir()))
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    for part_of, mask in zip(parts_of(path), masks.values(), strict=True):
        ref = LabelRef(part_of.name, part_of.path)
        assert np.array_equal(np.asarray(read_label(ref, image).mask(ref)), mask)


def test_a_seg_object_lies_on_an_image_of_many_frames(tmp_path: Path) -> None:
    def enhanceable(n: int, data: Any) -> None:
        data.InstanceNumber = n + 1
        data.AcquisitionDate, data.AcquisitionTime = "20000101", "000000"
        data.ContentDate, data.ContentTime = "20000101", "000000"
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]

    series = write_series(tmp_path / "series", change=enhanceable)
    hd.legacy.LegacyConvertedEnhancedCTImage(
        [pydicom.dcmread(path) for path in sorted(series.iterdir())],
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    ).save_as(tmp_path / "joined.dcm")
    image = read_image(tmp_path / "joined.dcm")
    labels = some_labels(image.grid.shape)
    path = write_label(
        tmp_path / "seg.dcm", labels, like=tmp_path / "joined.dcm", names=NAMES, keep_header=False
    )
    for part, value in zip(parts_of(path), NAMES, strict=True):
        ref = LabelRef(part.name, part.path)
        assert np.array_equal(np.asarray(read_label(ref, image).mask(ref)), labels == value)


@pytest.mark.parametrize(("library", "name"), [("SimpleITK", "a.nrrd"), ("highdicom", "a.dcm")])
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, name: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(MissingExtraError):
        write_label(tmp_path / name, some_mask(SHAPE), like=Grid(SHAPE, np.eye(4)))
    assert not list(tmp_path.iterdir())


def test_what_is_written_is_read_and_no_two_formats_claim_one_ending() -> None:
    endings = [suffix for row in FORMATS for suffix in row.suffixes]
    assert len(set(endings)) == len(endings)
    for number, ending in enumerate(endings):
        assert not any(ending.endswith(earlier) for earlier in endings[:number])
    for row in FORMATS:
        assert (row.write is not None) == bool(row.writes)
        assert set(row.writes) <= {*row.suffixes, ".dcm"}


def test_gzip_says_no_time(tmp_path: Path) -> None:
    path = write_label(tmp_path / "a.nii.gz", some_mask(SHAPE), like=Grid(SHAPE, np.eye(4)))
    assert path.read_bytes()[4:8] == bytes(4)
    assert len(gzip.decompress(path.read_bytes())) == 352 + 5 * 6 * 7


def test_the_page_of_formats_has_a_row_for_each() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"
    lines = [line.split(" | ") for line in page.read_text("utf-8").splitlines() if line[:2] == "| "]
    rows = {cells[0].removeprefix("| "): cells for cells in lines[1:]}
    assert list(rows) == [row.name for row in FORMATS]
    for row in FORMATS:
        _, endings, written, _ = rows[row.name]
        assert all(f"`{ending}`" in endings for ending in (*row.suffixes, *row.writes))
        assert written.startswith("yes") == bool(row.writes)
        assert ("overlap" in written) == row.has_layers
