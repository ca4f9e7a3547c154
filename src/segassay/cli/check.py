"""`segassay check`: the rules alone, no judge."""

from pathlib import Path

from segassay.cli.options import Out, RunOptions, SourceOptions
from segassay.cli.spread import spread


@spread
def check(source: SourceOptions, run: RunOptions, out: Out = Path("segassay-check")) -> int:
    """Check a data set with rules that need no model."""
    from segassay.cli.run import make_config, run_audit

    return run_audit(make_config(source, run, out=out, judge=None), run, command="check")
