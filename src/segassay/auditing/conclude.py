"""The end of a run: cohort checks, tables, findings, report, record."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

from segassay.auditing.exhibits import make_exhibits, pictured
from segassay.auditing.notes import RULES_ONLY, notes_on
from segassay.auditing.override import with_rules
from segassay.checks.all_checks import check_cohort, check_dataset
from segassay.checks.base import LabelFacts
from segassay.datasets.case import Case, Dataset
from segassay.errors import OutputError
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.judge.scoring import Judge
from segassay.records.context_ranks import with_context_ranks
from segassay.records.findings import Finding
from segassay.records.p_faulty import with_p_faulty
from segassay.records.results import FINDINGS
from segassay.records.run import RunRecord, now
from segassay.records.scores import ScoreRow
from segassay.records.shards import CaseRecord, read_records
from segassay.records.slices import SliceRow, by_label, write_slices
from segassay.records.table import write_table
from segassay.records.triage import verdicts, worst_first
from segassay.records.usual import with_low_confidence
from segassay.report.html import render_report
from segassay.report.model import SEVERITIES, Exhibit, ReportData
from segassay.runs.configs import AuditConfig, Gate
from segassay.runs.pseudonyms import pseudonyms_for
from segassay.runs.result_folder import discard_features
from segassay.types import ExitCode, Progress, Severity, Status, ignore_progress

_UNUSABLE = (Status.FAILED, Status.INVALID)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What a run found and where it lies. `report` is `None` while parts are missing.

    `n_labels` were looked at, whether or not a judge scored them; `n_failed` cases have an image or
    a label that could not be used. `bad_images` says which unlabelled cases, and why. `n_unmatched`
    files belong to no case. `notes` are sentences on what limits the scores.
    """

    out: Path
    report: Path | None
    rows: tuple[ScoreRow, ...]
    findings: tuple[Finding, ...]
    n_cases: int
    n_labels: int
    n_failed: int
    n_missing: int
    n_unmatched: int
    bad_images: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    exit_code: ExitCode

    @property
    def unusable(self) -> tuple[ScoreRow, ...]:
        """Rows of labels that could not be judged as they are."""
        return tuple(row for row in self.rows if row.status in _UNUSABLE)

    def to_json(self) -> dict[str, object]:
        """Return the summary printed with `--json`."""
        statuses = Counter(row.status.value for row in self.rows)
        severities = Counter(f.severity for f in self.findings)
        ranked = worst_first(self.rows, verdicts(self.rows, self.findings))
        worst = [row for row in ranked if not isnan(row.score)][:10]
        return {
            "cases": self.n_cases,
            "cases_failed": self.n_failed,
            "cases_missing": self.n_missing,
            "labels": self.n_labels,
            "unmatched": self.n_unmatched,
            "status": dict(statuses),
            "findings": {s.value: severities[s] for s in SEVERITIES if severities[s]},
            "worst": [
                {
                    "case_id": r.case_id,
                    "structure": r.structure,
                    "score": round(r.score, 4),
                    "p_faulty": round(r.p_faulty, 4),
                }
                for r in worst
            ],
            "notes": list(self.notes),
            "out": self.out.name,
            "report": "index.html" if self.report is not None else None,
            "exit_code": int(self.exit_code),
        }


def conclude(
    config: AuditConfig,
    dataset: Dataset,
    cases: Sequence[Case],
    judge: Judge | None,
    record: RunRecord,
    *,
    progress: Progress = ignore_progress,
) -> AuditResult:
    """Make tables and report from the shards; with parts missing only count what is there.

    `progress` is told of the pictures that are drawn.

    Raises:
        OutputError: The result folder cannot be written.
    """
    order = {case.case_id: n for n, case in enumerate(cases)}
    records = sorted(
        (r for r in read_records(config.out) if r.case_id in order),
        key=lambda r: order[r.case_id],
    )
    if config.pseudonymise:
        dataset, cases, records = _renamed(config.out, dataset, cases, records, record)
    findings = _findings(records, replace(dataset, cases=tuple(cases)))
    scored = with_context_ranks([row for r in records for row in r.rows])
    judged = with_low_confidence(scored)
    rows = with_p_faulty(with_rules(judged, findings), findings)
    n_missing = len(cases) - len(records)
    result = AuditResult(
        out=config.out,
        report=None if n_missing else config.out / "index.html",
        rows=rows,
        findings=findings,
        n_cases=len(records),
        n_labels=sum(_n_labels(r) for r in records),
        n_failed=sum(_failed(r) for r in records),
        n_missing=n_missing,
        n_unmatched=len(dataset.unmatched),
        bad_images=tuple((r.case_id, r.error) for r in records if r.error and not r.rows),
        notes=notes_on(rows, judge, record.familiarity),
        exit_code=_exit_code(config.fail_on, records, rows, findings),
    )
    try:
        if not n_missing:
            slices = {r.case_id: r.slices for r in records}
            _write(config, dataset, cases, judge, result, slices, progress)
        _close(record, result, len(cases))
        if not n_missing:
            discard_features(config.out)
    except OSError as error:
        raise OutputError.of(config.out, error) from error
    return result


