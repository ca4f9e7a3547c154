"""Structures in words, for a text tower: the spoken name and one sentence about it.

The sentences lie in `descriptions.csv`, one per structure without side and number. Sides, levels
and numbers stand in the spoken name in front of the sentence.
"""

import csv
import importlib.resources
import re
from functools import lru_cache

_SIDES = frozenset({"left", "right"})
_LEVEL = re.compile(r"[ctlsCTLS]?\d{1,2}")


def describe(name: str) -> str:
    """Return a canonical name in words, with a sentence about the structure where one is written.

    A name that is in no table keeps its words alone.

    >>> describe("rib_left_3")
    'left rib 3: A thin curved bone around one side of the chest.'
    >>> describe("flugelhorn_right")
    'right flugelhorn'
    """
    words = name.split("_")
    sides = [word for word in words if word in _SIDES]
    spoken = " ".join([*sides, *(word for word in words if word not in _SIDES)])
    sentence = _sentence(name)
    return f"{spoken}: {sentence}" if sentence else spoken


def _sentence(name: str) -> str:
    """Find the sentence of a name, else of the name without its side, level and number."""
    plain = "_".join(w for w in name.split("_") if w not in _SIDES and not _LEVEL.fullmatch(w))
    return _sentences().get(name) or _sentences().get(plain, "")


@lru_cache(maxsize=1)
def _sentences() -> dict[str, str]:
    text = importlib.resources.files("segassay.vocabulary").joinpath("descriptions.csv")
    rows = csv.DictReader(text.read_text("utf-8").splitlines())
    return {row["name"]: row["description"] for row in rows}
