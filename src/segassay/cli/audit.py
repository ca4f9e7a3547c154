"""`segassay audit`: check and score every label, rank them, show the worst."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What is shown of a run."""

    worst: Annotated[int, typer.Option("--worst", help="Number of labels shown as pictures.")] = 20
    status: Annotated[
        Path | None,
        typer.Option(
            "--status",
            metavar="OUT",
            help="Only tell which cases of the run into OUT are missing; exit with 6 if any are.",
        ),
    ] = None


@spread
def audit(
    *,
    source: SourceOptions,
    out: Out = Path("segassay-audit"),
    asked: JudgeOptions,
    shown: ReportOptions,
    cases: CaseOptions,
    part: PartOptions,
    run: RunOptions,
    telling: TellOptions,
) -> int:
    """Audit a data set: rules, scores, a ranked list, a report. Resumes where it stopped."""
    if shown.status is not None:
        from segassay.cli.audit_status import tell_status

        return tell_status(shown.status, telling)
    from segassay.cli.audit_run import make_config, run_audit

    config = make_config(
        source, cases, run, out=out, n_worst=shown.worst, **asked.as_config(), **part.as_config()
    )
    return run_audit(config, run, telling, command="audit")
