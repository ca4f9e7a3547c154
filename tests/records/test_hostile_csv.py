"""Names and messages may hold formulas, separators and line breaks; the CSV stays a plain table."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segassay.records.scores import ScoreRow
from segassay.records.table import read_table, to_frame, write_table
from segassay.types import Status

FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1+1",
    "\uff1d1+1",
    '=HYPERLINK("http://x","y")',
]
INSIDE = ["a;=1+1", 'a";=1+1', "a\n=1+1", "a; -1", "a\r\t+1"]
HARMLESS = ["p1", "a,b", 'a"b', "é", "../p1", "<script>"]


def row(text: str) -> ScoreRow:
    return ScoreRow(
        case_id=text,
        subject_id=text,
        structure=text,
        label_path=text,
        reason=text,
        status=Status.FAILED,
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_like_a_formula(tmp_path: Path, text: str) -> None:
    write_table(to_frame([row(text)]), tmp_path)
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        (cells,) = csv.DictReader(file)
    for column in ("case_id", "subject_id", "structure", "label_path", "reason"):
        assert cells[column].startswith("'")
        assert cells[column].replace("'", "") == text.replace("'", "")
    assert read_table(tmp_path)["case_id"].to_list() == [text]  # programs get it as it is


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    write_table(to_frame([row(text)]), tmp_path)
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        (cells,) = csv.DictReader(file)
    assert cells["case_id"] == text


@pytest.mark.parametrize("text", [*FORMULAS, *INSIDE, *HARMLESS])
def test_no_formula_either_where_semicolons_part_the_cells(tmp_path: Path, text: str) -> None:
    write_table(to_frame([row(text)]), tmp_path)
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter=";"))
    begun = [cell.lstrip(" ")[:1] for cells in rows for cell in cells]
    assert not set(begun) & set("=+-@\t\r\n")