def _renamed(
    out: Path,
    dataset: Dataset,
    cases: Sequence[Case],
    records: Sequence[CaseRecord],
    record: RunRecord,
) -> tuple[Dataset, list[Case], list[CaseRecord]]:
    """Return everything under pseudonyms, in their order: the old order would tell of the names."""
    try:
        names = pseudonyms_for(dataset.cases, out)
    except OSError as error:
        raise OutputError.of(out, error) from error
    record.config, record.argv = names.plain(record.config), names.plain(record.argv)
    record.dataset = names.plain(record.dataset)
    return (
        names.dataset(dataset),
        sorted(map(names.case, cases), key=lambda case: case.case_id),
        sorted(map(names.record, records), key=lambda of_case: of_case.case_id),
    )


def _close(record: RunRecord, result: AuditResult, n_cases: int) -> None:
    """Write down what came of the run; with parts missing it stays open for them."""
    if result.n_missing and record.in_parts:
        return
    if not result.n_missing:
        record.finished_at, record.exit_status = now(), int(result.exit_code)
    record.counts = {
        "cases_in": n_cases,
        "cases_out": result.n_cases,
        "cases_failed": result.n_failed,
        "labels": result.n_labels,
        "findings": len(result.findings),
    }
    record.write(result.out)


def _n_labels(record: CaseRecord) -> int:
    """Return how many labels were looked at: usable ones leave facts, the others leave rows."""
    usable = sum(bool(facts["structure"]) for facts in record.facts)
    return usable + sum(row.status in _UNUSABLE for row in record.rows)


def _failed(record: CaseRecord) -> bool:
    return bool(record.error) or any(row.status in _UNUSABLE for row in record.rows)


def _findings(records: Sequence[CaseRecord], dataset: Dataset) -> tuple[Finding, ...]:
    facts = [LabelFacts(**data) for r in records for data in r.facts]
    own = [finding for r in records for finding in r.findings]
    return (*own, *check_cohort(facts), *check_dataset(dataset))


def _write(
    config: AuditConfig,
    dataset: Dataset,
    cases: Sequence[Case],
    judge: Judge | None,
    result: AuditResult,
    slices: Mapping[str, Sequence[SliceRow]],
    progress: Progress,
) -> None:
    rows, findings = result.rows, result.findings
    write_table(rows, config.out)
    write_slices(slices, config.out)
    lines = [strict_json(finding.to_json()) + "\n" for finding in findings]
    write_whole(config.out / FINDINGS, "".join(lines).encode())
    data = ReportData(
        title=dataset.name,
        about=_about(config, dataset, cases, judge),
        rows=rows,
        findings=findings,
        n_worst=config.n_worst,
        about_cases={case.case_id: _about_case(case) for case in cases},
        pseudonymised=config.pseudonymise,
        notes=(RULES_ONLY,) if judge is None else result.notes,
        unmatched=tuple(f"{u.path.name}: {u.reason}" for u in dataset.unmatched),
        unlabelled=dataset.unlabelled,
    )
    exhibits: Iterable[Exhibit] = ()
    if judge is not None:
        shown = pictured(data)
        named = {case.case_id: case for case in cases}
        made = make_exhibits(shown, named, judge, by_label(slices))
        exhibits = _told(made, len(shown), progress)
    render_report(data, exhibits, config.out)


def _told(exhibits: Iterable[Exhibit], total: int, progress: Progress) -> Iterator[Exhibit]:
    progress("labels drawn", 0, total, "")
    for number, exhibit in enumerate(exhibits, start=1):
        yield exhibit
        progress("labels drawn", number, total, exhibit.row.case_id)


def _about_case(case: Case) -> dict[str, str]:
    """Return what is known of a case besides its files, as shown on its page."""
    known = {"split": case.split, "modality": case.modality}
    return {**{key: str(value) for key, value in known.items() if value}, **case.metadata}


def _about(
    config: AuditConfig, dataset: Dataset, cases: Sequence[Case], judge: Judge | None
) -> dict[str, str]:
    """Count what this run looked at, which `--limit` and `--structures` make less than all."""
    wanted = [
        ref
        for case in cases
        for ref in case.labels
        if not config.structures or ref.structure in config.structures
    ]
    return {
        "format": dataset.format,
        "cases": _of(len(cases), len(dataset.cases)),
        "subjects": _of(len({case.subject_id for case in cases}), len(dataset.subjects)),
        "labels": _of(len(wanted), dataset.n_labels),
        "judge": judge.model_id if judge is not None else "none (rules only)",
    }


def _of(part: int, whole: int) -> str:
    return str(whole) if part == whole else f"{part} of {whole}"


def _exit_code(
    gate: Gate | None,
    records: Sequence[CaseRecord],
    rows: Sequence[ScoreRow],
    findings: Sequence[Finding],
) -> ExitCode:
    """Return 3 where a case failed, else 4 where the gate is tripped, else 0."""
    if any(_failed(r) for r in records):
        return ExitCode.CASES_FAILED
    return ExitCode.GATE if gate is not None and _tripped(gate, rows, findings) else ExitCode.DONE


def _tripped(gate: Gate, rows: Sequence[ScoreRow], findings: Sequence[Finding]) -> bool:
    if gate.score_below is not None:
        return any(row.score < gate.score_below for row in rows)
    if gate.p_faulty_above is not None:
        return any(row.p_faulty > gate.p_faulty_above for row in rows)
    least = (gate.severity or Severity.ERROR).rank
    return any(finding.severity.rank >= least for finding in findings)
