"""`segassay report`: the pages of a finished run, made again."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import give

Worst = Annotated[
    int | None,
    typer.Option("--worst", min=0, help="Number of labels shown as pictures."),
]


def report(
    results: Annotated[Path, typer.Argument(help="Result folder of an audit or a check.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Another folder for the pages.")
    ] = None,
    worst: Worst = None,
) -> None:
    """Make a report again from what a run wrote, without its judge and its data."""
    from segassay.auditing.report_again import report_again

    give(f"report: {report_again(results, out=out, n_worst=worst)}")
