"""What `audit` and `check` share: from options to a config, from a result to words."""

from typing import Any

from segassay.cli.console import CaseProgress, give_json, tell
from segassay.cli.options import RunOptions, SourceOptions
from segassay.errors import UsageError
from segassay.pipelines.audit import audit
from segassay.pipelines.conclude import AuditResult
from segassay.pipelines.configs import AuditConfig, Gate, SourceConfig

_SHOWN = 10


def make_config(source: SourceOptions, run: RunOptions, **options: Any) -> AuditConfig:
    """Build the config; raises `UsageError` or pydantic's `ValidationError`."""
    return AuditConfig(
        source=SourceConfig(**source.as_config()),
        structures=tuple(run.structures or ()),
        limit=run.limit,
        jobs=run.jobs,
        overwrite=run.overwrite,
        pseudonymise=run.pseudonymise,
        fail_on=_gate(run.fail_on),
        bounds=run.bounds,
        **options,
    )


def run_audit(config: AuditConfig, run: RunOptions, *, command: str) -> int:
    """Run, report on stderr or as JSON on stdout, and return the exit code."""
    result = audit(config, command=command, progress=CaseProgress(quiet=run.quiet))
    if run.as_json:
        give_json(result.to_json())
    if run.verbose:
        for finding in result.findings:
            tell(f"{finding.case_id} {finding.structure or 'file'}: {finding.message}")
    if not run.as_json or run.verbose:
        _tell_unusable(result, most=None if run.verbose else _SHOWN)
    if not run.as_json:
        _tell_result(result)
    if config.pseudonymise:
        tell("shards/ and private/ hold the real names: leave them out of what you pass on")
    return int(result.exit_code)


def _tell_unusable(result: AuditResult, *, most: int | None) -> None:
    """Name labels that could not be used, and why."""
    lines = [f"{r.case_id} {r.structure}: {r.status}: {r.reason}" for r in result.unusable]
    for line in lines[:most]:
        tell(line)
    if most is not None and len(lines) > most:
        tell(f"… and {len(lines) - most} more: see scores.csv, or add --verbose")


def _tell_result(result: AuditResult) -> None:
    summary = result.to_json()
    tell(f"labels: {result.n_labels}, cases: {result.n_cases}")
    for name in ("status", "findings"):
        counts = summary[name]
        if isinstance(counts, dict) and counts:
            tell(f"{name}: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
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
            f"--fail-on {text!r}: expected error, warning, or a score such as 'score<0.7'"
        ) from error
