"""The issue list: markdown, one line per label or file, to be pasted into a tracker."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from math import isnan
from typing import NamedTuple, TypeVar

import polars as pl

from segassay.files.visible_names import visible
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.triage import Verdict
from segassay.report.model import SEVERITIES, ReportData, error_name, is_volume
from segassay.types import Severity, Status, percent

T = TypeVar("T")

_MOST = 200
"""Lines of a section: nobody works through more in one go, and trackers limit the text."""


_LOW = [Verdict.LIKELY_WRONG.value, Verdict.CHECK.value]
_UNUSABLE = [Status.FAILED.value, Status.INVALID.value]


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
    low = data.scored.filter(pl.col("verdict").is_in(_LOW) & ~pl.col("by_rule"))
    doubted = data.scored.filter(
        (pl.col("verdict") == Verdict.LOW_CONFIDENCE.value)
        & ~pl.col("structure").is_in(list(data.differences))
    )
    missed = data.ranked.filter(pl.col("status") == Status.ABSENT_SUSPECT.value)
    broken, n_broken = _broken(data)
    scored_line = partial(_scored_line, data)
    told = [
        *_section("Cannot be judged as they are", broken, partial(_broken_line, data), n_broken),
        *_section("Low scores, worst first", _rows(data, low), scored_line, low.height),
        *_section(
            "Empty, but the structure seems to be there",
            _rows(data, missed),
            _missed_line,
            missed.height,
        ),
        *_section("Found by rules", _by_rules(data, low), _rule_line),
        *_section("Scores of low confidence", _rows(data, doubted), scored_line, doubted.height),
        *_section("Protocol or domain differences", _alike(data), _alike_line),
    ]
    title = f"# Labels to look at: {plain_text(data.title)}"
    nothing = ["", "Nothing: no label scored low, and no rule found anything."]
    return "\n".join([title, *(told or nothing)]) + "\n"


def _section(title: str, entries: Sequence[T], line: Callable[[T], str], n: int = 0) -> list[str]:
    """Return the lines of a section, the first entries in words; nothing where there are none.

    There are `n` entries where not all of them are given.
    """
    if not entries:
        return []
    lines = ["", f"## {title}", "", *map(line, entries[:_MOST])]
    n = max(n, len(entries))
    if n > _MOST:
        lines.append(f"- … and {n - _MOST} more: see scores.csv, findings.jsonl")
    return lines


def _rows(data: ReportData, part: pl.DataFrame) -> tuple[ScoreRow, ...]:
    return data.rows(part.head(_MOST))


def _broken(data: ReportData) -> tuple[list[tuple[ScoreRow, int]], int]:
    """Group labels by file and reason: a file's fault is not as many faults as it has labels.

    Returns:
        The first label of each of the first groups, with the number of its labels; and the number
        of groups.
    """
    bad = data.ranked.filter(pl.col("status").is_in(_UNUSABLE)).sort("place")
    bad = bad.with_columns(data.frame["reason"][bad["place"]])
    groups = bad.group_by("case_id", "reason", maintain_order=True).agg(pl.all().first(), pl.len())
    first = zip(_rows(data, groups), groups["len"], strict=False)
    return list(first), groups.height


def _broken_line(data: ReportData, group: tuple[ScoreRow, int]) -> str:
    row, n = group
    what = row.structure if n == 1 else f"{n} labels"
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


def _missed_line(row: ScoreRow) -> str:
    return _line(row.case_id, row.structure, f"**{Verdict.MISSING}**", row.reason)


def _by_rules(data: ReportData, low: pl.DataFrame) -> list[Finding]:
    of_label = ("case_id", "structure")
    failed = data.ranked.filter(pl.col("status") == Status.FAILED.value)
    loud = [f for f in data.findings if _loud(f)]
    schema = dict.fromkeys(of_label, pl.String)
    keys = pl.DataFrame([(f.case_id, f.structure) for f in loud], schema=schema, orient="row")
    told = pl.concat([low.select(of_label), failed.select(of_label)]).join(keys, of_label, "semi")
    known = set(told.iter_rows())
    invalid = data.frame.filter(pl.col("status") == Status.INVALID.value)
    reasons = set(invalid.select("case_id", "reason").unique().iter_rows())
    rest = [
        f
        for f in loud
        if (f.case_id, f.structure) not in known and (f.case_id, f.message) not in reasons
    ]
    return sorted(rest, key=lambda f: SEVERITIES.index(f.severity))


def _rule_line(found: Finding) -> str:
    what = found.structure or "file"
    return _line(found.case_id, what, f"**{found.severity}**", found.message, found.suggestion)


def _alike(data: ReportData) -> list[_Alike]:
    """Count the scored labels of every structure that differs from the judge's tests."""
    n_scored = dict(data.scored["structure"].value_counts().iter_rows())
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
