"""`segassay evaluate`: how far to trust the judge on data whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.options import Json, JudgeName, Limit, Out, Overwrite, Quiet
from segassay.types import DEFAULT_JUDGE

_SHOWN = 10


def evaluate(
    pairs: Annotated[
        Path,
        typer.Argument(help="Table with image, mask, gold, structure, subject and, if any, set."),
    ],
    out: Out = Path("segassay-evaluation"),
    judge: JudgeName = DEFAULT_JUDGE,
    limit: Limit = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Judge masks that have a gold, and compare score and truth, beside baselines."""
    from segassay.cli.console import CaseProgress, give_json, tell
    from segassay.pipelines.configs import EvaluateConfig
    from segassay.pipelines.evaluate import evaluate as run
    from segassay.report.evaluation_page import summary_lines

    config = EvaluateConfig(table=pairs, out=out, judge=judge, limit=limit, overwrite=overwrite)
    result = run(config, progress=CaseProgress(quiet=quiet, what="images"))
    for row in result.unusable[:_SHOWN]:
        tell(f"row {row.row} {row.case_id} {row.structure}: {row.status}: {row.reason}")
    if len(result.unusable) > _SHOWN:
        tell(f"… and {len(result.unusable) - _SHOWN} more: see scores.csv")
    if as_json:
        give_json(result.figures)
    else:
        for line in summary_lines(result.figures):
            tell(line)
        tell(f"evaluation: {result.out / 'evaluation.md'}")
    return int(result.exit_code)
