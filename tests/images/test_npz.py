"""MedSAM's npz files: axes, sizes, colours, and what is refused."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassay.datasets.opening import open_dataset
from segassay.errors import CaseError, ContentError, ReadError
from segassay.files.filesystem import checksum, stamp
from segassay.images.io import read_image, read_label, read_labels
from segassay.types import Modality

IMAGE = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
GOLD = (IMAGE > 50).astype(np.uint8) + (IMAGE > 55)


def save(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_axes_and_sizes_of_medsam(tmp_path: Path) -> None:
    path = save(tmp_path / "CT_a.npz", imgs=IMAGE, gts=GOLD, spacing=(0.5, 0.7, 2.0))
    dataset = open_dataset(tmp_path)
    (case,) = dataset.cases
    assert (dataset.format, case.case_id, case.modality) == ("npz", "CT_a", Modality.CT)
    image = read_image(case.images[0])
    assert image.grid.shape == (5, 4, 3)
    assert image.grid.spacing_mm == pytest.approx((0.5, 0.7, 2.0))
    assert not image.anatomical
    assert image.array[0, 0, 0] == IMAGE[0, -1, -1]  # x to the right, y to the front
    first, second = (np.asarray(read_label(ref).mask(ref)) for ref in case.labels)
    assert sorted(image.array[first]) == [51, 52, 53, 54, 55]
    assert sorted(image.array[second]) == [56, 57, 58, 59]
    assert checksum(case.images[0]) == checksum(path)
    assert stamp(case.images[0])[0] == path.stat().st_size


def test_a_picture_in_colours(tmp_path: Path) -> None:
    colours = np.zeros((6, 7, 3), dtype=np.uint8)
    colours[2, 3] = (255, 0, 0)
    save(tmp_path / "a.npz", imgs=colours, gts=colours[..., 0] // 255)
    (case,) = open_dataset(tmp_path).cases
    image = read_image(case.images[0])
    assert image.is_2d
    assert not image.spacing_known
    assert np.count_nonzero(image.array) == 1
    assert read_labels(case.labels[0].path).counts == {0: 41, 1: 1}


def test_an_image_alone_is_unlabelled(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", imgs=IMAGE, gts=GOLD)
    save(tmp_path / "b.npz", imgs=IMAGE)
    (tmp_path / "c.npz").write_bytes(b"no zip")
    dataset = open_dataset(tmp_path)
    assert dataset.unlabelled == ("b",)
    assert [u.path.name for u in dataset.unmatched] == ["c.npz"]


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"gts": GOLD}, ReadError, "holds no array 'imgs'"),
        ({"imgs": np.zeros((2, 2, 2, 2))}, ContentError, "imgs is 4D"),
        ({"imgs": np.array([{"a": 1}], dtype=object)}, ContentError, "holds object"),
        ({"imgs": np.array(["text"])}, ContentError, "expected numbers"),
        ({"imgs": np.zeros((0, 4, 4))}, ContentError, "shape"),
        ({"imgs": np.full((2, 2, 2), np.nan)}, ContentError, "8 voxels are NaN"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, arrays: dict[str, Any], error: type[CaseError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        read_image(save(tmp_path / "a.npz", **arrays) / "imgs")
    assert str(caught.value).startswith("a.npz")
    assert "\n" not in str(caught.value)


def test_a_header_of_a_huge_array_takes_no_memory(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999, 9999, 9999), }"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(99)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("imgs.npy", data)
    with pytest.raises(ContentError, match=r"expected 1 to 2\^31 voxels"):
        read_image(tmp_path / "a.npz" / "imgs")
