"""`segassay audit`: check and score every label, rank them, show the worst."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.options import JudgeName, Out, RunOptions, SourceOptions
from segassay.cli.spread import spread
from segassay.types import DEFAULT_JUDGE


@spread
def audit(
    source: SourceOptions,
    run: RunOptions,
    out: Out = Path("segassay-audit"),
    judge: JudgeName = DEFAULT_JUDGE,
    part_id: Annotated[int, typer.Option("--part-id", help="Which part to do, from 1.")] = 1,
    num_parts: Annotated[int, typer.Option("--num-parts", help="Split the cases.")] = 1,
    worst: Annotated[int, typer.Option("--worst", help="Labels shown as pictures.")] = 20,
) -> int:
    """Audit a data set: rules, scores, a ranked list and a report. Continues where it stopped."""
    from segassay.cli.run import make_config, run_audit

    config = make_config(
        source, run, out=out, judge=judge, part=part_id, parts=num_parts, n_worst=worst
    )
    return run_audit(config, run, command="audit")
