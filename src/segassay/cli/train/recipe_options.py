"""Options of verbs that train segmenters: before the recipe, and what labels count."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.options import Minutes, RecipeSeed, Updates

LabelWeightsPath = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="What each label counts: results of an audit, or a table case_id, structure, weight.",
    ),
]
Voxels = Annotated[
    str | None,
    typer.Option(
        "--voxels",
        help="Judge whose error maps tell which voxels of labels are doubtful: a name or a folder.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeOptions:
    """What holds before a segmenter's recipe."""

    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            help="unet, unet++, attention-unet, dynunet, segresnet, or unet-lite0 with a "
            "pretrained encoder.",
        ),
    ] = None
    axes: Annotated[int | None, typer.Option("--axes", help="2: slices, 3: blocks.")] = None
    patch: Annotated[int | None, typer.Option("--patch", help="Side of a patch, in pixels.")] = None
    updates: Updates = None
    minutes: Minutes = None
    seed: RecipeSeed = None
