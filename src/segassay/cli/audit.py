"""`segassay audit`: check and score every label, rank them, show the worst."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.option_groups import spread
from segassay.cli.options import (
    CaseOptions,
    JudgeOptions,
    Out,
    PartOptions,
    RunOptions,
    SourceOptions,
    TellOptions,
)


@spread
def audit(
    *,
    source: SourceOptions,
    out: Out = Path("segassay-audit"),
    asked: JudgeOptions,
    worst: Annotated[int, typer.Option("--worst", help="Number of labels shown as pictures.")] = 20,
    cases: CaseOptions,
    part: PartOptions,
    run: RunOptions,
    telling: TellOptions,
) -> int:
    """Audit a data set: rules, scores, a ranked list, a report. Resumes where it stopped."""
    from segassay.cli.audit_run import make_config, run_audit

    config = make_config(
        source, cases, run, out=out, n_worst=worst, **asked.as_config(), **part.as_config()
    )
    return run_audit(config, run, telling, command="audit")
