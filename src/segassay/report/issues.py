"""The issue list: markdown, one line per label or file, to be pasted into a tracker."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from math import isnan
from typing import NamedTuple, TypeVar

from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.report.model import (
    SEVERITIES,
    ReportData,
    follows_difference,
    is_volume,
    protocol_differences,
    verdict,
)
from segassay.report.visible import visible
from segassay.types import REVIEW_BELOW, Severity, Status

T = TypeVar("T")

_WORDS = {
    "too_small": "parts are missing",
    "too_large": "too much is marked",
    "misplaced": "misplaced or badly outlined",
    "wrong_place": "in the wrong place",
    "good": "",
    "": "",
}
_MOST = 200
"""Lines of a section: nobody works through more in one go, and trackers limit the text."""


class _Alike(NamedTuple):
    """A structure of which so many of the scored labels score low with one type of error."""

    structure: str
    kind: str
    n_low: int
    n_scored: int


def issue_list(data: ReportData) -> str:
    """Return what to look at as markdown, in sections; what cannot even be judged comes first.

    A rule's finding stands on the line of its label where that has one. Labels that all score low
    in the same way are one line (`protocol_differences`).
    """
    differences = protocol_differences(data.rows)
    scored = data.scored
    low = _low(scored, differences)
    told = [
        *_section("Cannot be judged as they are", _broken(data), partial(_broken_line, data)),
        *_section("Low scores, worst first", low, partial(_scored_line, data)),
        *_section("Empty, but the structure seems to be there", _missed(data), _missed_line),
        *_section("Found by rules", _by_rules(data, low), _rule_line),
        *_section("Protocol or domain differences", _alike(scored, differences), _alike_line),
    ]
    title = f"# Labels to look at: {plain_text(data.title)}"
    nothing = ["", "Nothing: no label scored low, no rule found a fault."]
    return "\n".join([title, *(told or nothing)]) + "\n"


def error_words(row: ScoreRow) -> str:
    """Say in words what is wrong with a scored label; empty if nothing is."""
    return _WORDS.get(row.error_type, row.error_type)


def _section(title: str, entries: Sequence[T], line: Callable[[T], str]) -> list[str]:
    """Return the lines of a section, the first entries in words; nothing where there are none."""
    if not entries:
        return []
    lines = ["", f"## {title}", "", *map(line, entries[:_MOST])]
    if len(entries) > _MOST:
        lines.append(f"- … and {len(entries) - _MOST} more: see scores.csv, findings.jsonl")
    return lines


def _low(scored: Sequence[ScoreRow], differences: dict[str, str]) -> list[ScoreRow]:
    low = (row for row in scored if row.score < REVIEW_BELOW)
    return [row for row in low if not follows_difference(row, differences)]


def _broken(data: ReportData) -> list[list[ScoreRow]]:
    """Group labels by file and reason: a file's fault is not as many faults as it has labels."""
    groups: dict[tuple[str, str], list[ScoreRow]] = defaultdict(list)
    for row in data.rows:
        if row.status in (Status.FAILED, Status.INVALID):
            groups[row.case_id, row.reason].append(row)
    return list(groups.values())


def _broken_line(data: ReportData, rows: Sequence[ScoreRow]) -> str:
    row = rows[0]
    what = row.structure if len(rows) == 1 else f"{len(rows)} labels"
    step = next((f.suggestion for f in data.findings_of(row) if f.message == row.reason), "")
    return _line(row.case_id, what, [f"**{verdict(row)}**", row.reason, step])


def _scored_line(data: ReportData, row: ScoreRow) -> str:
    parts = [f"**{verdict(row)}**", f"score {row.score:.2f}"]
    if not isnan(row.score_lo):
        parts[-1] += f" ({row.score_lo:.2f} to {row.score_hi:.2f})"
    parts.append(error_words(row))
    parts.append(f"worst slice {row.worst_slice}" if is_volume(row) else "")
    own = [f.message for f in data.findings_of(row) if _loud(f) and f.structure is not None]
    return _line(row.case_id, row.structure, [*parts, *own])


def _missed(data: ReportData) -> list[ScoreRow]:
    missed = [row for row in data.rows if row.status is Status.ABSENT_SUSPECT]
    return sorted(missed, key=lambda row: -row.presence)


def _missed_line(row: ScoreRow) -> str:
    return _line(row.case_id, row.structure, [f"**{verdict(row)}**", row.reason])


def _by_rules(data: ReportData, low: Sequence[ScoreRow]) -> list[Finding]:
    told = {(row.case_id, row.structure) for row in low}
    reasons = {(row.case_id, row.reason) for row in data.rows if row.status is Status.INVALID}
    rest = [
        f
        for f in data.findings
        if _loud(f)
        and (f.case_id, f.structure) not in told
        and (f.case_id, f.message) not in reasons
    ]
    return sorted(rest, key=lambda f: SEVERITIES.index(f.severity))


def _rule_line(found: Finding) -> str:
    parts = [f"**{found.severity.value}**", found.message, found.suggestion]
    return _line(found.case_id, found.structure or "file", parts)


def _alike(scored: Sequence[ScoreRow], differences: dict[str, str]) -> list[_Alike]:
    """Count the scored labels of every structure that differs, and those that do so."""
    of_all = Counter(row.structure for row in scored)
    low = Counter(row.structure for row in scored if follows_difference(row, differences))
    return [_Alike(name, kind, low[name], of_all[name]) for name, kind in differences.items()]


def _alike_line(alike: _Alike) -> str:
    return (
        f"- [ ] {plain_text(alike.structure)}: {alike.n_low} of {alike.n_scored} labels score low "
        f"in the same way ({_WORDS.get(alike.kind, alike.kind)}): another protocol, or images the "
        "judge does not know; fit a judge to a few cases that you trust: segassay fit"
    )


def _loud(finding: Finding) -> bool:
    return finding.severity is not Severity.INFO


def _line(case_id: str, what: str, parts: Sequence[str]) -> str:
    told = ", ".join(plain_text(part) for part in parts if part)
    return f"- [ ] `{plain_text(case_id)}` {plain_text(what)}: {told}"


def plain_text(text: str) -> str:
    """Keep names from being markup: no line breaks, no backticks, no HTML, no links."""
    flat = visible(" ".join(text.split()))
    for sign in "`<>[]|":
        flat = flat.replace(sign, " ")
    return flat
