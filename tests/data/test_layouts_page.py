"""The page of layouts names every reader, and tests that exist."""

import re
from pathlib import Path

from segassay.data.readers.registry import READERS

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "layouts.md").read_text()


def test_every_reader_has_its_row() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE)
    assert sorted(rows) == sorted(READERS)


def test_every_proof_is_a_test() -> None:
    code = "\n".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert {name for name in named if f"def {name}(" not in code} == set()
