"""Damage of every kind to every layout: what escapes is one of our errors, in one line."""

import csv
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import write_nifti
from layout_samples import LABELS, MAKERS, VOXELS
from segassay.datasets.case import Dataset
from segassay.datasets.info import dataset_info
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_case
from segassay.errors import CaseError, DatasetError

quick = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

TEXT = st.characters(blacklist_categories=["Cs"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(TEXT, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["labels", "training", "dataset", "channel_names", "image", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BYTE = st.integers(0, 255)
NAMES = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1, max_size=20
).filter(lambda name: name not in {".", ".."})


def rows_of(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(table.read_text("utf-8-sig").splitlines(), delimiter=";"))


def parquet(root: Path) -> Path:
    table = MAKERS["manifest"](root)
    path = table.with_suffix(".parquet")
    pl.DataFrame(rows_of(table)).write_parquet(path)
    return path


def json_lines(root: Path) -> Path:
    table = MAKERS["manifest"](root)
    path = table.with_suffix(".jsonl")
    path.write_text("\n".join(map(json.dumps, rows_of(table))))
    return path


def cases_apart(root: Path) -> Path:
    for case in ("a", "b"):
        write_nifti(root / "ImageTr" / case / "ct.nii.gz", VOXELS)
        write_nifti(root / "LabelTr" / case / "combined_labels.nii.gz", LABELS)
    return root


def nrrd(root: Path) -> Path:
    sitk = pytest.importorskip("SimpleITK", reason="needs the extra [itk]")
    for folder, array in (("images", VOXELS), ("labels", LABELS)):
        (root / folder).mkdir(parents=True)
        for name in ("a.nrrd", "b.mha", "c.mhd"):
            sitk.WriteImage(sitk.GetImageFromArray(array), str(root / folder / name))
    return root


KINDS = {
    **MAKERS,
    "parquet": parquet,
    "json lines": json_lines,
    "cases apart": cases_apart,
    "nrrd": nrrd,
}
"""Every layout, and files and spellings that go other ways through the readers."""


@pytest.fixture(scope="session")
def whole_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in KINDS.items()}


def cut(path: Path, data: st.DataObject) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])


def flip(path: Path, data: st.DataObject) -> None:
    """Change bytes near the beginning: headers are short and matter most."""
    changed = bytearray(path.read_bytes() or b" ")
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, min(len(changed), 600) - 1))] = data.draw(BYTE)
    path.write_bytes(changed)


def rename(path: Path, data: st.DataObject) -> None:
    place = path.with_name(data.draw(NAMES).encode()[:200].decode(errors="ignore") or "x")
    if not place.exists():
        path.rename(place)


def link_to_itself(path: Path, data: st.DataObject) -> None:
    path.unlink()
    path.symlink_to(data.draw(st.sampled_from([path, path.parent, Path("/etc/passwd")])))


def make_folder(path: Path, _: st.DataObject) -> None:
    path.unlink()
    path.mkdir()


HARMS: dict[str, Callable[[Path, st.DataObject], object]] = {
    "cut": cut,
    "flip": flip,
    "bytes": lambda path, data: path.write_bytes(data.draw(st.binary(max_size=200))),
    "json": lambda path, data: path.write_text(json.dumps(data.draw(JSON))),
    "text": lambda path, data: path.write_bytes(data.draw(st.text(TEXT, max_size=80)).encode()),
    "gone": lambda path, _: path.unlink(),
    "rename": rename,
    "folder": make_folder,
    "link": link_to_itself,
}


def opened(root: Path) -> Dataset | None:
    """Open and read everything; only a data set that cannot be read at all gives `None`."""
    try:
        dataset = open_dataset(root)
    except DatasetError as error:
        refusal = str(error)
    else:
        return read_all(dataset)
    assert "\n" not in refusal
    return None


def read_all(dataset: Dataset) -> Dataset:
    dataset_info(dataset, count_empty=True)
    for case in dataset.cases:
        read = read_case(case)
        for part in (read.image, *(file.content for file in read.labels)):
            assert not isinstance(part, CaseError) or "\n" not in str(part)
    return dataset


@pytest.mark.slow
@pytest.mark.parametrize("layout", list(KINDS))
@quick
@given(data=st.data())
def test_harmed_data_set_is_read_or_refused(
    whole_sets: dict[str, Path], layout: str, data: st.DataObject
) -> None:
    whole = whole_sets[layout]
    with tempfile.TemporaryDirectory() as folder:
        home = whole.parent if whole.is_file() else whole
        copy = Path(shutil.copytree(home, Path(folder) / "set"))
        files = sorted(p for p in copy.rglob("*") if p.is_file())
        for path in data.draw(
            st.lists(st.sampled_from(files), min_size=1, max_size=3, unique=True)
        ):
            HARMS[data.draw(st.sampled_from(sorted(HARMS)))](path, data)
        root = copy / whole.relative_to(home)
        if root.exists():
            opened(root)


def flipped(content: bytes, places: list[tuple[int, int]]) -> bytes:
    changed = bytearray(content)
    for place, value in places:
        changed[place % len(changed)] = value
    return bytes(changed)


@pytest.fixture(scope="session")
def packed_sets(
    whole_sets: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    home = tmp_path_factory.mktemp("packed")
    root = whole_sets["images+labels"]
    tar = Path(shutil.make_archive(str(home / "set"), "tar", root))
    gzipped = Path(shutil.make_archive(str(home / "set"), "gztar", root))
    packed = home / "set.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(root.rglob("*")):
            file.write(path, path.relative_to(root))
    return [tar, packed, gzipped]


@pytest.mark.parametrize("index", [0, 1, 2])
@quick
@given(
    places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=12),
    kept=st.floats(0, 1),
    is_cut=st.booleans(),
)
def test_harmed_archive_is_read_or_refused(
    packed_sets: list[Path],
    index: int,
    places: list[tuple[int, int]],
    kept: float,
    is_cut: bool,
) -> None:
    content = flipped(packed_sets[index].read_bytes(), places)
    if is_cut:
        content = content[: int(kept * len(content))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / packed_sets[index].name
        path.write_bytes(content)
        opened(path)
