"""The page of layouts names every reader, and tests that exist."""

import re
from pathlib import Path

from layout_samples import letters
from site_tables import layouts_page

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "layouts.md").read_text()


def rows(title: str) -> list[list[str]]:
    """Return the cells of the first table below a title, without its head."""
    below = PAGE.split(title, 1)[1]
    lines = re.findall(r"^(?:\|.*\|\n)+", below, flags=re.MULTILINE)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_reader_has_its_row() -> None:
    assert layouts_page(PAGE, letters()) == PAGE, "run `make tables`"


def test_every_cell_is_a_test_that_is_named_below() -> None:
    legend = dict(re.findall(r"\b([a-z]) `(test_\w+)`", PAGE))
    cells = {cell for row in rows("## What holds for which layout") for cell in row[1:]}
    assert {cell for cell in cells if cell.isascii()} == set(legend)
    assert len(set(legend.values())) == len(legend)


def test_tests_over_many_layouts_ask_those_of_the_table() -> None:
    """Letters of tests that go over layouts stand exactly where those layouts are asked."""
    table = {row[0].strip("`"): set(row[1:]) for row in rows("## What holds for which layout")}
    for name, held in letters().items():
        for letter in "abcdef":
            assert (letter in table[name]) is (held[letter] == letter), (name, letter)


def test_every_proof_is_a_test() -> None:
    code = "\n".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert {name for name in named if f"def {name}(" not in code} == set()
