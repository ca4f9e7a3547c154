"""The end of a run: cohort checks, tables, findings, report, record."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from segassay.auditing.audit_config import AuditConfig, Gate
from segassay.auditing.exhibits import make_exhibits, pictured
from segassay.auditing.gather import gather_cases, gather_facts, gather_rows, gather_slices
from segassay.auditing.notes import RULES_ONLY, notes_on
from segassay.auditing.override import with_rules
from segassay.checks.all_checks import check_cohort, check_dataset
from segassay.datasets.case import Case, Dataset
from segassay.errors import OutputError
from segassay.files.atomic import whole_file
from segassay.files.strict_json import strict_json
from segassay.judge.scoring import Judge
from segassay.records.context_ranks import with_context_ranks
from segassay.records.findings import Finding
from segassay.records.p_faulty import with_p_faulty
from segassay.records.results import FINDINGS
from segassay.records.run import RunRecord, now
from segassay.records.scores import ScoreRow
from segassay.records.slices import slices_of, write_slices
from segassay.records.table import rows_of, to_frame, write_table
from segassay.records.triage import KEY, verdicts, worst_first
from segassay.records.usual import with_low_confidence
from segassay.report.html import render_report
from segassay.report.model import SEVERITIES, Exhibit, ReportData
from segassay.runs.pseudonyms import Pseudonyms, pseudonyms_for
from segassay.runs.result_folder import discard_features
from segassay.types import ExitCode, Progress, Severity, Status, ignore_progress

_UNUSABLE = [Status.FAILED.value, Status.INVALID.value]
_WORST = 10
"""Labels in the summary of `--json`."""


@dataclass(frozen=True)
class AuditResult:
    """What a run found and where it lies. `report` is `None` while parts are missing.

    `frame` is the score table. `n_labels` were looked at, whether or not a judge scored them;
    `n_failed` cases have an image or a label that could not be used. `bad_images` says which
    unlabelled cases, and why. `n_unmatched` files belong to no case. `notes` are sentences on what
    limits the scores.
    """

    out: Path
    report: Path | None
    frame: pl.DataFrame
    findings: tuple[Finding, ...]
    n_cases: int
    n_labels: int
    n_failed: int
    n_missing: int
    n_unmatched: int
    bad_images: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    exit_code: ExitCode

    @cached_property
    def rows(self) -> tuple[ScoreRow, ...]:
        """The rows of the table, in its order; a million of them take gigabytes."""
        return tuple(rows_of(self.frame))

    @cached_property
    def unusable(self) -> tuple[ScoreRow, ...]:
        """Rows of labels that could not be judged as they are."""
        return tuple(rows_of(self.frame.filter(pl.col("status").is_in(_UNUSABLE))))

    @cached_property
    def worst_first(self) -> pl.DataFrame:
        """What tells labels apart, their status, score, error and verdict, worst first."""
        found = verdicts(self.frame, self.findings)
        light = self.frame.select(*KEY, "status", "score", "p_faulty", "error_type", found)
        return light[worst_first(self.frame, found)]

    def to_json(self) -> dict[str, object]:
        """Return the summary printed with `--json`."""
        severities = Counter(f.severity for f in self.findings)
        scored = self.worst_first.filter(pl.col("score").is_not_nan())
        worst = scored.select("case_id", "structure", "score", "p_faulty").head(_WORST)
        return {
            "cases": self.n_cases,
            "cases_failed": self.n_failed,
            "cases_missing": self.n_missing,
            "labels": self.n_labels,
            "unmatched": self.n_unmatched,
            "status": dict(self.frame["status"].value_counts().sort("status").iter_rows()),
            "findings": {s.value: severities[s] for s in SEVERITIES if severities[s]},
            "worst": worst.with_columns(pl.col(pl.Float64).round(4)).to_dicts(),
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
    names: Pseudonyms | None = None
    ids = [case.case_id for case in cases]
    if config.pseudonymise:
        names = _names(config.out, dataset, record)
        dataset, cases = names.dataset(dataset), sorted(map(names.case, cases), key=_id_of)
        ids = sorted(ids, key=lambda case_id: names.cases[case_id])
    found = gather_cases(config.out, ids, names)
    facts = gather_facts(config.out, ids, names)
    findings = (
        *found.findings,
        *check_cohort(facts),
        *check_dataset(replace(dataset, cases=tuple(cases))),
    )
    n_usable = sum(bool(label.structure) for label in facts)
    del facts  # rows take as much memory, and these are not needed any more
    frame = gather_rows(config.out, ids, names)
    frame = with_low_confidence(with_context_ranks(frame))
    frame = with_p_faulty(with_rules(frame, findings), findings)
    n_missing = len(cases) - found.n_cases
    result = AuditResult(
        out=config.out,
        report=None if n_missing else config.out / "index.html",
        frame=frame,
        findings=findings,
        n_cases=found.n_cases,
        n_labels=n_usable + found.n_unusable,
        n_failed=found.n_failed,
        n_missing=n_missing,
        n_unmatched=len(dataset.unmatched),
        bad_images=found.bad_images,
        notes=notes_on(frame, judge, record.familiarity),
        exit_code=_exit_code(config.fail_on, found.n_failed, frame, findings),
    )
    try:
        if not n_missing:
            write_slices(gather_slices(config.out, ids, names), config.out)
            _write(config, dataset, cases, judge, result, progress)
        _close(record, result, len(cases))
        if not n_missing:
            discard_features(config.out)
    except OSError as error:
        raise OutputError.of(config.out, error) from error
    return result


def _names(out: Path, dataset: Dataset, record: RunRecord) -> Pseudonyms:
    """Return the pseudonyms of a run, and take what names a case out of its record."""
    try:
        names = pseudonyms_for(dataset.cases, out)
    except OSError as error:
        raise OutputError.of(out, error) from error
    record.config, record.argv = names.plain(record.config), names.plain(record.argv)
    record.dataset = names.plain(record.dataset)
    return names


def _id_of(case: Case) -> str:
    return case.case_id


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


def _write(
    config: AuditConfig,
    dataset: Dataset,
    cases: Sequence[Case],
    judge: Judge | None,
    result: AuditResult,
    progress: Progress,
) -> None:
    findings = result.findings
    write_table(result.frame, config.out)
    with whole_file(config.out / FINDINGS) as file:
        file.writelines(f"{strict_json(f.to_json())}\n".encode() for f in findings)
    data = ReportData(
        title=dataset.name,
        about=_about(config, dataset, cases, judge),
        frame=result.frame,
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
        made = make_exhibits(shown, named, judge, slices_of(config.out, to_frame(shown)))
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
    gate: Gate | None, n_failed: int, frame: pl.DataFrame, findings: Sequence[Finding]
) -> ExitCode:
    """Return 3 where a case failed, else 4 where the gate is tripped, else 0."""
    if n_failed:
        return ExitCode.CASES_FAILED
    return ExitCode.GATE if gate is not None and _tripped(gate, frame, findings) else ExitCode.DONE


def _tripped(gate: Gate, frame: pl.DataFrame, findings: Sequence[Finding]) -> bool:
    if gate.score_below is not None:
        return bool((frame["score"] < gate.score_below).any())
    if gate.p_faulty_above is not None:
        return bool((frame["p_faulty"].drop_nans() > gate.p_faulty_above).any())
    least = (gate.severity or Severity.ERROR).rank
    return any(finding.severity.rank >= least for finding in findings)
