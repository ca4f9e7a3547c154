"""NIfTI files that count in other units than millimetres, and gzip files of many members."""

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from isal import isal_zlib
from numpy.typing import NDArray

from segassay.files import gunzip
from segassay.geometry.grid import require_same_grid
from segassay.images.formats.nifti_header import facts_of, to_millimetres
from segassay.images.formats.registry import encoded, header_facts, read_stored
from segassay.images.io import read_image, read_labels
from segassay.images.write_label import write_label

ARRAY = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6) % 2
AFFINE = np.array([[0, -1.5, 0, 40], [-0.75, 0, 0, -70], [0, 0, 3.0, 900], [0, 0, 0, 1]])
UNITS = {"meter": 1000.0, "micron": 0.001, "mm": 1.0, "unknown": 1.0}
CODES = [(1, 1), (1, 0), (0, 1), (0, 0)]


def in_unit(affine: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    other = affine.copy()
    other[:3] /= UNITS[unit]
    return other


def write(path: Path, unit: str, codes: tuple[int, int] = (1, 1)) -> Path:
    """Write `ARRAY` in a unit, with sform and qform under these codes."""
    affine = in_unit(AFFINE, unit)
    kind = nib.Nifti2Image if "second" in path.name else nib.Nifti1Image
    image = kind(ARRAY, affine)
    image.set_sform(affine, code=codes[0])
    image.set_qform(affine, code=codes[1])
    image.header.set_xyzt_units(unit, "sec")
    nib.save(image, path)
    return path


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "second.nii"])
def test_any_unit_is_read_as_millimetres(
    tmp_path: Path, unit: str, codes: tuple[int, int], name: str
) -> None:
    volume = read_image(write(tmp_path / name, unit, codes))
    assert sorted(volume.grid.spacing_mm) == pytest.approx([0.75, 1.5, 3.0])
    assert volume.spacing_known
    expected = read_image(write(tmp_path / f"mm_{name}", "mm", codes)).grid
    np.testing.assert_allclose(volume.grid.affine, expected.affine, rtol=1e-5, atol=1e-4)
    facts, like = header_facts(tmp_path / name), header_facts(tmp_path / f"mm_{name}")
    assert facts is not None
    assert like is not None
    np.testing.assert_allclose(facts.affine, like.affine, rtol=1e-5, atol=1e-4)
    for one, other in ((facts.sform, like.sform), (facts.qform, like.qform)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("keep", [True, False])
def test_mask_like_an_image_in_any_unit_lies_on_it(
    tmp_path: Path, unit: str, codes: tuple[int, int], keep: bool
) -> None:
    like = write(tmp_path / "image.nii.gz", unit, codes)
    grid = read_image(like).grid
    mask = read_image(like).array > 0
    again = read_labels(
        write_label(tmp_path / "mask.nii.gz", mask, like=like, keep_header=keep)
    ).volume
    require_same_grid(again.grid, grid, "mask")
    np.testing.assert_allclose(again.grid.affine, grid.affine, rtol=1e-5, atol=1e-4)
    assert (again.array == mask).all()


@pytest.mark.parametrize("unit", UNITS)
def test_label_that_is_written_again_stays_where_it_was(tmp_path: Path, unit: str) -> None:
    path = write(tmp_path / "label.nii", unit)
    before, stored = read_labels(path).volume.grid, read_stored(path)
    assert stored.facts is not None
    moved = stored.with_affine(stored.facts.affine, 1)
    for label in (stored.with_array(stored.array.astype(np.uint8)), moved):
        path.write_bytes(encoded(label, path.name))
        after = read_labels(path).volume.grid
        np.testing.assert_allclose(after.affine, before.affine, rtol=1e-5, atol=1e-4)


def test_facts_leave_the_header_as_it_is(tmp_path: Path) -> None:
    header = nib.load(write(tmp_path / "a.nii", "meter")).header
    before = header.copy()
    np.testing.assert_allclose(facts_of(header).affine, AFFINE, rtol=1e-5)
    assert header == before
    to_millimetres(header)
    assert header.get_xyzt_units() == ("mm", "sec")


def members(data: bytes, size: int) -> bytes:
    """Pack bytes as bgzip does, a member for every `size` bytes."""
    return b"".join(gzip.compress(data[i : i + size], 1) for i in range(0, len(data), size))


@pytest.mark.parametrize("size", [7, 1000, 65280, 500_000])
def test_gzip_of_many_members_is_unpacked_whole_or_in_part(size: int) -> None:
    data = np.random.default_rng(0).integers(0, 60, 300 * min(size, 3000), np.uint8).tobytes()
    raw = members(data, size)
    assert gunzip.gunzip(raw, len(data) + 9) == (data, True)
    assert gunzip.gunzip(raw + b"\0" * 50, len(data) + 9) == (data, True)
    assert gunzip.gunzip(raw, 1234)[0] == data[:1234]
    cut, whole = gunzip.gunzip(raw[:-5], len(data) + 9)
    assert (data.startswith(cut), whole) == (True, False)


def test_many_members_are_not_given_to_the_unpacker_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It copies what lies beyond a member's end: all the rest, for each of thousands."""
    given: list[int] = []

    class Counting:
        def __init__(self, **options: int) -> None:
            self.unpacker = isal_zlib.decompressobj(**options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.unpacker, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            given.append(len(data))
            return self.unpacker.decompress(data, most)

    data = np.random.default_rng(0).integers(0, 60, 60 * 65280, np.uint8).tobytes()
    raw = members(data, 65280)
    monkeypatch.setattr(gunzip, "isal_zlib", SimpleNamespace(decompressobj=Counting))
    assert gunzip.gunzip(raw, len(data))[0] == data
    assert sum(given) < 5 * len(raw)
