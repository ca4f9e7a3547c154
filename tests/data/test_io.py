"""Files in: one orientation, and one clear line for every bad file."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from conftest import write_nifti, write_picture
from segassay.data.case import LabelRef
from segassay.data.io import label_mask, read_image, read_labels, stem_of
from segassay.errors import CaseError, ContentError, ReadError

ARRAY = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def test_image_comes_out_ras_float32(tmp_path: Path) -> None:
    volume = read_image(write_nifti(tmp_path / "a.nii.gz", ARRAY))
    np.testing.assert_array_equal(volume.array, ARRAY[::-1, ::-1])
    assert volume.array.dtype == np.float32
    assert volume.grid.spacing_mm == (1.5, 1.5, 3.0)
    assert volume.anatomical
    assert volume.spacing_known


@given(
    axes=st.permutations([0, 1, 2]),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_storage_order_makes_no_difference(
    tmp_path: Path, axes: list[int], flips: tuple[bool, bool, bool]
) -> None:
    affine = np.diag([-1.5, -1.5, 3.0, 1.0])
    stored = ARRAY.transpose(axes)
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, old in enumerate(axes):
        turn[old, new] = 1
    for axis, flip in enumerate(flips):
        if flip:
            stored = np.flip(stored, axis)
            turn[:, 3] += turn[:, axis] * (stored.shape[axis] - 1)
            turn[:, axis] *= -1
    turned = read_image(write_nifti(tmp_path / "turned.nii", stored, affine @ turn))
    plain = read_image(write_nifti(tmp_path / "plain.nii", ARRAY, affine))
    np.testing.assert_array_equal(turned.array, plain.array)
    np.testing.assert_allclose(turned.grid.affine, plain.grid.affine, atol=1e-5)


def test_identity_header_says_nothing_about_sides(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ARRAY, np.diag([1.5, 1.5, 10.0, 1.0]))
    image.set_qform(None, code=0)
    nib.save(image, tmp_path / "cine.nii.gz")
    volume = read_image(tmp_path / "cine.nii.gz")
    assert not volume.anatomical
    assert volume.grid.spacing_mm == (1.5, 1.5, 10.0)


def test_scaling_of_the_header_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ARRAY, np.eye(4))
    image.header.set_slope_inter(2.0, -5.0)
    nib.save(image, tmp_path / "scaled.nii.gz")
    stored = np.sort(read_image(tmp_path / "scaled.nii.gz").array.ravel())
    expected = np.sort(np.asarray(nib.load(tmp_path / "scaled.nii.gz").dataobj).ravel())
    np.testing.assert_allclose(stored, expected)


def test_picture_keeps_its_own_orientation_and_colours_become_luma(tmp_path: Path) -> None:
    picture = np.zeros((3, 5, 3), dtype=np.uint8)
    picture[0, 1] = (255, 0, 0)
    volume = read_image(write_picture(tmp_path / "a.png", picture))
    assert volume.array.shape == (5, 3, 1)
    assert volume.array[::-1, ::-1, 0].T[0, 1] == 76
    assert not volume.spacing_known


def test_labels_as_floats_are_whole_and_counted(tmp_path: Path) -> None:
    labels = read_labels(write_nifti(tmp_path / "l.nii.gz", (ARRAY % 3).astype(np.float64)))
    assert labels.counts == {0: 40, 1: 40, 2: 40}
    assert labels.max_fraction == 0
    assert labels.dtype == "float64"
    assert label_mask(labels, LabelRef("x", tmp_path, (1, 2))).sum() == 80


def test_fractions_are_rounded_and_reported(tmp_path: Path) -> None:
    labels = read_labels(write_nifti(tmp_path / "l.nii.gz", np.full((2, 2, 2), 0.7, np.float32)))
    assert labels.counts == {1: 8}
    assert labels.max_fraction == pytest.approx(0.3, abs=1e-6)


def test_mask_of_255_and_mask_in_three_equal_channels(tmp_path: Path) -> None:
    mask = np.zeros((4, 4), dtype=np.uint8)
    mask[1:3] = 255
    grey = read_labels(write_picture(tmp_path / "m.png", mask))
    colour = read_labels(write_picture(tmp_path / "c.png", np.repeat(mask[..., None], 3, axis=2)))
    assert grey.counts == colour.counts == {0: 8, 255: 8}


def bad_files(folder: Path) -> dict[str, tuple[Path, type[CaseError], str]]:
    whole = write_nifti(folder / "whole.nii.gz", np.random.default_rng(0).normal(size=(30, 30, 9)))
    cut = folder / "cut.nii.gz"
    cut.write_bytes(whole.read_bytes()[:-2000])
    text = folder / "text.nii.gz"
    text.write_text("this is no image " * 50)
    packed_text = folder / "packed.nii.gz"
    packed_text.write_bytes(gzip.compress(b"this is no image either " * 50))
    holes = ARRAY.astype(np.float32)
    holes[0, 0, :3] = np.nan
    huge = nib.Nifti1Header()
    huge.set_data_shape((32767, 32767, 32767))
    header = folder / "huge.nii"
    header.write_bytes(huge.binaryblock + b"\0" * 200)
    picture = write_picture(folder / "p.png", np.zeros((50, 50), dtype=np.uint8))
    half = folder / "half.png"
    half.write_bytes(picture.read_bytes()[:60])
    return {
        "missing": (folder / "nowhere.nii.gz", ReadError, "no such file"),
        "truncated": (cut, ReadError, "truncated"),
        "text": (text, ReadError, "not a NIfTI"),
        "packed text": (packed_text, ReadError, "not a NIfTI"),
        "4D": (write_nifti(folder / "4d.nii.gz", np.zeros((4, 4, 4, 2))), ContentError, "4D image"),
        "NaN": (write_nifti(folder / "nan.nii.gz", holes), ContentError, "3 voxels are NaN"),
        "huge": (header, ContentError, "2^31"),
        "half picture": (half, ReadError, "picture"),
        "ending": (folder / "a.mha", ReadError, "unknown ending"),
    }


@pytest.mark.parametrize(
    "kind",
    ["missing", "truncated", "text", "packed text", "4D", "NaN", "huge", "half picture", "ending"],
)
def test_bad_file_gives_one_line_with_its_name(tmp_path: Path, kind: str) -> None:
    path, error, words = bad_files(tmp_path)[kind]
    with pytest.raises(error, match=words.replace("^", r"\^")) as caught:
        read_image(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_coloured_labels_and_several_pages_are_refused(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    with pytest.raises(ContentError, match="coloured"):
        read_labels(write_picture(tmp_path / "c.png", colours))
    page = Image.fromarray(np.zeros((4, 4), dtype=np.uint8))
    page.save(tmp_path / "pages.tiff", save_all=True, append_images=[page])
    with pytest.raises(ContentError, match="2 pages"):
        read_image(tmp_path / "pages.tiff")


@given(st.binary(max_size=600))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_end_in_one_of_our_errors(tmp_path: Path, data: bytes) -> None:
    for name in ("f.nii", "f.nii.gz", "f.png"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        with pytest.raises(CaseError):
            read_image(path)


def test_stem_drops_double_endings() -> None:
    assert stem_of(Path("a.b.nii.gz")) == "a.b"
    assert stem_of(Path("c.PNG")) == "c"


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "anatomical"),
    [
        ("nnUNet_raw/Dataset101_BTCV/imagesTr/btcv_00_0000.nii.gz", True),
        ("nnUNet_raw/Dataset027_ACDC/imagesTr/patient001_frame01_0000.nii.gz", False),
        ("Task04_Hippocampus/imagesTr/hippocampus_001.nii.gz", True),
        ("Task90_LeftAtrium/imagesTr/la_000.nii.gz", False),
        ("chaos_t2/images/chaos_01.nii.gz", True),
        ("proton_lung/images/0004.nii.gz", True),
        ("totalsegmentator/s0001/ct.nii.gz", True),
    ],
)
def test_real_headers_are_believed_where_they_can_be(
    shared_data: Path, path: str, *, anatomical: bool
) -> None:
    assert read_image(shared_data / path).anatomical is anatomical
