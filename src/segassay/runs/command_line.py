"""What was typed, as far as a record may keep it: no place on the machine, only names."""

import os
from collections.abc import Sequence


def without_places(words: Sequence[str]) -> tuple[str, ...]:
    """Cut every path to its last name: a path tells of the machine and its user.

    Whatever holds a separator counts as a path; a pattern with one is cut, too.

    >>> without_places(["audit", "/data/liver_set/", "-oruns/today", "--names=../names.json"])
    ('audit', 'liver_set', '-otoday', '--names=names.json')
    """
    return tuple(_without_place(word) for word in words)


def _without_place(word: str) -> str:
    if word.startswith("--") and "=" in word:
        option, _, value = word.partition("=")
        return f"{option}={_name(value)}"
    if word.startswith("-") and not word.startswith("--"):
        return word[:2] + _name(word[2:])
    return _name(word)


def _name(value: str) -> str:
    separators = os.sep + (os.altsep or "")
    plain = value.rstrip(separators)
    for separator in separators:
        plain = plain.rpartition(separator)[2]
    return plain
