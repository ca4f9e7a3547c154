"""`segassay train`: make a judge of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import tell

_Recipe = Annotated[Path, typer.Option("--config", help="A judge's recipe, as in recipes/.")]
_Data = Annotated[Path, typer.Option("--data", help="Folder that its paths start from.")]
_Run = Annotated[Path, typer.Option("--out", "-o", help="Checkpoints, curves, and the judge.")]

app = typer.Typer(help="Train a judge.", no_args_is_help=True)


@app.command("judge")
def judge(
    config: _Recipe,
    out: _Run,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder that its paths start from.")
    ] = None,
    pack: Annotated[
        Path | None, typer.Option("--pack", help="Only learn, from what `train pack` wrote.")
    ] = None,
) -> None:
    """Train a judge by a recipe; the same command continues an interrupted training."""
    from segassay.errors import UsageError
    from segassay.pipelines.train_judge import train_judge
    from segassay.pipelines.travel import learn_from_pack

    if (data is None) == (pack is None):
        raise UsageError("give --data, or --pack to learn where the data are not")
    if pack is not None:
        updates = learn_from_pack(config, pack, out, say=tell)
        if updates is not None:
            tell(f"{updates} updates: {out}; the same with --data makes the judge of it")
    elif data is not None and (trained := train_judge(config, data, out, say=tell)) is not None:
        tell(f"judge: {trained.folder}")
        n, r, mae = trained.n_labels, trained.pearson, trained.mae
        tell(f"{n} tuning labels: Pearson {r:.3f}, MAE {mae:.3f}")


@app.command("pack")
def pack(
    config: _Recipe,
    data: _Data,
    out: _Run,
    to: Annotated[Path, typer.Option("--to", help="The file to write.")] = Path("material.pack"),
    mib: Annotated[float, typer.Option("--mib", help="How large it may become.")] = 60,
) -> None:
    """Pack what a judge learns from, so that it can learn on another machine: `judge --pack`."""
    from segassay.pipelines.travel import pack_material

    packed = pack_material(config, data, out, to, most_mib=mib, say=tell)
    size = f"{packed.mib:.1f} MiB, slices of at most {packed.side} pixels"
    tell(f"{packed.n_cases} cases, {size}: {to}; it holds images of patients")


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
