"""`segassay train`: make a judge or a segmenter of one's own."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import tell
from segassay.cli.option_groups import spread
from segassay.cli.options import JudgeName, Quiet, RecipeFile, SourceOptions, Structures
from segassay.cli.train.recipe_options import LabelWeightsPath, RecipeOptions, Voxels
from segassay.cli.train.ssl import ssl
from segassay.types import counted

_Recipe = Annotated[Path, typer.Option("--config", help="Recipe (YAML), as in recipes/.")]
_Data = Annotated[Path, typer.Option("--data", help="Folder of the recipe's paths.")]
_Run = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for checkpoints, curves and the judge.")
]

app = typer.Typer(help="Train a judge or a segmenter.", no_args_is_help=True)


@app.command("judge")
def judge(
    config: _Recipe,
    out: _Run,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the recipe's paths.")
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option("--pack", help="Train on what `train pack` wrote; makes no judge yet."),
    ] = None,
) -> None:
    """Train a judge from a recipe. Resumes where it stopped."""
    from segassay.errors import UsageError
    from segassay.training.train_judge import train_judge
    from segassay.training.travel import learn_from_pack

    if (data is None) == (pack is None):
        raise UsageError("give either --data or --pack")
    if pack is not None:
        updates = learn_from_pack(config, pack, out, say=tell)
        if updates is not None:
            tell(f"{counted(updates, 'update')}: {out}; run again with --data to make the judge")
    elif data is not None and (trained := train_judge(config, data, out, say=tell)) is not None:
        tell(f"judge: {trained.folder}")
        n, r, mae = trained.n_labels, trained.pearson, trained.mae
        tell(f"{counted(n, 'tuning label')}: Pearson {r:.3f}, MAE {mae:.3f}")


@app.command("seg")
@spread
def seg(
    *,
    source: SourceOptions,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model.")],
    config: RecipeFile = None,
    recipe: RecipeOptions,
    weights: LabelWeightsPath = None,
    voxels: Voxels = None,
    structures: Structures = None,
    quiet: Quiet = False,
) -> None:
    """Train a segmenter on a data set; labels count by their weight. Resumes where it stopped."""
    from segassay.extras import require

    require("torch", extra="train")
    from segassay.judge.scoring import load_judge
    from segassay.segment.doubtful_voxels import doubt_by
    from segassay.segment.label_weights import read_label_weights
    from segassay.segment.recipe import read_segmentation_recipe
    from segassay.segment.train_segmenter import train_segmenter

    dataset = source.config().open()
    found = train_segmenter(
        dataset,
        read_segmentation_recipe(config, **asdict(recipe)),
        out,
        weights=None if weights is None else read_label_weights(weights),
        doubt=None if voxels is None else doubt_by(load_judge(voxels), dataset),
        structures=structures or (),
        say=(lambda _: None) if quiet else tell,
    )
    n, dice = counted(found.n_validation, "validation case"), found.dice
    tell(f"model: {found.folder}")
    tell(f"mean Dice on {n}: {dice:.3f}" if found.n_validation else "nothing to validate on")


app.command("ssl")(ssl)


@app.command("nnunet")
@spread
def nnunet(
    *,
    source: SourceOptions,
    weights: LabelWeightsPath = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for nnU-Net's data set.")],
    voxels: Voxels = None,
    most: Annotated[
        int,
        typer.Option("--times", help="How often a case of full weight is named for training."),
    ] = 3,
    quiet: Quiet = False,
) -> int:
    """Write labels for nnU-Net: doubtful voxels are ignored, cases named as often as they count."""
    from segassay.errors import UsageError
    from segassay.judge.scoring import load_judge
    from segassay.segment.doubtful_voxels import doubt_by
    from segassay.segment.label_weights import read_label_weights
    from segassay.segment.nnunet_labels import told, write_nnunet_labels

    if weights is None:
        raise UsageError("give --weights: results of an audit, or a table of weights")
    dataset = source.config().open()
    found = write_nnunet_labels(
        dataset,
        out,
        weights=read_label_weights(weights),
        doubt=None if voxels is None else doubt_by(load_judge(voxels), dataset),
        most=most,
        say=(lambda _: None) if quiet else tell,
    )
    tell(told(found))
    return int(found.exit_code)


@app.command("pack")
def pack(
    config: _Recipe,
    data: _Data,
    out: _Run,
    to: Annotated[Path, typer.Option("--to", help="The file to write.")] = Path("material.pack"),
    mib: Annotated[float, typer.Option("--mib", help="Size limit in MiB.")] = 60,
) -> None:
    """Pack the training material into one file, for `train judge --pack` on another machine."""
    from segassay.training.travel import pack_material

    packed = pack_material(config, data, out, to, most_mib=mib, say=tell)
    size = f"{packed.mib:.1f} MiB, slices of at most {packed.side} pixels"
    tell(f"{counted(packed.n_cases, 'case')}, {size}: {to}; it contains patient images")


@app.command("segmenters")
def segmenters(
    config: _Recipe,
    data: _Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Networks and their masks.")],
) -> None:
    """Train small segmenters whose errors a judge learns from. Resumes where it stopped."""
    from segassay.training.error_networks.network_errors import train_segmenters

    n_cases = train_segmenters(config, data, out, say=tell)
    tell(f"network masks for {counted(n_cases, 'case')}: {out}")


@app.command("out-of-domain")
def out_of_domain(
    judge: JudgeName,
    rows: Annotated[
        list[Path],
        typer.Option(
            "--rows", help="Labels of sets that judges of this recipe had not seen (CSV)."
        ),
    ],
) -> None:
    """Write into a judge what its scores are worth on data that it never saw."""
    from segassay.training.release.measure_out_of_domain import calibrate_out_of_domain

    found = calibrate_out_of_domain(judge, rows)
    tell(
        f"{counted(len(found.by_set), 'data set')}, each by a calibration made without it: 90 % "
        f"intervals hold {found.coverage:.0%} of a set's labels, median width "
        f"{found.median_width:.2f}; MAE {found.mae:.3f}"
    )
