"""File names for what belongs to a case: a case id may hold anything, a file name must not."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for its devices, with any ending."""

_SLUG = 40
_DIGITS = 24


def page_names(case_ids: Iterable[str]) -> dict[str, str]:
    """Return the file name of every case's page, as `plain_names` has it.

    >>> page_names(["p1", "../p1"])
    {'p1': 'p1.html', '../p1': 'p1~e0bcf4e7083d7b24fb098c27.html'}
    """
    return {case_id: f"{name}.html" for case_id, name in plain_names(case_ids).items()}


def plain_names(ids: Iterable[str]) -> dict[str, str]:
    """Return a file or folder name, without ending, for every id: distinct, and plain everywhere.

    A plain id is its own name. Any other id, and ids that differ in capitals alone, which some
    file systems do not tell apart, get `~` and 24 digits of their SHA-256 behind what is plain in
    them. No plain id holds `~`, so no id can take another's name.
    """
    listed = list(dict.fromkeys(ids))
    alike = Counter(one.casefold() for one in listed)
    own = {i: _is_plain(i) and alike[i.casefold()] == 1 for i in listed}
    return {i: i if own[i] else _hashed(i) for i in listed}


def _is_plain(case_id: str) -> bool:
    plain = _PLAIN.fullmatch(case_id) is not None
    return plain and not case_id.endswith(".") and _RESERVED.fullmatch(case_id) is None


def _hashed(case_id: str) -> str:
    slug = "-".join(re.findall(r"[A-Za-z0-9]+", case_id))[:_SLUG].lower()
    digest = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{slug}~{digest[:_DIGITS]}" if slug else f"case~{digest[:_DIGITS]}"
