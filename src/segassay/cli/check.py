"""`segassay check`: the rules alone, no judge."""

from pathlib import Path

from segassay.cli.option_groups import spread
from segassay.cli.options import CaseOptions, Out, RunOptions, SourceOptions, TellOptions


@spread
def check(
    *,
    source: SourceOptions,
    out: Out = Path("segassay-check"),
    cases: CaseOptions,
    run: RunOptions,
    telling: TellOptions,
) -> int:
    """Check a data set with rules that need no model. Resumes where it stopped."""
    from segassay.cli.audit_run import make_config, run_audit

    config = make_config(source, cases, run, out=out, judge=None)
    return run_audit(config, run, telling, command="check")
