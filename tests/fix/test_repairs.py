"""Each repair on a file that needs it, on one that does not, and on one it must not touch."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from repair_files import moved, save, with_scale
from segassay.corruption.phantoms.simple_phantom import make_phantom
from segassay.errors import ContentError
from segassay.fix.lines_up import lines_up
from segassay.fix.repairs import REPAIRS, TOLERANCE, Change, Surroundings, repaired
from segassay.images.formats.registry import encoded, header_facts, read_stored
from segassay.images.formats.stored_label import StoredLabel
from segassay.images.io import read_labels

SAFE = tuple(name for name, repair in REPAIRS.items() if not repair.asked)
PHANTOM = make_phantom(1)
AFFINE = np.asarray(PHANTOM.affine, dtype=np.float64)
LABELS = np.asarray(PHANTOM.labels, dtype=np.uint8)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return save(tmp_path / "image.nii.gz", PHANTOM.image.astype(np.int16), AFFINE, AFFINE)


def around(image: Path, **more: Any) -> Surroundings:
    return Surroundings(
        image=header_facts(image),
        declared=more.pop("declared", frozenset()),
        alone=more.pop("alone", False),
        voxels=lambda: read_stored(image).array,
        **more,
    )


def mend(
    path: Path, image: Path, rules: tuple[str, ...] = SAFE, **more: Any
) -> tuple[StoredLabel, tuple[Change, ...]]:
    """Repair a file in place, and make sure that a second repair finds nothing."""
    label, changes = repaired(read_stored(path), around(image, **more), rules)
    if changes:
        path.write_bytes(encoded(label, path.name))
        again, more_changes = repaired(read_stored(path), around(image, **more), rules)
        assert more_changes == ()
        assert encoded(again, path.name) == path.read_bytes()
    return label, changes


def rules_of(changes: tuple[Change, ...]) -> list[str]:
    return [change.rule for change in changes]


def test_a_sound_file_is_left_alone(tmp_path: Path, image: Path) -> None:
    _, changes = mend(save(tmp_path / "a.nii.gz", LABELS, AFFINE, AFFINE), image)
    assert changes == ()


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_numbers_stored_as_floats(
    tmp_path: Path, image: Path, ending: str, dtype: type
) -> None:
    values = LABELS.astype(dtype) - dtype(1e-5) * (LABELS > 0)  # 0.99999 is a 1
    path = save(tmp_path / f"a{ending}", values, AFFINE, AFFINE)
    _, changes = mend(path, image)
    assert rules_of(changes) == ["float_storage"]
    assert read_stored(path).array.dtype == np.uint8
    np.testing.assert_array_equal(read_stored(path).array, LABELS)


def test_fractions_and_not_a_number_are_left_alone(tmp_path: Path, image: Path) -> None:
    for odd in (0.4, np.nan, np.inf):
        values = LABELS.astype(np.float32)
        values[3, 3, 3] = odd
        _, changes = mend(save(tmp_path / "a.nii", values, AFFINE, AFFINE), image)
        assert changes == ()


def test_a_scale_factor(tmp_path: Path, image: Path) -> None:
    path = with_scale(save(tmp_path / "a.nii", LABELS, AFFINE, AFFINE), 3.0)
    _, changes = mend(path, image)
    assert rules_of(changes) == ["scaled_values"]
    facts = header_facts(path)
    assert facts is not None
    assert (facts.slope, facts.dtype) == (1.0, "uint8")
    np.testing.assert_array_equal(read_labels(path).volume.array.max(), 3 * LABELS.max())
    fraction = with_scale(save(tmp_path / "b.nii", LABELS, AFFINE, AFFINE), 0.3)
    assert mend(fraction, image)[1] == ()


def test_255_where_1_is_meant(tmp_path: Path, image: Path) -> None:
    mask = np.where(LABELS == 1, 255, 0).astype(np.uint8)
    path = save(tmp_path / "a.nii.gz", mask, AFFINE, AFFINE)
    assert mend(path, image, declared=frozenset({1, 2}))[1] == ()
    _, changes = mend(path, image, declared=frozenset({1}))
    assert [c.evidence for c in changes] == [{"from": 255, "to": 1}]
    np.testing.assert_array_equal(read_stored(path).array, LABELS == 1)
    alone = save(tmp_path / "b.nii.gz", mask, AFFINE, AFFINE)
    assert rules_of(mend(alone, image, alone=True)[1]) == ["mask_coding"]


def test_a_picture_of_0_and_255(tmp_path: Path) -> None:
    mask = np.where(LABELS[:, :, 10] > 0, 255, 0).astype(np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(encoded(StoredLabel("a.png", mask, None), "a.png"))
    nothing = Surroundings(None, frozenset(), alone=True)
    assert repaired(read_stored(path), nothing, SAFE)[1] == ()
    declared = Surroundings(None, frozenset({1}), alone=False)
    label, changes = repaired(read_stored(path), declared, SAFE)
    assert rules_of(changes) == ["mask_coding"]
    path.write_bytes(encoded(label, "a.png"))
    np.testing.assert_array_equal(read_stored(path).array, mask // 255)


def test_a_palette_is_not_touched(tmp_path: Path) -> None:
    from PIL import Image

    picture = Image.fromarray(LABELS[:, :, 10]).convert("P")
    picture.save(tmp_path / "a.png")
    with pytest.raises(ContentError, match="mode P"):
        read_stored(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("mm", "mended"), [(0.0001, False), (0.3, True), (0.7, True), (2.0, False)]
)
def test_a_header_a_little_off(tmp_path: Path, image: Path, mm: float, mended: bool) -> None:
    off = moved(AFFINE, mm)
    path = save(tmp_path / "a.nii.gz", LABELS, off, off)
    _, changes = mend(path, image)
    assert rules_of(changes) == (["grid_mismatch"] if mended else [])
    if mended:
        assert changes[0].evidence["distance_mm"] == pytest.approx(mm, rel=1e-3)
        np.testing.assert_allclose(read_labels(path).volume.grid.affine[:, 3], _origin(image))


def _origin(image: Path) -> NDArray[np.float64]:
    return np.asarray(read_labels(image).volume.grid.affine[:, 3])


@pytest.mark.parametrize("forms", [(None, None), (np.eye(4), np.eye(4)), (np.eye(4), None)])
def test_a_header_that_was_never_written(
    tmp_path: Path, image: Path, forms: tuple[Any, Any]
) -> None:
    path = save(tmp_path / "a.nii.gz", LABELS, *forms)
    _, changes = mend(path, image)
    assert rules_of(changes) == ["grid_mismatch"]
    np.testing.assert_allclose(nib.load(path).affine, AFFINE)
    np.testing.assert_array_equal(read_stored(path).array, LABELS)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_array_without_a_header_is_left_to_a_person(
    tmp_path: Path, image: Path, axis: int
) -> None:
    path = save(tmp_path / "a.nii.gz", np.flip(LABELS, axis), np.eye(4), None)
    assert mend(path, image)[1] == ()
    assert not lines_up(np.flip(LABELS, axis), read_stored(image).array)
    assert lines_up(LABELS, read_stored(image).array)


def test_nothing_lines_up_with_nothing() -> None:
    image = np.asarray(PHANTOM.image)
    assert not lines_up(np.zeros_like(LABELS), image)
    assert not lines_up(LABELS, np.zeros_like(image))
    assert not lines_up(LABELS[:-1], image)


def test_forms_that_differ(tmp_path: Path, image: Path) -> None:
    far = moved(AFFINE, 30)
    kept_sform = save(tmp_path / "a.nii.gz", LABELS, AFFINE, far)
    kept_qform = save(tmp_path / "b.nii.gz", LABELS, far, AFFINE)
    for path, kept in ((kept_sform, "sform"), (kept_qform, "qform")):
        _, changes = mend(path, image)
        assert rules_of(changes) == ["header_forms"]
        assert changes[0].evidence["kept"] == kept
        facts = header_facts(path)
        assert facts is not None
        assert facts.sform is not None
        assert facts.qform is not None
        np.testing.assert_allclose(facts.sform, AFFINE, atol=1e-4)
        np.testing.assert_allclose(facts.qform, AFFINE, atol=1e-4)
    neither = save(tmp_path / "c.nii.gz", LABELS, far, moved(AFFINE, 60))
    assert mend(neither, image)[1] == ()


@given(
    axes=st.permutations([0, 1, 2]), flips=st.tuples(st.booleans(), st.booleans(), st.booleans())
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_axis_order_becomes_the_images_and_no_voxel_moves(
    tmp_path: Path, image: Path, axes: list[int], flips: tuple[bool, bool, bool]
) -> None:
    turned = nib.Nifti1Image(LABELS, AFFINE).as_reoriented(
        np.array([[axis, -1 if flip else 1] for axis, flip in zip(axes, flips, strict=True)])
    )
    path = save(tmp_path / "t.nii", np.asarray(turned.dataobj), turned.affine, turned.affine)
    before = read_labels(path).volume
    _, changes = mend(path, image)
    assert rules_of(changes) in ([], ["axis_order"])
    after = read_labels(path).volume
    np.testing.assert_array_equal(after.array, before.array)
    np.testing.assert_allclose(after.grid.affine, before.grid.affine, atol=1e-3)
    np.testing.assert_array_equal(read_stored(path).array, LABELS)


def test_islands_have_to_be_asked_for(tmp_path: Path, image: Path) -> None:
    dirty = LABELS.copy()
    free = np.argwhere(LABELS == 0)[0]
    dirty[tuple(free)] = 1
    path = save(tmp_path / "a.nii.gz", dirty, AFFINE, AFFINE)
    assert mend(path, image)[1] == ()
    _, changes = mend(path, image, ("islands",), island_voxels=5)
    assert changes[0].evidence == {"voxels": {"1": 1}}
    np.testing.assert_array_equal(read_stored(path).array, LABELS)


def test_the_largest_piece_stays_however_small(tmp_path: Path, image: Path) -> None:
    speck = np.zeros_like(LABELS)
    speck[4, 4, 4] = 1
    path = save(tmp_path / "a.nii.gz", speck, AFFINE, AFFINE)
    assert mend(path, image, ("islands",), island_voxels=100)[1] == ()


def test_extensions_and_texts_of_a_header_are_kept(tmp_path: Path, image: Path) -> None:
    table = nib.Nifti1Image(LABELS.astype(np.float32), AFFINE)
    table.header["descrip"] = b"by hand"
    table.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"names of labels"))
    nib.save(table, tmp_path / "a.nii.gz")
    _, changes = mend(tmp_path / "a.nii.gz", image)
    assert rules_of(changes) == ["float_storage"]
    after = nib.load(tmp_path / "a.nii.gz").header
    assert after["descrip"] == b"by hand"
    assert [e.get_content() for e in after.extensions] == [b"names of labels"]


def test_the_docs_tell_every_repair() -> None:
    text = (Path(__file__).parents[2] / "docs" / "fix.md").read_text()
    rows = [f"| `{name}` | {r.mends} | {r.leaves} |" for name, r in REPAIRS.items()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


@pytest.mark.parametrize(("off", "mended"), [(0.04, True), (0.06, False)])
def test_values_near_whole_numbers_are_rounded(
    tmp_path: Path, image: Path, off: float, mended: bool
) -> None:
    assert TOLERANCE == 0.05
    values = LABELS.astype(np.float32) + np.float32(off) * (LABELS > 0)
    path = save(tmp_path / "a.nii", values, AFFINE, AFFINE)
    _, changes = mend(path, image)
    assert (rules_of(changes) == ["float_storage"]) is mended
    if mended:
        assert changes[0].evidence["rounded_by"] == pytest.approx(off, abs=1e-6)
        np.testing.assert_array_equal(read_stored(path).array, LABELS)


def test_whole_numbers_that_were_stored_in_coarse_steps(tmp_path: Path, image: Path) -> None:
    """As nibabel does with floats under a header of bytes: half a step off, here up to 0.2."""
    slope = 104 / 255
    values = np.arange(LABELS.size).reshape(LABELS.shape) % 105
    steps = np.rint(values / slope).astype(np.uint8)
    path = with_scale(save(tmp_path / "a.nii", steps, AFFINE, AFFINE), slope)
    assert mend(path, image)[1] == ()
    declared = frozenset(range(1, 105))
    assert mend(path, image, declared=declared - {7})[1] == ()
    _, changes = mend(path, image, declared=declared)
    assert rules_of(changes) == ["scaled_values"]
    assert 0.05 < changes[0].evidence["rounded_by"] <= slope / 2 + 1e-6
    np.testing.assert_array_equal(read_stored(path).array, values)


def test_ignored_voxels_stay_as_they_are(tmp_path: Path, image: Path) -> None:
    coded = np.where(LABELS == 1, 255, 0).astype(np.uint8)
    coded[..., 0] = 9
    ignoring: dict[str, Any] = {"declared": frozenset({1, 9}), "ignore": frozenset({9})}
    path = save(tmp_path / "a.nii.gz", coded, AFFINE, AFFINE)
    _, changes = mend(path, image, **ignoring)
    assert [c.evidence for c in changes] == [{"from": 255, "to": 1}]
    np.testing.assert_array_equal(read_stored(path).array == 9, coded == 9)
    np.testing.assert_array_equal(read_stored(path).array == 1, coded == 255)


@pytest.mark.parametrize(
    ("cosine", "is_mended"),
    [(5e-5, False), (2e-4, True), (5e-4, True), (0.02, False)],
)
def test_slightly_sheared_axes_get_a_qform(
    tmp_path: Path, cosine: float, *, is_mended: bool
) -> None:
    """Small shears move a corner by less than a tenth of a voxel; ITK refuses all but the first."""
    sheared = np.diag([3.0, 3.0, 5.0, 1.0]) @ np.array(
        [[1, cosine, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    )
    voxels = np.zeros((40, 40, 20), np.uint8)
    voxels[5:9, 5:9, 5:9] = 1
    path = save(tmp_path / "label.nii.gz", voxels, sheared, None)
    image = save(tmp_path / "image.nii.gz", voxels.astype(np.int16), sheared, None)
    label, changes = mend(path, image)
    assert rules_of(changes) == (["sheared_axes"] if is_mended else [])
    facts = header_facts(path)
    assert facts is not None
    assert facts.sform is not None
    np.testing.assert_allclose(facts.sform, sheared, atol=1e-6)
    np.testing.assert_array_equal(label.array, voxels)
    assert (facts.qform is not None) == is_mended
    if facts.qform is not None:
        axes = facts.qform[:3, :3] / np.linalg.norm(facts.qform[:3, :3], axis=0)
        np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
        sitk = pytest.importorskip("SimpleITK")
        assert sitk.ReadImage(str(path)).GetSize() == voxels.shape


@pytest.mark.parametrize(
    ("declared", "alone", "value"), [((), True, 255), ((1,), False, 1), ((1, 2), False, None)]
)
def test_a_soft_mask_is_cut_at_half(
    tmp_path: Path, image: Path, declared: tuple[int, ...], *, alone: bool, value: int | None
) -> None:
    y, x = np.mgrid[:64, :64]
    soft = np.clip(255 * (20 - np.hypot(y - 30, x - 30)) / 4, 0, 255).astype(np.uint8)
    path = tmp_path / "mask.png"
    path.write_bytes(encoded(StoredLabel("mask.png", soft, None), "mask.png"))
    label, changes = mend(path, image, declared=frozenset(declared), alone=alone)
    if value is None:
        assert changes == ()
        np.testing.assert_array_equal(label.array, soft)
        return
    assert rules_of(changes)[0] == "lossy_label"
    np.testing.assert_array_equal(label.array, (soft >= 127.5) * value)
    few = StoredLabel("map.png", np.asarray(y // 16, np.uint8), None)
    path.write_bytes(encoded(few, "map.png"))
    assert mend(path, image, alone=True)[1] == ()
