"""Structures in words: every name of the table has a sentence, sides and levels stay apart."""

import csv
import importlib.resources

import pytest

from segassay.vocabulary.describe import describe
from segassay.vocabulary.names import canonical_name


def rows(name: str) -> list[dict[str, str]]:
    text = importlib.resources.files("segassay.vocabulary").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_every_structure_of_the_table_has_a_sentence() -> None:
    names = [row["totalsegmentator_name"] for row in rows("structures.csv")]
    assert [name for name in names if name and ": " not in describe(name)] == []


def test_descriptions_are_single_sentences_of_canonical_names() -> None:
    table = rows("descriptions.csv")
    names = [row["name"] for row in table]
    assert len(set(names)) == len(names)
    for row in table:
        assert canonical_name(row["name"]) == row["name"]
        assert row["description"].endswith(".")
        assert ". " not in row["description"]
        assert len(row["description"]) <= 110


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kidney_left", "kidney_right"),
        ("vertebrae_T11", "vertebrae_T12"),
        ("rib_left_3", "rib_left_4"),
        ("heart_ventricle_left", "heart_ventricle_right"),
    ],
)
def test_neighbours_differ(one: str, other: str) -> None:
    assert describe(one) != describe(other)


def test_a_name_of_its_own_wins_over_its_base() -> None:
    assert "sacrum" in describe("vertebrae_S1")
    assert "block in front" in describe("vertebrae_L1")
