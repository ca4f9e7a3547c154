"""The issue list: markdown, one line per label or file, to be pasted into a tracker."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from math import isnan
from typing import NamedTuple, TypeVar

from segassay.files.visible_names import visible
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.triage import Verdict
from segassay.report.model import SEVERITIES, ReportData, error_name, is_volume
from segassay.types import Severity, Status, percent

T = TypeVar("T")

_MOST = 200
"""Lines of a section: nobody works through more in one go, and trackers limit the text."""


_LOW = frozenset({Verdict.LIKELY_WRONG, Verdict.CHECK})


class _Alike(NamedTuple):
    """A structure of which so many labels score low, most with one type of error."""

    structure: str
    kind: str
    n_scored: int


def issue_list(data: ReportData) -> str:
    """Return what to look at as markdown, in sections; what cannot even be judged comes first.

    A rule's finding stands on the line of its label where that has one. Labels of structures that
    differ from the judge's tests altogether are one line (`ReportData.differences`).
    """
    low = [row for row in data.scored if data.verdict(row) in _LOW and not data.is_by_rule(row)]
    doubted = [
        row
        for row in data.scored
        if data.verdict(row) is Verdict.LOW_CONFIDENCE and row.structure not in data.differences
    ]
    told = [
        *_section("Cannot be judged as they are", _broken(data), partial(_broken_line, data)),
        *_section("Low scores, worst first", low, partial(_scored_line, data)),
        *_section("Empty, but the structure seems to be there", _missed(data), _missed_line),
        *_section("Found by rules", _by_rules(data, low), _rule_line),
        *_section("Scores of low confidence", doubted, partial(_scored_line, data)),
        *_section("Protocol or domain differences", _alike(data), _alike_line),
    ]
    title = f"# Labels to look at: {plain_text(data.title)}"
    nothing = ["", "Nothing: no label scored low, and no rule found anything."]
    return "\n".join([title, *(told or nothing)]) + "\n"


def _section(title: str, entries: Sequence[T], line: Callable[[T], str]) -> list[str]:
    """Return the lines of a section, the first entries in words; nothing where there are none."""
    if not entries:
        return []
    lines = ["", f"## {title}", "", *map(line, entries[:_MOST])]
    if len(entries) > _MOST:
        lines.append(f"- … and {len(entries) - _MOST} more: see scores.csv, findings.jsonl")
    return lines


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
    return _line(row.case_id, what, f"**{data.verdict(row)}**", row.reason, step)


def _scored_line(data: ReportData, row: ScoreRow) -> str:
    parts = [f"**{data.verdict(row)}**", f"faulty: {percent(row.p_faulty)}"]
    parts.append(f"score {row.score:.2f}")
    if not isnan(row.score_lo):
        parts[-1] += f" ({row.score_lo:.2f} to {row.score_hi:.2f})"
    parts.append(data.looks(row))
    parts.append(f"worst slice {row.worst_slice}" if is_volume(row) else "")
    own = [data.findings[number].message for _, number in data.rules_about(row)]
    return _line(row.case_id, row.structure, ", ".join(part for part in parts if part), *own)


def _missed(data: ReportData) -> list[ScoreRow]:
    return [row for row in data.ranked if row.status is Status.ABSENT_SUSPECT]


def _missed_line(row: ScoreRow) -> str:
    return _line(row.case_id, row.structure, f"**{Verdict.MISSING}**", row.reason)


def _by_rules(data: ReportData, low: Sequence[ScoreRow]) -> list[Finding]:
    failed = (row for row in data.rows if row.status is Status.FAILED)
    told = {(row.case_id, row.structure) for row in (*low, *failed)}
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
    what = found.structure or "file"
    return _line(found.case_id, what, f"**{found.severity}**", found.message, found.suggestion)


def _alike(data: ReportData) -> list[_Alike]:
    """Count the scored labels of every structure that differs from the judge's tests."""
    n_scored = Counter(row.structure for row in data.scored)
    return [_Alike(name, kind, n_scored[name]) for name, kind in data.differences.items()]


def _alike_line(alike: _Alike) -> str:
    kind = error_name(alike.kind)
    return (
        f"- [ ] {plain_text(alike.structure)}: {alike.n_scored} labels score far lower than in the "
        f"judge's tests{f' ({kind})' if kind else ''}: another protocol, or images that the judge "
        "does not know; fit a judge to a few reference cases: `segassay fit`"
    )


def _loud(finding: Finding) -> bool:
    return finding.severity is not Severity.INFO


def _line(case_id: str, what: str, first: str, *sentences: str) -> str:
    told = [_code_kept(first), *(_sentence(text) for text in sentences if text)]
    return f"- [ ] `{plain_text(case_id)}` {plain_text(what)}: {'. '.join(told)}".rstrip(".") + "."


def _sentence(text: str) -> str:
    """Begin with a capital letter, unless it begins with a name, and leave the full stop off."""
    text = _code_kept(text).strip().rstrip(".")
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isalpha() else text


def _code_kept(text: str) -> str:
    """Make text plain, but for commands between backticks; an odd backtick is none of these."""
    if text.count("`") % 2:
        return plain_text(text)
    return "`".join(plain_text(part, strip=False) for part in text.split("`"))


def plain_text(text: str, *, strip: bool = True) -> str:
    """Keep names from being markup: no line breaks, no backticks, no HTML, no links."""
    flat = visible(re.sub(r"\s+", " ", text))
    for sign in "`<>[]|":
        flat = flat.replace(sign, " ")
    return flat.strip() if strip else flat
