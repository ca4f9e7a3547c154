"""`segassay train`: make a judge of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import tell

_Recipe = Annotated[Path, typer.Option("--config", help="A judge's recipe, as in recipes/.")]
_Data = Annotated[Path, typer.Option("--data", help="Folder that its paths start from.")]

app = typer.Typer(help="Train a judge.", no_args_is_help=True)


@app.command("judge")
def judge(
    config: _Recipe,
    data: _Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Checkpoints, curves, and the judge.")],
) -> None:
    """Train a judge by a recipe; the same command continues an interrupted training."""
    from segassay.pipelines.train_judge import train_judge

    trained = train_judge(config, data, out, say=tell)
    tell(f"judge: {trained.folder}")
    tell(f"{trained.n_labels} tuning labels: Pearson {trained.pearson:.3f}, MAE {trained.mae:.3f}")


@app.command("segmenters")
def segmenters(
    config: _Recipe,
    data: _Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Networks and their masks.")],
) -> None:
    """Train small segmenters whose mistakes a judge learns from; continues where it stopped."""
    from segassay.pipelines.network_errors import train_segmenters

    n_cases = train_segmenters(config, data, out, say=tell)
    tell(f"masks of networks for {n_cases} cases: {out}")
