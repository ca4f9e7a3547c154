"""The issue list: markdown, one line per label, to be pasted into a tracker."""

from math import isnan

from segassay.records.scores import ScoreRow
from segassay.report.model import REVIEW_BELOW, ReportData, verdict
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


def issue_list(data: ReportData) -> str:
    """Return the labels to be looked at, worst first, then error findings, as markdown."""
    lines = [f"# Labels to look at: {_plain(data.title)}", ""]
    rows = _doubtful(data)
    lines += [_line(data, row) for row in rows[:_MOST]]
    if len(rows) > _MOST:
        lines.append(f"- … and {len(rows) - _MOST} more: see scores.csv")
    errors = [f for f in data.findings if f.severity is Severity.ERROR]
    if errors:
        lines += ["", "## Errors found by rules", ""]
        lines += [
            f"- [ ] `{_plain(f.case_id)}` {_plain(f.structure or '')}: {_plain(f.message)}; "
            f"{_plain(f.suggestion)}"
            for f in errors[:_MOST]
        ]
    if not rows and not errors:
        lines.append("Nothing: no label scored low, no rule found an error.")
    return "\n".join(lines) + "\n"


def error_words(row: ScoreRow) -> str:
    """Say in words what is wrong with a scored label; empty if nothing is."""
    return _WORDS.get(row.error_type, row.error_type)


def _doubtful(data: ReportData) -> list[ScoreRow]:
    broken = [r for r in data.rows if r.status in (Status.FAILED, Status.INVALID)]
    missed = [r for r in data.rows if r.status is Status.ABSENT_SUSPECT]
    return [*broken, *(r for r in data.scored if r.score < REVIEW_BELOW), *missed]


def _line(data: ReportData, row: ScoreRow) -> str:
    parts = [f"- [ ] `{_plain(row.case_id)}` {_plain(row.structure)}: **{verdict(row)}**"]
    if not isnan(row.score):
        parts.append(f"score {row.score:.2f} ({row.score_lo:.2f} to {row.score_hi:.2f})")
        parts.append(error_words(row))
        parts.append(f"worst slice {row.worst_slice}" if row.worst_slice >= 0 else "")
    elif row.reason:
        parts.append(_plain(row.reason))
    severe = [f for f in data.findings_of(row) if f.severity is not Severity.INFO]
    parts += [_plain(f.message) for f in severe[:2]]
    return ", ".join(part for part in parts if part)


def _plain(text: str) -> str:
    """Keep names from being markup: no line breaks, no backticks, no HTML, no links."""
    flat = " ".join(text.split())
    for sign in "`<>[]|":
        flat = flat.replace(sign, " ")
    return flat
