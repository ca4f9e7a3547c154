"""Rendering a report: one file, no network, readable without scripts."""

from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape

from segassay.records.scores import ScoreRow
from segassay.report.advice import STATUS_WORDS, next_steps, trust
from segassay.report.figures import ExhibitPictures, draw_exhibit
from segassay.report.issues import error_words, issue_list
from segassay.report.model import (
    FAIL_BELOW,
    REVIEW_BELOW,
    SEVERITIES,
    Exhibit,
    ReportData,
    follows_difference,
    is_volume,
    protocol_differences,
    verdict,
)

_BINS = 25
_MOST_ROWS = 5000
"""Rows of a table on the page, worst first: browsers get slow beyond, the files hold the rest."""


@dataclass(frozen=True, slots=True)
class _Distribution:
    """Scores of one structure: bar heights in [0, 1], median, counts."""

    structure: str
    bars: tuple[float, ...]
    median: float
    n_scored: int
    n_low: int
    n_other: int
    evidence: str


@dataclass(frozen=True, slots=True)
class _Shown:
    number: int
    exhibit: Exhibit
    pictures: ExhibitPictures
    caption: str
    alike: bool


def render_report(data: ReportData, out: Path) -> Path:
    """Write `index.html` and `issues.md` into `out` and return the page's path."""
    environment = Environment(
        loader=PackageLoader("segassay.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = _score_text
    environment.filters["verdict"] = verdict
    environment.filters["error_words"] = error_words
    environment.tests["volume"] = is_volume
    issues = issue_list(data)
    page = environment.get_template("index.html.j2").render(
        data=data,
        shown=_shown(data),
        any_volume=any(is_volume(e.row) for e in data.exhibits),
        steps=next_steps(data),
        limits=trust(data),
        status_words={status.value: words for status, words in STATUS_WORDS.items()},
        distributions=_distributions(data),
        differences=protocol_differences(data.rows),
        labels=[*(row for row in data.rows if isnan(row.score)), *data.scored],
        findings=sorted(data.findings, key=lambda f: SEVERITIES.index(f.severity)),
        severities=[severity.value for severity in SEVERITIES],
        most_rows=_MOST_ROWS,
        issues=issues,
        bins=_BINS,
        review_below=REVIEW_BELOW,
        fail_below=FAIL_BELOW,
    )
    (out / "issues.md").write_text(issues, encoding="utf-8")
    path = out / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def _shown(data: ReportData) -> list[_Shown]:
    differences = protocol_differences(data.rows)
    return [
        _Shown(n, e, draw_exhibit(e), _caption(e), follows_difference(e.row, differences))
        for n, e in enumerate(data.exhibits, start=1)
    ]


def _caption(exhibit: Exhibit) -> str:
    """Say what the lines show; a missing line is explained, not left to be searched for."""
    if not exhibit.suggested.any():
        return "the judge expects nothing here"
    if not exhibit.mask.any():
        return "no label here, the judge expects one"
    return "label and suggestion"


def _score_text(value: float) -> str:
    return "n/a" if isnan(value) else f"{value:.2f}"


def _distributions(data: ReportData) -> list[_Distribution]:
    """Return the structures' distributions, the one with the lowest median first."""
    structures = dict.fromkeys(row.structure for row in data.rows)
    found = [_distribution(name, data.rows) for name in structures]
    return sorted(found, key=lambda d: (isnan(d.median), d.median))


def _distribution(structure: str, rows: tuple[ScoreRow, ...]) -> _Distribution:
    own = [row for row in rows if row.structure == structure]
    scores = np.array([row.score for row in own if not isnan(row.score)])
    counts, _ = np.histogram(scores, bins=_BINS, range=(0, 1))
    heights = counts / max(int(counts.max()), 1)
    return _Distribution(
        structure,
        tuple(float(h) for h in heights),
        float(np.median(scores)) if scores.size else float("nan"),
        int(scores.size),
        int((scores < REVIEW_BELOW).sum()),
        len(own) - int(scores.size),
        next((row.evidence.split("; ")[-1] for row in own if row.evidence), ""),
    )
