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
from segassay.errors import CaseError, ContentError, ReadError
from segassay.images.formats.registry import stem_of
from segassay.images.io import read_image, read_labels
from segassay.images.label_ref import LabelRef
from segassay.judge.inputs.arrays_and_files import image_volume

ARRAY = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


@pytest.mark.parametrize("values", [None, (1,), (3, 300), (-2,), (0, 1)])
def test_masks_of_label_maps_with_and_without_voxels(
    tmp_path: Path, values: tuple[int, ...] | None
) -> None:
    ref = LabelRef("x", tmp_path, values)
    for filled in ((), (1,), (1, 3, 300), (-2, 5, 70000)):
        array = np.zeros((3, 4, 5), dtype=np.int32)
        for n, value in enumerate(filled):
            array[n % 3, n % 4, n] = value
        labels = read_labels(write_nifti(tmp_path / "l.nii.gz", array))
        expected = array[::-1, ::-1] != 0 if values is None else np.isin(array, values)[::-1, ::-1]
        np.testing.assert_array_equal(np.asarray(labels.mask(ref)), expected)
        np.testing.assert_array_equal(labels.array, array[::-1, ::-1])
        assert labels.counts == {v: int((array == v).sum()) for v in {0, *filled}}


def test_image_comes_out_ras_in_its_own_small_type(tmp_path: Path) -> None:
    volume = read_image(write_nifti(tmp_path / "a.nii.gz", ARRAY))
    np.testing.assert_array_equal(volume.array, ARRAY[::-1, ::-1])
    assert volume.array.dtype == np.int16
    large = read_image(write_nifti(tmp_path / "b.nii.gz", ARRAY.astype(np.int32)))
    assert large.array.dtype == np.float32
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
    assert np.asarray(labels.mask(LabelRef("x", tmp_path, (1, 2)))).sum() == 80


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
        "ending": (folder / "a.xyz", ReadError, "unknown ending"),
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


def with_header(path: Path, **fields: object) -> Path:
    """Write `ARRAY` with fields of its header replaced, bad ones too."""
    nib.save(nib.Nifti1Image(ARRAY, np.diag([-1.5, -1.5, 3.0, 1.0])), path)
    data = path.read_bytes()
    header = np.frombuffer(data[:348], dtype=nib.nifti1.header_dtype).copy()
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.tobytes() + data[348:])
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vox_offset": np.nan}, "places voxels at byte nan"),
        ({"vox_offset": 0}, "places voxels at byte 0"),
        ({"vox_offset": 1e12}, "places voxels at byte"),
        ({"dim": [3, -4, -5, 6, 1, 1, 1, 1]}, "holds no voxels"),
        ({"dim": [3, 4, 5, 600, 1, 1, 1, 1]}, "ends"),
        ({"datatype": 999}, "not a NIfTI"),
        ({"magic": b"ni1"}, "not a NIfTI"),
        ({"srow_x": [np.nan] * 4}, "no usable geometry"),
        ({"scl_slope": 3e38}, "NaN or infinite"),
    ],
)
def test_damaged_header_is_one_line_and_stderr_stays_clean(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    suffix: str,
    fields: dict[str, object],
    words: str,
) -> None:
    path = with_header(tmp_path / "h.nii", **fields)
    if suffix == ".nii.gz":
        path = tmp_path / "h.nii.gz"
        path.write_bytes(gzip.compress((tmp_path / "h.nii").read_bytes()))
    with pytest.raises(CaseError, match=words) as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@given(place=st.integers(0, 351), value=st.integers(0, 255))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_header_with_one_wrong_byte_is_read_or_refused(
    tmp_path: Path, place: int, value: int
) -> None:
    path = with_header(tmp_path / "one.nii")
    data = bytearray(path.read_bytes())
    data[place] = value
    path.write_bytes(bytes(data))
    try:
        volume = read_image(path)
    except CaseError:
        return
    assert volume.array.shape == volume.grid.shape
    assert np.isfinite(volume.array).all()
    assert np.isfinite(volume.grid.corners_mm).all()


@pytest.mark.parametrize("cut", [100, 400])
def test_gzip_in_several_members_is_one_file(tmp_path: Path, cut: int) -> None:
    data = write_nifti(tmp_path / "plain.nii", ARRAY).read_bytes()
    members = tmp_path / "members.nii.gz"
    members.write_bytes(gzip.compress(data[:cut]) + gzip.compress(data[cut:]))
    plain = read_image(tmp_path / "plain.nii")
    np.testing.assert_array_equal(read_image(members).array, plain.array)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_header_extensions_longer_than_the_header_are_passed_over(
    tmp_path: Path, suffix: str
) -> None:
    image = nib.Nifti1Image(ARRAY, np.diag([1.5, 1.5, 3.0, 1.0]))
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, b"<names/>" * 5000))
    nib.save(image, tmp_path / f"long{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"long{suffix}").array, ARRAY)


def test_voxel_size_is_unknown_where_none_was_written(tmp_path: Path) -> None:
    nowhere = {"sform_code": 0, "qform_code": 0}
    assert not read_image(
        with_header(tmp_path / "z.nii", pixdim=[1, 0, 0, 0, 0, 0, 0, 0], **nowhere)
    ).spacing_known
    assert not read_image(
        with_header(tmp_path / "o.nii", pixdim=[1, 1, 1, 1, 0, 0, 0, 0], **nowhere)
    ).spacing_known
    assert read_image(
        with_header(tmp_path / "s.nii", pixdim=[1, 1, 1, 2, 0, 0, 0, 0], **nowhere)
    ).spacing_known
    assert read_image(with_header(tmp_path / "c.nii")).spacing_known


def test_values_beyond_float32_are_counted_as_infinite(tmp_path: Path) -> None:
    far = np.zeros((3, 3, 3))
    far[0, 0, :2] = 1e300
    with pytest.raises(ContentError, match="2 voxels are NaN or infinite"):
        read_image(write_nifti(tmp_path / "far.nii", far))


def test_what_stands_for_no_value_is_refused_and_no_nan_is_scored(tmp_path: Path) -> None:
    """A border of the largest float is finite, but the mean of its square is not."""
    blank = np.random.default_rng(0).normal(100, 20, size=(8, 8, 3)).astype(np.float32)
    blank[0] = np.finfo(np.float32).max
    with pytest.raises(ContentError, match=r"24 voxels .* or beyond 1e[+]18"):
        read_image(write_nifti(tmp_path / "blank.nii", blank))
    with pytest.raises(ContentError, match=r"beyond 1e[+]18"):
        image_volume(blank)
    assert read_image(write_nifti(tmp_path / "far.nii", blank.clip(max=1e17))).array.max() > 9e16


def test_palette_with_transparency_is_an_image_and_a_label_picture(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2), mode="P")
    picture.putpalette([0, 0, 0, 50, 50, 50, 100, 100, 100, 200, 200, 200])
    picture.save(tmp_path / "p.png", transparency=bytes([0, 255, 255, 255]))
    assert sorted(read_image(tmp_path / "p.png").array.ravel()) == [0, 50, 100, 200]
    assert read_labels(tmp_path / "p.png").counts == {0: 1, 1: 1, 2: 1, 3: 1}


def test_message_about_a_folder_in_place_of_a_picture_holds_no_path(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ReadError) as caught:
        read_image(tmp_path / "folder.png")
    assert str(tmp_path) not in str(caught.value)


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
def test_real_label_map_with_names_in_its_header_is_read(shared_data: Path) -> None:
    path = next((shared_data / "dicom").rglob("*.nii.gz"))
    assert len(read_labels(path).counts) > 10


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
