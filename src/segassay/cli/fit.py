"""`segassay fit` and `segassay calibrate`: make a judge good, and honest, on data of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segassay.cli.options import Json, JudgeName, Limit, Quiet, SourceOptions
from segassay.cli.spread import spread
from segassay.types import DEFAULT_JUDGE

if TYPE_CHECKING:
    from segassay.pipelines.gold_judge import GoldResult

_SHOWN = 10

_Model = Annotated[Path, typer.Option("--out", "-o", help="The new judge's folder.")]


@spread
def fit(
    source: SourceOptions,
    out: _Model = Path("fitted-judge"),
    judge: JudgeName = DEFAULT_JUDGE,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", help="Table of your own predictions with gold, to trust it by."),
    ] = None,
    label_source: Annotated[
        str | None,
        typer.Option("--label-source", help="Which labels to trust, where there are several."),
    ] = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same faults.")] = 0,
    full: Annotated[
        bool, typer.Option("--full", help="Let the network itself learn on; needs torch.")
    ] = False,
    minutes: Annotated[float, typer.Option("--minutes", help="How long, with --full.")] = 10.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Fit a judge to a few cases whose labels are trusted. Needs no training, only minutes."""
    from segassay.cli.console import CaseProgress, tell
    from segassay.pipelines.configs import FitConfig, SourceConfig
    from segassay.pipelines.fit_judge import fit_judge

    config = FitConfig(
        source=SourceConfig(**source.as_config()),
        out=out,
        judge=judge,
        pairs=pairs,
        label_source=label_source,
        limit=limit,
        seed=seed,
        full=full,
        minutes=minutes,
    )
    result = fit_judge(config, progress=CaseProgress(quiet=quiet), say=None if quiet else tell)
    return _told(result, as_json=as_json)


def calibrate(
    pairs: Annotated[
        Path, typer.Argument(help="Table with image, mask, gold, structure and subject.")
    ],
    out: _Model = Path("calibrated-judge"),
    judge: JudgeName = DEFAULT_JUDGE,
    limit: Limit = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Calibrate a judge's scores and intervals on your own predictions that have a gold."""
    from segassay.cli.console import CaseProgress
    from segassay.pipelines.configs import CalibrateConfig
    from segassay.pipelines.fit_judge import calibrate_judge

    config = CalibrateConfig(table=pairs, out=out, judge=judge, limit=limit)
    progress = CaseProgress(quiet=quiet, what="images")
    return _told(calibrate_judge(config, progress=progress), as_json=as_json)


def _told(result: "GoldResult", *, as_json: bool) -> int:
    """Report on stderr or as JSON on stdout, and return the exit code."""
    from segassay.cli.console import give_json, tell
    from segassay.pipelines.gold_card import comparison
    from segassay.types import ExitCode

    for what, why in result.problems[:_SHOWN]:
        tell(f"{what}: {why}")
    if len(result.problems) > _SHOWN:
        tell(f"… and {len(result.problems) - _SHOWN} more")
    if as_json:
        give_json(result.to_json())
    else:
        tell(f"measured on {result.gold['on']}, {result.gold['base']} -> {result.folder.name}")
        for line in (*comparison(result.gold), result.remark):
            if line:
                tell(line)
        tell(f"judge: {result.folder}; use it by --judge {result.folder}")
    return int(ExitCode.CASES_FAILED if result.problems else ExitCode.DONE)
