"""Zip and tar read in place: the same as the folder, and nothing unsafe."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti, write_picture
from segassay.datasets.opening import open_dataset
from segassay.errors import DatasetError, ReadError
from segassay.files import filesystem
from segassay.images.io import read_image, read_label

LABELS = np.zeros((4, 4, 3), dtype=np.uint8)
LABELS[1, 1, 1], LABELS[2, 2, 2] = 1, 2


def label_folder(root: Path) -> Path:
    for case in ("a", "b", "c"):
        write_nifti(root / "images" / f"{case}.nii.gz", LABELS)
        write_nifti(root / "labels" / f"{case}.nii", LABELS)
    write_picture(root / "images" / "d.png", LABELS[..., 1])
    (root / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    (root / "images" / "notes.txt").write_text("x")
    return root


def zipped(root: Path, to: Path, *, within: str = "") -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(root.rglob("*")):
            file.write(path, Path(within) / path.relative_to(root))
    return to


def tarred(root: Path, to: Path, *, within: str = "") -> Path:
    with tarfile.open(to, "w") as file:
        file.add(root, arcname=within or ".")
    return to


def gzipped(root: Path, to: Path, *, within: str = "") -> Path:
    plain = tarred(root, to.with_name("plain"), within=within)
    half = plain.stat().st_size // 2
    data = plain.read_bytes()  # in two members, as tools that pack in parallel write it
    to.write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
    plain.unlink()
    return to


PACKERS = {"set.zip": zipped, "set.tar": tarred, "set.tar.gz": gzipped, "set.tgz": gzipped}


@pytest.mark.parametrize("within", ["", "top"])
@pytest.mark.parametrize("name", list(PACKERS))
def test_archive_is_read_as_its_folder(tmp_path: Path, name: str, within: str) -> None:
    root = label_folder(tmp_path / "set")
    plain = open_dataset(root)
    packed = open_dataset(PACKERS[name](root, tmp_path / name, within=within))
    assert [c.case_id for c in packed.cases] == [c.case_id for c in plain.cases]
    assert packed.structures == plain.structures
    assert [u.path.name for u in packed.unmatched] == [u.path.name for u in plain.unmatched]
    for one, other in zip(plain.cases, packed.cases, strict=True):
        image, twin = read_image(one.images[0]), read_image(other.images[0])
        assert np.array_equal(image.array, twin.array)
        for ref, packed_ref in zip(one.labels, other.labels, strict=True):
            assert read_label(ref).counts == read_label(packed_ref).counts
            assert filesystem.stamp(packed_ref.path)[0] == ref.path.stat().st_size
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["set", name])


def bare_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def zip_with_link(path: Path, target: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("images/x.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, target)
    return path


def tar_with(path: Path, *, name: str = "images/x.png", link: str | None = None) -> Path:
    with tarfile.open(path, "w") as file:
        info = tarfile.TarInfo(name)
        if link is not None:
            info.type, info.linkname = tarfile.SYMTYPE, link
        file.addfile(info, io.BytesIO(b""))
    return path


def packed_tar(path: Path, *, name: str = "images/x.png", link: str | None = None) -> Path:
    path.write_bytes(gzip.compress(tar_with(path, name=name, link=link).read_bytes()))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: bare_zip(p / "s.zip", {"../x.png": b""}), "lies outside"),
        (lambda p: bare_zip(p / "s.zip", {"/etc/x.png": b""}), "lies outside"),
        (lambda p: bare_zip(p / "s.zip", {"..\\x.png": b""}), "lies outside"),
        (lambda p: bare_zip(p / "s.zip", {"C:/x.png": b""}), "lies outside"),
        (lambda p: bare_zip(p / "s.zip", {"a/" * 40 + "x.png": b""}), "deep"),
        (lambda p: zip_with_link(p / "s.zip", "../../etc/passwd"), "leads out"),
        (lambda p: zip_with_link(p / "s.zip", "/etc/passwd"), "leads out"),
        (lambda p: tar_with(p / "s.tar", name="../x.png"), "lies outside"),
        (lambda p: tar_with(p / "s.tar", link="../../x.png"), "leads out"),
        (lambda p: packed_tar(p / "s.tar.gz", name="../x.png"), "lies outside"),
        (lambda p: packed_tar(p / "s.tgz", link="/etc/passwd"), "leads out"),
        (lambda p: tar_with(p / "s.tar.bz2"), "packed like this"),
        (lambda p: tar_with(p / "s.tar.xz"), "packed like this"),
    ],
)
def test_unsafe_archive_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(DatasetError, match=words) as caught:
        open_dataset(path)
    assert str(caught.value).startswith(path.name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["s.zip", "s.tar", "s.tar.gz"])
def test_file_that_is_no_archive(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an archive" * 100)
    with pytest.raises(DatasetError, match="damaged or no archive"):
        open_dataset(tmp_path / name)


def test_links_within_an_archive_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    root = label_folder(tmp_path / "set")
    (root / "images" / "e.nii.gz").symlink_to("a.nii.gz")
    (root / "images" / "f.nii.gz").symlink_to("g.nii.gz")
    (root / "images" / "g.nii.gz").symlink_to("f.nii.gz")
    path = tarred(root, tmp_path / "set.tar")
    dataset = open_dataset(path)
    assert [c.case_id for c in dataset.cases] == ["a", "b", "c", "d", "e"]
    assert read_image(dataset.cases[4].images[0]).array.sum() == 3


def test_member_of_almost_nothing_but_zeros_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("images/a.png", b"\0" * (70 << 20))
    with pytest.raises(ReadError, match="times its size"):
        filesystem.read_bytes(path / "images" / "a.png")


def test_archive_in_an_archive_is_a_leftover(tmp_path: Path) -> None:
    root = label_folder(tmp_path / "set")
    zipped(root, root / "images" / "inner.zip")
    dataset = open_dataset(zipped(root, tmp_path / "set.zip"))
    assert "inner.zip" in {u.path.name for u in dataset.unmatched}
    assert len(dataset.cases) == 4


def test_damaged_member_spoils_only_itself(tmp_path: Path) -> None:
    root = label_folder(tmp_path / "set")
    path = zipped(root, tmp_path / "set.zip")
    with zipfile.ZipFile(path) as file:
        begins = file.getinfo("images/a.nii.gz").header_offset + 60
    data = bytearray(path.read_bytes())
    data[begins : begins + 20] = b"\xff" * 20
    path.write_bytes(data)
    dataset = open_dataset(path)
    with pytest.raises(ReadError, match=r"a\.nii\.gz"):
        read_image(dataset.cases[0].images[0])
    assert read_image(dataset.cases[1].images[0]).array.sum() == 3


def test_archive_that_vanished_is_one_bad_file(tmp_path: Path) -> None:
    path = zipped(label_folder(tmp_path / "set"), tmp_path / "set.zip")
    image = open_dataset(path).cases[0].images[0]
    path.unlink()
    with pytest.raises(ReadError, match="no such file"):
        read_image(image)


@pytest.mark.parametrize("place", ["/etc/x.nii.gz", "../../x.nii.gz", "../x.nii.gz"])
def test_description_in_an_archive_names_nothing_outside_of_it(tmp_path: Path, place: str) -> None:
    pairs = f'[{{"image": "{place}", "label": "labelsTr/x.nii.gz"}}]'
    text = f'{{"labels": {{"0": "background", "1": "liver"}}, "training": {pairs}}}'
    path = bare_zip(tmp_path / "s.zip", {"dataset.json": text.encode()})
    with pytest.raises(DatasetError, match="lies outside"):
        open_dataset(path)


def test_folder_around_data_sets_names_them(tmp_path: Path) -> None:
    label_folder(tmp_path / "one")
    (tmp_path / "two").mkdir()
    with pytest.raises(DatasetError, match="holds data sets in one; give"):
        open_dataset(tmp_path)
