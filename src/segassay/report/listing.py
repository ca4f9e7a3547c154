"""The labels of a run in the order and with the addresses that all pages share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan

from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.report.model import SEVERITIES, ReportData, key_of
from segassay.report.page_names import page_names
from segassay.types import Severity

_MOST_PAGES = 1000
"""Cases with a page of their own, worst first: more would be slow to copy, the tables hold them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One label: its place in the list of all, and the page of its case.

    `severity` is the worst a rule found about it, "none" if nothing. `page` is empty where the case
    has none; `anchor` names the label on it.
    """

    number: int
    row: ScoreRow
    severity: str
    page: str
    anchor: str

    @property
    def address(self) -> str:
        """Where the first page finds the label on its case's page; empty where there is none."""
        return f"cases/{self.page}#{self.anchor}" if self.page else ""


def list_labels(data: ReportData) -> tuple[Listed, ...]:
    """Return all labels: those without a score, then from the worst score on."""
    pages = page_names(worst_cases(data.rows)[:_MOST_PAGES])
    severities = _severities(data.findings)
    anchors: dict[tuple[str, str, str], str] = {}
    seen: dict[str, int] = defaultdict(int)
    for row in data.rows:
        seen[row.case_id] += 1
        anchors[key_of(row)] = f"label-{seen[row.case_id]}"
    rows = [*(row for row in data.rows if isnan(row.score)), *data.scored]
    return tuple(
        Listed(
            number,
            row,
            severities.get((row.case_id, row.structure))
            or severities.get((row.case_id, None), "none"),
            pages.get(row.case_id, ""),
            anchors[key_of(row)],
        )
        for number, row in enumerate(rows, start=1)
    )


def worst_cases(rows: Sequence[ScoreRow]) -> list[str]:
    """Return the case ids, the case with the lowest score first, cases without any score last."""
    lowest: dict[str, float] = {}
    for row in rows:
        score = inf if isnan(row.score) else row.score
        lowest[row.case_id] = min(score, lowest.get(row.case_id, inf))
    return sorted(lowest, key=lambda case_id: (lowest[case_id], case_id))


def _severities(findings: Sequence[Finding]) -> Mapping[tuple[str, str | None], str]:
    """Return the worst severity of every label, and under `None` of every file."""
    found: dict[tuple[str, str | None], Severity] = {}
    for finding in findings:
        key = (finding.case_id, finding.structure)
        found[key] = min(found.get(key, finding.severity), finding.severity, key=SEVERITIES.index)
    of_file = {case_id: severity for (case_id, name), severity in found.items() if name is None}
    return {
        (case_id, name): min(severity, of_file.get(case_id, severity), key=SEVERITIES.index).value
        for (case_id, name), severity in found.items()
    }
