"""What `audit` and `check` share: from options to a config, from a result to words."""

from typing import Any

from segassay.cli.console import give_json, tell, tell_some
from segassay.cli.options import CaseOptions, RunOptions, SourceOptions, TellOptions
from segassay.errors import UsageError
from segassay.pipelines.audit import audit
from segassay.pipelines.conclude import AuditResult
from segassay.pipelines.configs import AuditConfig, Gate

_SHOWN = 10


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
    if run.verbose:
        for finding in result.findings:
            tell(f"{finding.case_id} {finding.structure or 'file'}: {finding.message}")
    if not telling.as_json or run.verbose:
        _tell_unusable(result, most=None if run.verbose else _SHOWN)
    if not telling.as_json:
        _tell_result(result)
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


def _tell_result(result: AuditResult) -> None:
    summary = result.to_json()
    tell(f"labels: {result.n_labels}, cases: {result.n_cases}")
    if result.n_unmatched:
        tell(f"files that belong to no case: {result.n_unmatched}; segassay info names them")
    for name in ("status", "findings"):
        counts = summary[name]
        if isinstance(counts, dict) and counts:
            tell(f"{name}: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
    for note in result.notes:
        tell(f"note: {note}")
    if result.report is None:
        tell(f"{result.n_missing} cases are still to be done by other parts; no report yet")
    else:
        tell(f"report: {result.report}")


def _gate(text: str | None) -> Gate | None:
    if text is None:
        return None
    try:
        return Gate.parse(text)
    except ValueError as error:
        raise UsageError(
            f"--fail-on {text!r}: expected error, warning, info, or a score such as 'score<0.7'"
        ) from error
