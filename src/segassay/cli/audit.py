"""`segassay audit`: check and score every label, rank them, show the worst."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.options import (
    CaseOptions,
    JudgeName,
    Out,
    PartOptions,
    RunOptions,
    SourceOptions,
    TellOptions,
)
from segassay.cli.spread import spread
from segassay.types import DEFAULT_JUDGE


@spread
def audit(
    *,
    source: SourceOptions,
    out: Out = Path("segassay-audit"),
    judge: JudgeName = DEFAULT_JUDGE,
    worst: Annotated[int, typer.Option("--worst", help="Labels shown as pictures.")] = 20,
    cases: CaseOptions,
    part: PartOptions,
    run: RunOptions,
    telling: TellOptions,
) -> int:
    """Audit a data set: rules, scores, a ranked list and a report. Continues where it stopped."""
    from segassay.cli.run import make_config, run_audit

    config = make_config(
        source, cases, run, out=out, judge=judge, n_worst=worst, **part.as_config()
    )
    return run_audit(config, run, telling, command="audit")
