"""Canonical names of structures: snake_case, the side last, aliases resolved.

Names are open: one that is in no table keeps its own words and is only spelt in one way.
"""

import csv
import difflib
import importlib.resources
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_SIDES = {"left": "left", "right": "right", "l": "left", "r": "right", "lt": "left", "rt": "right"}
_CHAMBER = "heart_"
"""Chambers of the heart are called left and right but are no mirror twins."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure of the table with its ids elsewhere; empty text where there is none.

    SNOMED's code names the organ; its side, `Left` or `Right`, is the modifier.
    """

    name: str
    totalsegmentator_v2_id: str
    totalsegmentator_v1_id: str
    totalsegmentator_mr_id: str
    snomed_code: str
    snomed_meaning: str
    snomed_modifier: str


def canonical_name(text: str) -> str:
    """Spell a structure's name in the one way used everywhere.

    Empty for a text without letters or digits.

    >>> [canonical_name(text) for text in ("Left Kidney", "gall-bladder", "Vertebra L1")]
    ['kidney_left', 'gallbladder', 'vertebrae_L1']
    """
    text = text.strip()
    if text in _table():
        return text
    words = ["vertebrae" if word == "vertebra" else word for word in _words(text)]
    plain = "_".join(words)
    turned = "_".join(_side_last(words))
    for candidate in (plain, turned):
        if candidate in _spelt():
            return _spelt()[candidate]
        if candidate in _aliases():
            return _aliases()[candidate]
    return turned


def canonical_names(texts: Iterable[str], *, of: str = "") -> dict[str, str]:
    """Spell all names of one data set, each in the light of the others.

    A general word, such as "veins" or "anterior", means a certain structure only in a certain
    company: where another name of the set, or `of`, the name of the set itself, calls for it.

    >>> canonical_names(["veins", "liver"])["veins"], canonical_names(["veins"])["veins"]
    ('portal_vein_and_splenic_vein', 'veins')
    """
    plain = {text: canonical_name(text) for text in texts}
    company = {*plain.values(), *_words(of)}
    for text, name in plain.items():
        general = _general().get(name)
        if general is not None and company & general[1] and general[0] not in company:
            plain[text] = general[0]
    return plain


def lookup(text: str) -> Structure | None:
    """Return the table's entry for a name in any spelling; `None` if it is not in the table."""
    return _table().get(canonical_name(text))


def near_matches(text: str) -> list[str]:
    """Return up to three known names that are spelt much like an unknown one, nearest first.

    Sides and numbers are never taken for misspelt. Empty for a known name.

    >>> near_matches("splen"), near_matches("spleen"), near_matches("vertebrae_T13")
    (['spleen'], [], [])
    """
    name = canonical_name(text)
    alike = _by_marks().get(_marks(name), [])
    return [] if name in alike else difflib.get_close_matches(name, alike, n=3, cutoff=0.87)


def mirrored(name: str) -> str:
    """Exchange left and right in a canonical name where the structure has a twin.

    The middle lobe of the right lung and the left atrial appendage have none.

    >>> mirrored("kidney_left"), mirrored("rib_left_3"), mirrored("heart_atrium_left")
    ('kidney_right', 'rib_right_3', 'heart_atrium_left')
    >>> mirrored("lung_middle_lobe_right")
    'lung_middle_lobe_right'
    """
    exchange = {"left": "right", "right": "left"}
    twin = "_".join(exchange.get(word, word) for word in name.split("_"))
    alone = name in _table() and twin not in _table()
    return name if alone or name.startswith(_CHAMBER) else twin


def _marks(name: str) -> tuple[str, ...]:
    """Return the numbers and sides of a name."""
    return (*re.findall(r"\d+", name), *(word for word in name.split("_") if word in _SIDES))


@lru_cache(maxsize=1)
def _by_marks() -> dict[tuple[str, ...], list[str]]:
    """Return the known names by their numbers and sides."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in _known():
        found.setdefault(_marks(name), []).append(name)
    return found


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())


def _side_last(words: list[str]) -> list[str]:
    """Move the one word that tells a side to the end; ribs keep their number last."""
    sides = [word for word in words if word in _SIDES]
    if len(sides) != 1 or len(words) == 1:
        return words
    rest = [word for word in words if word not in _SIDES]
    side = _SIDES[sides[0]]
    return [*rest[:-1], side, rest[-1]] if rest[-1].isdigit() else [*rest, side]


@lru_cache(maxsize=1)
def _table() -> dict[str, Structure]:
    rows = _read("structures.csv")
    return {
        row["totalsegmentator_name"]: Structure(
            row["totalsegmentator_name"],
            row["totalsegmentator_v2_id"],
            row["totalsegmentator_v1_id"],
            row["totalsegmentator_mr_id"],
            row["snomed_code"],
            row["snomed_meaning"],
            row["snomed_modifier"],
        )
        for row in rows
        if row["totalsegmentator_name"]
    }


@lru_cache(maxsize=1)
def _spelt() -> dict[str, str]:
    """Return the names of the table by what they are in lower case."""
    return {name.lower(): name for name in _table()}


@lru_cache(maxsize=1)
def _known() -> tuple[str, ...]:
    """Return the names of the tables, and those that an alias leads to."""
    others = [row["name"] for file in ("aliases.csv", "freesurfer.csv") for row in _read(file)]
    return tuple(dict.fromkeys((*_table(), *others)))


@lru_cache(maxsize=1)
def _aliases() -> dict[str, str]:
    return {row["alias"]: row["name"] for row in _read("aliases.csv") if not row["company"]}


@lru_cache(maxsize=1)
def _general() -> dict[str, tuple[str, frozenset[str]]]:
    """Return what a general word means, and the company in which it does."""
    return {
        row["alias"]: (row["name"], frozenset(row["company"].split()))
        for row in _read("aliases.csv")
        if row["company"]
    }


def _read(name: str) -> list[dict[str, str]]:
    text = importlib.resources.files("segassay.vocabulary").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))
