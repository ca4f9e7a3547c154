"""The shared data's README and `segassay info` count the same: read from its table, set by set."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from segassay.cli import main
from segassay.datasets.opening import open_dataset

pytestmark = pytest.mark.data

LABELS_PER_CASE = {
    "nnUNet_raw/Dataset101_BTCV": 13,  # 13 organs
    "nnUNet_raw/Dataset027_ACDC": 3,  # RV, myocardium, LV
    "Task04_Hippocampus": 2,  # anterior, posterior hippocampus
    "Task90_LeftAtrium": 1,
    "chaos_t2": 4,  # liver, kidneys, spleen
    "jsrt": 5,  # heart, lungs, clavicles
    "hc18": 1,
    "ph2": 1,
}
"""Of the sets whose labels the README names in words, "kidneys" being two."""

NOT_SETS = {"parity/quality_sentinel.json"}


@dataclass(frozen=True)
class Row:
    """A set as the README tells of it; `numbers` are those of its column of cases, in order."""

    path: str
    numbers: list[int]
    text: str


def rows(root: Path) -> list[Row]:
    lines = (root / "README.md").read_text().splitlines()
    found: list[Row] = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.match(r"`([^`]+)`", cells[0])
        if name is not None and len(cells) == 6 and name[1] not in NOT_SETS:
            found += _rows_of(name[1], [int(n) for n in re.findall(r"\d+", cells[3])], line)
    return found


def _rows_of(path: str, numbers: list[int], text: str) -> Iterator[Row]:
    """`a/{b,c}` with `1 / 2` are two rows."""
    inner = re.search(r"\{(.*)\}", path)
    if inner is None:
        yield Row(path, numbers, text)
        return
    for name, number in zip(inner[1].split(","), numbers, strict=True):
        yield Row(path.replace(inner[0], name), [number], text)


def info(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with pytest.raises(SystemExit) as ended:
        main(["info", str(path), "--json"])
    assert not ended.value.code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_every_set_of_the_readme_has_its_counts(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {row.path: row for row in rows(shared_data) if "<" not in row.path}  # many sets a row
    assert set(LABELS_PER_CASE) <= set(told)
    assert len(told) == 16
    for path, row in told.items():
        where = path.removesuffix("/s0001")
        found = info(shared_data / where, capsys)
        assert found["unmatched"] == [], path
        if path.endswith("ACDC"):  # "40 patients, 80 volumes"
            assert [found["subjects"], found["cases"]] == row.numbers
        else:
            assert [found["cases"]] == row.numbers[:1], path
            assert found["subjects"] == found["cases"], path
        if path in LABELS_PER_CASE:
            assert found["labels"] == found["cases"] * LABELS_PER_CASE[path], path
            assert found["unlabelled"] == found["unnamed"] == [], path


def test_no_folder_is_missing_in_the_readme(shared_data: Path) -> None:
    told = {row.path.split("/")[0] for row in rows(shared_data)} | {"parity"}
    assert {p.name for p in shared_data.iterdir() if p.is_dir()} == told


@pytest.mark.parametrize(
    ("path", "weak"),
    [
        ("autowl/busi", {"weak_box": 100, "weak_points": 100}),
        ("autowl/isic2016", {"weak_box": 97, "weak_points": 97}),
        ("autowl/covid_cxr", {"weak_box": 50, "weak_points": 100}),
    ],
)
def test_sources_of_the_weak_label_experiment(
    shared_data: Path, path: str, weak: dict[str, int]
) -> None:
    dataset = open_dataset(shared_data / path)
    counts: dict[str, int] = {}
    for case in dataset.cases:
        for ref in case.labels:
            counts[ref.source] = counts.get(ref.source, 0) + 1
    assert counts == {"gold": 25, **weak}


def test_files_of_the_other_sets(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    total = info(shared_data / "totalsegmentator", capsys)
    assert (total["labels"], total["labels"] - total["empty"]) == (104, 58)
    slices = open_dataset(shared_data / "ct_slices_30organs")
    masks = [1 + len(ref.pieces) for case in slices.cases for ref in case.labels]
    assert sum(masks) == 30  # files: some structures are in two pieces
    lungs = info(shared_data / "proton_lung", capsys)
    assert lungs["unnamed"] == [f"label_{n}" for n in range(1, 6)]
    brains = info(shared_data / "oasis_slices", capsys)
    assert brains["labels"] / brains["cases"] == pytest.approx(44, rel=0.1)
    scan = info(shared_data / "dicom", capsys)
    assert (scan["cases"], scan["modality"], scan["format"]) == (1, ["ct"], "dicom")
