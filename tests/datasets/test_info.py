"""Counts of a data set, and what is named outside of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import write_picture
from segassay.cli import main
from segassay.datasets.info import dataset_info
from segassay.datasets.opening import open_dataset
from segassay.errors import DatasetError

PICTURE = np.zeros((4, 4), dtype=np.uint8)


def test_counts_and_strays_by_their_path_in_the_data_set(tmp_path: Path) -> None:
    for case in ("a", "b"):
        write_picture(tmp_path / "images" / f"{case}.png", PICTURE)
    write_picture(tmp_path / "masks" / "heart" / "a.png", PICTURE)
    write_picture(tmp_path / "masks" / "Left Lung" / "z.png", PICTURE)
    found = json.loads(json.dumps(dataset_info(open_dataset(tmp_path)).to_json()))
    assert (found["cases"], found["subjects"], found["labels"]) == (2, 2, 1)
    assert found["structures"] == {"heart": 1}
    assert found["unlabelled"] == ["b"]
    (stray,) = found["unmatched"]
    assert (stray["file"], stray["issue"]) == ("masks/Left Lung/z.png", "label_without_image")


def test_names_close_to_known_ones_and_empty_files_are_told(tmp_path: Path) -> None:
    full = PICTURE.copy()
    full[1, 1] = 255
    write_picture(tmp_path / "images" / "a.png", PICTURE)
    for structure, mask in (("splen", PICTURE), ("heart", full), ("thing", full)):
        write_picture(tmp_path / "masks" / structure / "a.png", mask)
    found = dataset_info(open_dataset(tmp_path))
    assert found.unknown == {"splen": ["spleen"]}
    assert found.empty is None
    assert dataset_info(open_dataset(tmp_path), count_empty=True).empty == 1


def test_structures_without_a_name_are_told_and_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "images" / "a.png", PICTURE)
    write_picture(tmp_path / "gold" / "a.png", PICTURE)
    assert dataset_info(open_dataset(tmp_path)).unnamed == ["label_1"]
    with pytest.raises(SystemExit):
        main(["info", str(tmp_path)])
    assert "1 structure without a name" in capsys.readouterr().out
    (tmp_path / "labels.json").write_text('{"Skin Lesion": 255}')
    named = dataset_info(open_dataset(tmp_path))
    assert (named.unnamed, list(named.structures)) == ([], ["skin_lesion"])
    (tmp_path / "labels.json").write_text('{"heart": 1, "liver": 2}')
    with pytest.raises(DatasetError, match="names 2 structures"):
        open_dataset(tmp_path)


@pytest.mark.data
def test_empty_files_of_a_real_set_are_counted_apart(shared_data: Path) -> None:
    found = dataset_info(open_dataset(shared_data / "totalsegmentator"))
    assert (found.cases, found.labels, found.empty) == (1, 104, 104 - 58)
    assert found.metadata == ["study_type"]


@pytest.mark.data
def test_counting_a_real_set_reads_no_voxel(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise AssertionError(f"read {path.name}")

    monkeypatch.setattr("segassay.datasets.discovery.listing.read_labels", refuse)
    found = dataset_info(open_dataset(shared_data / "chaos_t2"))
    assert (found.cases, found.labels) == (8, 32)
