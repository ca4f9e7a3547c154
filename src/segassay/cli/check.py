"""`segassay check`: the rules alone, no judge."""

from pathlib import Path

from segassay.cli.options import CaseOptions, Out, RunOptions, SourceOptions, TellOptions
from segassay.cli.spread import spread


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
    from segassay.cli.run import make_config, run_audit

    config = make_config(source, cases, run, out=out, judge=None)
    return run_audit(config, run, telling, command="check")
