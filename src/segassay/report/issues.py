"""The issue list: markdown, one line per label or file, to be pasted into a tracker."""

from collections import defaultdict
from collections.abc import Sequence
from math import isnan

from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.report.model import (
    REVIEW_BELOW,
    SEVERITIES,
    ReportData,
    follows_difference,
    is_volume,
    protocol_differences,
    verdict,
)
from segassay.report.visible import visible
from segassay.types import Severity, Status

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


def issue_list(data: ReportData) -> str:
    """Return what to look at as markdown, in sections; what cannot even be judged comes first.

    A rule's finding stands on the line of its label where that has one. Labels that all score low
    in the same way are one line (`protocol_differences`).
    """
    low = _low(data)
    sections = {
        "Cannot be judged as they are": _broken_lines(data),
        "Low scores, worst first": [_scored_line(data, row) for row in low],
        "Empty, but the structure seems to be there": _missed_lines(data),
        "Found by rules": _rule_lines(data, low),
        "Protocol or domain differences": _difference_lines(data),
    }
    lines = [f"# Labels to look at: {plain_text(data.title)}"]
    for title, entries in sections.items():
        lines += ["", f"## {title}", "", *entries[:_MOST]] if entries else []
        if len(entries) > _MOST:
            lines.append(f"- … and {len(entries) - _MOST} more: see scores.csv, findings.jsonl")
    if not any(sections.values()):
        lines += ["", "Nothing: no label scored low, no rule found a fault."]
    return "\n".join(lines) + "\n"


def error_words(row: ScoreRow) -> str:
    """Say in words what is wrong with a scored label; empty if nothing is."""
    return _WORDS.get(row.error_type, row.error_type)


def _low(data: ReportData) -> list[ScoreRow]:
    differences = protocol_differences(data.rows)
    low = (row for row in data.scored if row.score < REVIEW_BELOW)
    return [row for row in low if not follows_difference(row, differences)]


def _broken_lines(data: ReportData) -> list[str]:
    """One line per file and reason: a file's fault is not as many faults as it has labels."""
    groups: dict[tuple[str, str], list[ScoreRow]] = defaultdict(list)
    for row in data.rows:
        if row.status in (Status.FAILED, Status.INVALID):
            groups[row.case_id, row.reason].append(row)
    lines = []
    for (case_id, reason), rows in groups.items():
        what = rows[0].structure if len(rows) == 1 else f"{len(rows)} labels"
        step = next((f.suggestion for f in data.findings_of(rows[0]) if f.message == reason), "")
        lines.append(_line(case_id, what, [f"**{verdict(rows[0])}**", reason, step]))
    return lines


def _scored_line(data: ReportData, row: ScoreRow) -> str:
    parts = [f"**{verdict(row)}**", f"score {row.score:.2f}"]
    if not isnan(row.score_lo):
        parts[-1] += f" ({row.score_lo:.2f} to {row.score_hi:.2f})"
    parts.append(error_words(row))
    parts.append(f"worst slice {row.worst_slice}" if is_volume(row) else "")
    own = [f.message for f in data.findings_of(row) if _loud(f) and f.structure is not None]
    return _line(row.case_id, row.structure, [*parts, *own])


def _missed_lines(data: ReportData) -> list[str]:
    missed = [row for row in data.rows if row.status is Status.ABSENT_SUSPECT]
    missed.sort(key=lambda row: -row.presence)
    return [_line(r.case_id, r.structure, [f"**{verdict(r)}**", r.reason]) for r in missed]


def _rule_lines(data: ReportData, low: Sequence[ScoreRow]) -> list[str]:
    told = {(row.case_id, row.structure) for row in low}
    reasons = {(row.case_id, row.reason) for row in data.rows if row.status is Status.INVALID}
    rest = [
        f
        for f in data.findings
        if _loud(f)
        and (f.case_id, f.structure) not in told
        and (f.case_id, f.message) not in reasons
    ]
    rest.sort(key=lambda f: SEVERITIES.index(f.severity))
    return [
        _line(
            f.case_id, f.structure or "file", [f"**{f.severity.value}**", f.message, f.suggestion]
        )
        for f in rest
    ]


def _difference_lines(data: ReportData) -> list[str]:
    differences = protocol_differences(data.rows)
    lines = []
    for structure, kind in differences.items():
        own = [row for row in data.scored if row.structure == structure]
        n = sum(follows_difference(row, differences) for row in own)
        lines.append(
            f"- [ ] {plain_text(structure)}: {n} of {len(own)} labels score low in the same way "
            f"({_WORDS.get(kind, kind)}): another protocol, or images the judge does not know; "
            "fit a judge to a few cases that you trust: segassay fit"
        )
    return lines


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
