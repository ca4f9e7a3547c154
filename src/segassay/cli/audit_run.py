"""What `audit` and `check` share: from options to a config, from a result to words."""

from collections import Counter
from collections.abc import Mapping
from math import isnan
from typing import Any

import polars as pl

from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig, Gate
from segassay.auditing.conclude import AuditResult
from segassay.cli.console import give_json, tell, tell_some
from segassay.cli.options import CaseOptions, RunOptions, SourceOptions, TellOptions
from segassay.errors import UsageError
from segassay.records.triage import Verdict
from segassay.report.model import SEVERITIES, error_name
from segassay.types import Severity, Status, counted, percent

_SHOWN, _WORST = 10, 5
_LOOK_AT = [Verdict.LIKELY_WRONG.value, Verdict.CHECK.value, Verdict.MISSING.value]

STATUS_NAMES = {
    Status.SCORED: "scored",
    Status.ABSTAINED: "scored with low confidence",
    Status.ABSENT_OK: "empty as expected",
    Status.ABSENT_SUSPECT: "empty, but the structure seems to be there",
    Status.INVALID: "invalid as stored",
    Status.FAILED: "failed",
}


def make_config(
    source: SourceOptions, cases: CaseOptions, run: RunOptions, **options: Any
) -> AuditConfig:
    """Build the config; raises `UsageError` or pydantic's `ValidationError`."""
    return AuditConfig(
        source=source.config(),
        jobs=run.jobs,
        pseudonymise=run.pseudonymise,
        fail_on=_gate(run.fail_on),
        bounds=run.bounds,
        **cases.as_config(),
        **options,
    )


def run_audit(config: AuditConfig, run: RunOptions, telling: TellOptions, *, command: str) -> int:
    """Run, report on stderr or as JSON on stdout, and return the exit code."""
    result = audit(config, command=command, progress=telling.progress(), say=telling.say)
    if telling.as_json:
        give_json(result.to_json())
    if not telling.as_json or run.verbose:
        most = None if run.verbose else _SHOWN
        _tell_unusable(result, most=most)
        _tell_findings(result, most=most)
    if not telling.as_json:
        _tell_result(result, scored=config.judge is not None)
    if config.pseudonymise:
        tell("shards/ and private/ hold the real names: leave them out of what you pass on")
    return int(result.exit_code)


def _tell_unusable(result: AuditResult, *, most: int | None) -> None:
    """Name what could not be used, and why: one line per cause, however many labels it costs."""
    causes: dict[tuple[str, str, str], list[str]] = {}
    for row in result.unusable:
        causes.setdefault((row.case_id, row.status, row.reason), []).append(row.structure)
    lines = [f"{case_id} image: failed: {reason}" for case_id, reason in result.bad_images]
    for (case_id, status, reason), structures in causes.items():
        what = structures[0] if len(structures) == 1 else f"{len(structures)} labels"
        lines.append(f"{case_id} {what}: {status}: {reason}")
    tell_some(lines, most=most, rest=": see scores.csv, or add --verbose")


def _tell_findings(result: AuditResult, *, most: int | None) -> None:
    """Name what rules found, errors first; what is only worth knowing where all are asked for."""
    known = {(row.case_id, row.reason) for row in result.unusable}
    findings = sorted(result.findings, key=lambda f: SEVERITIES.index(f.severity))
    lines = [
        f"{f.severity}: {f.case_id} {f.structure or 'file'}: {f.message}"
        for f in findings
        if (f.case_id, f.message) not in known and (most is None or f.severity is not Severity.INFO)
    ]
    tell_some(lines, most=most, rest=f": see {result.out / 'issues.md'}, or add --verbose")


def _tell_result(result: AuditResult, *, scored: bool) -> None:
    tell(f"labels: {result.n_labels} in {counted(result.n_cases, 'case')}")
    if result.n_unmatched:
        files = counted(result.n_unmatched, "file that belongs", "files that belong")
        tell(f"{files} to no case: segassay info names them")
    statuses = dict(result.frame["status"].value_counts().iter_rows())
    if statuses:
        tell(
            "status: "
            + ", ".join(f"{statuses[s]} {STATUS_NAMES[s]}" for s in Status if s in statuses)
        )
    severities = Counter(f.severity for f in result.findings)
    if severities:
        told = (_n_of(s, severities[s]) for s in SEVERITIES if severities[s])
        tell("findings: " + ", ".join(told))
    for note in result.notes:
        tell(f"note: {note}")
    if result.report is None:
        tell(f"{counted(result.n_missing, 'case')} left to other parts; no report yet")
        return
    if scored:
        _tell_worst(result)
    else:
        tell(_verdict(result, severities))
    tell(f"report: {result.report}")
    tell(f"next: work through {result.out / 'issues.md'}, or open the report")


def _n_of(severity: Severity, n: int) -> str:
    return f"{n} info" if severity is Severity.INFO else counted(n, severity.value)


def _tell_worst(result: AuditResult) -> None:
    """Name the labels to begin with, worst first, and say why."""
    worst = result.worst_first.filter(pl.col("verdict").is_in(_LOOK_AT)).head(_WORST)
    tell("worst labels:" if worst.height else "worst labels: none stands out")
    for row in worst.iter_rows(named=True):
        score, p_faulty = row["score"], row["p_faulty"]
        words = (
            "" if isnan(score) else f"{score:.2f}",
            row["verdict"],
            "" if isnan(p_faulty) else f"faulty: {percent(p_faulty)}",
            error_name(row["error_type"]),
        )
        tell(f"  {row['case_id']} {row['structure']}: {', '.join(filter(None, words))}")


def _verdict(result: AuditResult, severities: Mapping[Severity, int]) -> str:
    """Say in a sentence whether a data set passed the rules."""
    errors, warnings = severities[Severity.ERROR], severities[Severity.WARNING]
    if errors or result.n_failed:
        unusable = f", {counted(result.n_failed, 'case')} with files that cannot be used"
        return f"check failed: {counted(errors, 'error')}" + (unusable if result.n_failed else "")
    if warnings:
        return f"check passed, with {counted(warnings, 'warning')}"
    return "check passed: no errors, no warnings"


def _gate(text: str | None) -> Gate | None:
    if text is None:
        return None
    try:
        return Gate.parse(text)
    except ValueError as error:
        raise UsageError(
            f"--fail-on {text!r}: expected error, warning, info, 'score<0.7' or 'p_faulty>0.8'"
        ) from error
