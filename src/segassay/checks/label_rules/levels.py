"""Checks of what is counted from above: vertebrae and ribs."""

import re
from collections.abc import Sequence
from itertools import pairwise

from segassay.checks.base import CaseView, found
from segassay.checks.label_rules.centres import Place, places
from segassay.records.findings import Finding
from segassay.types import Severity

_SPINE = (
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
)
_RIB = re.compile(r"rib_(left|right)_(\d+)")
_VERTEBRA = re.compile(r"vertebrae_([CTL]\d+)")
_GAP = 1.5
"""Distance over a missing level, in units of the distances beside it: a labelled neighbour lies at
about 1, a level that was left out makes it 2."""


def level_order(view: CaseView) -> list[Finding]:
    """Find vertebrae and ribs out of order, and levels whose name was skipped.

    Vertebrae go by their centres, ribs by their upper ends, which lie at the spine. Where most of
    a row is upside down the header is: see `orientation`.
    """
    if not view.image.anatomical:
        return []
    where = places(view)
    findings = []
    for row in (_vertebrae(where), *(_ribs(where, side) for side in ("left", "right"))):
        findings += _out_of_order(view, row)
        findings += _skipped(view, row)
    return findings


Row = Sequence[tuple[int, float, str]]
"""Level from above, height in mm, structure; in the order of levels."""


def _vertebrae(where: dict[str, Place]) -> Row:
    row = []
    for name, place in where.items():
        match = _VERTEBRA.fullmatch(name)
        if match is not None and match[1] in _SPINE:
            row.append((_SPINE.index(match[1]), place.centre_mm[2], name))
    return sorted(row)


def _ribs(where: dict[str, Place], side: str) -> Row:
    row = []
    for name, place in where.items():
        match = _RIB.fullmatch(name)
        if match is not None and match[1] == side and not place.at_top:
            row.append((int(match[2]), place.top_mm, name))
    return sorted(row)


def _out_of_order(view: CaseView, row: Row) -> list[Finding]:
    wrong = [(a, b) for a, b in pairwise(row) if a[1] <= b[1]]
    if 2 * len(wrong) > len(row) - 1 > 1:
        return []
    findings = []
    for upper, lower in wrong:
        message = f"{upper[2]} lies {lower[1] - upper[1]:.0f} mm below {lower[2]}: wrong order"
        step = "look at the names of both: exchanged, or one of them is another level"
        evidence = {"pair": [upper[2], lower[2]], "distance_mm": lower[1] - upper[1]}
        findings.append(found("level_order", view, Severity.ERROR, message, step, **evidence))
    return findings


def _skipped(view: CaseView, row: Row) -> list[Finding]:
    """Find neighbours in place that are no neighbours by name, as when one level is left out."""
    steps = [a[1] - b[1] for a, b in pairwise(row) if b[0] - a[0] == 1]
    usual = sorted(steps)[len(steps) // 2] if len(steps) > 1 else 0.0
    findings = []
    for upper, lower in pairwise(row):
        distance, missing = upper[1] - lower[1], lower[0] - upper[0] - 1
        if missing < 1 or usual <= 0 or not 0 < distance < _GAP * usual:
            continue
        message = (
            f"{lower[2]} follows {upper[2]} at {distance:.0f} mm, the distance of neighbours here "
            f"({usual:.0f} mm): {missing} level{'s' if missing > 1 else ''} skipped in the names"
        )
        step = f"count again from the nearest sure level; all below {upper[2]} may be off"
        evidence = {"pair": [upper[2], lower[2]], "distance_mm": distance, "usual_mm": usual}
        findings.append(found("level_order", view, Severity.WARNING, message, step, **evidence))
    return findings
