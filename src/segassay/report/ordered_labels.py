"""The labels of a run in the order and with the addresses that all pages share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from segassay.files.file_names import page_names
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.triage import Verdict
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


class LabelList:
    """All labels of a run, worst first; those that a page shows are made when it is.

    Attributes:
        data: The run.
        pages: The page of every case that has one, the case with the worst label first.
    """

    def __init__(self, data: ReportData) -> None:
        self.data = data
        cases = data.ranked["case_id"].unique(maintain_order=True).head(_MOST_PAGES)
        self.pages = page_names(cases.to_list())
        self._severities = _severities(data.findings)

    def of(self, part: pl.DataFrame) -> tuple[Listed, ...]:
        """Return some labels of `ReportData.ranked`."""
        data, severities = self.data, self._severities
        places = part.select("number", "of_case").iter_rows()
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
                self.pages.get(row.case_id, ""),
                f"label-{of_case}",
            )
            for row, (number, of_case) in zip(data.rows(part), places, strict=True)
        )


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
