"""What stands on the page of a case."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from segassay.records.findings import Finding
from segassay.report.model import SEVERITIES
from segassay.report.ordered_labels import LabelList, Listed


@dataclass(frozen=True, slots=True)
class CasePage:
    """One case: its labels worst first, its findings, its place among all pages.

    `before` and `after` are the files of its neighbours in the order from the worst case on, empty
    at the ends. Each finding has its number in `ReportData.findings`. `evidence` says what scores
    rest on, each sentence with the structures that it holds for; `files` are those of the labels.
    `about` is what tables of the data set say of the case.
    """

    case_id: str
    file: str
    labels: tuple[Listed, ...]
    findings: tuple[tuple[int, Finding], ...]
    evidence: dict[str, list[str]]
    files: tuple[str, ...]
    about: dict[str, str]
    number: int
    n_pages: int
    before: str
    after: str


def case_pages(labels: LabelList) -> Iterator[CasePage]:
    """Yield the pages of all cases that have one, the worst case first."""
    data, order = labels.data, list(labels.pages)
    of_these = data.ranked.filter(pl.col("case_id").is_in(order))
    by_case = of_these.partition_by("case_id", as_dict=True, maintain_order=True)
    findings: dict[str, list[tuple[int, Finding]]] = defaultdict(list)
    for number, finding in enumerate(data.findings):
        findings[finding.case_id].append((number, finding))
    files = ["", *labels.pages.values(), ""]
    for n, case_id in enumerate(order, start=1):
        listed = labels.of(by_case[case_id,])
        own = sorted(findings[case_id], key=lambda f: SEVERITIES.index(f[1].severity))
        yield CasePage(
            case_id=case_id,
            file=files[n],
            labels=listed,
            findings=tuple(own),
            evidence=_evidence(listed),
            files=tuple(dict.fromkeys(x.row.label_path for x in listed)),
            about={} if data.pseudonymised else data.about_cases.get(case_id, {}),
            number=n,
            n_pages=len(order),
            before=files[n - 1],
            after=files[n + 1],
        )


def _evidence(labels: Sequence[Listed]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        if label.row.evidence and label.row.structure not in found[label.row.evidence]:
            found[label.row.evidence].append(label.row.structure)
    return {text: names for text, names in found.items() if names}
