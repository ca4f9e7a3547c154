"""The labels of a run in the order and with the addresses that all pages share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segassay.files.file_names import page_names
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.triage import Verdict, key_of
from segassay.report.model import SEVERITIES, ReportData
from segassay.types import Severity

_MOST_PAGES = 1000
"""Cases with a page of their own, worst first: more would be slow to copy, the tables hold them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One label: its place in the list of all, and the page of its case.

    `by_rule` tells that a rule made the verdict what it is, whatever the score says.
    `looks` says what is wrong with it, empty if nothing seems to be; `usual` is the score of
    correct labels that it was held against. `severity` is the worst a rule found about it, "none"
    if nothing; `rules` are those that found an error or a warning about it, each with the number of
    its finding in `ReportData.findings`. `page` is empty where the case has none; `anchor` names
    the label on it.
    """

    number: int
    row: ScoreRow
    verdict: Verdict
    by_rule: bool
    looks: str
    usual: float
    severity: str
    rules: tuple[tuple[str, int], ...]
    page: str
    anchor: str

    @property
    def address(self) -> str:
        """Where the first page finds the label on its case's page; empty where there is none."""
        return f"cases/{self.page}#{self.anchor}" if self.page else ""


def list_labels(data: ReportData) -> tuple[Listed, ...]:
    """Return all labels, worst first."""
    pages = page_names(worst_cases(data)[:_MOST_PAGES])
    severities = _severities(data.findings)
    anchors: dict[tuple[str, str, str], str] = {}
    seen: dict[str, int] = defaultdict(int)
    for row in data.rows:
        seen[row.case_id] += 1
        anchors[key_of(row)] = f"label-{seen[row.case_id]}"
    return tuple(
        Listed(
            number,
            row,
            data.verdict(row),
            data.is_by_rule(row),
            data.looks(row),
            data.compared_with(row),
            severities.get((row.case_id, row.structure))
            or severities.get((row.case_id, None), "none"),
            data.rules_about(row),
            pages.get(row.case_id, ""),
            anchors[key_of(row)],
        )
        for number, row in enumerate(data.ranked, start=1)
    )


def worst_cases(data: ReportData) -> list[str]:
    """Return the case ids, the case with the worst label first."""
    return list(dict.fromkeys(row.case_id for row in data.ranked))


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
