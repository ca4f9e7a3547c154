"""`segassay train ssl`: a segmenter from a few labelled images and many without labels."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import tell
from segassay.cli.option_groups import spread
from segassay.cli.options import ModalityName, Quiet, Structures, SubjectRegex
from segassay.cli.recipe_options import RecipeFile, RecipeOptions
from segassay.types import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideOptions:
    """How unlabelled images are learned from, and who guides."""

    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="supervised, pseudo-labels, pseudo-labels-weighted, mean-teacher, ua-mt, ict, "
            "cps, fixmatch or unimatch.",
        ),
    ] = None
    quality: Annotated[
        str | None,
        typer.Option(
            "--quality",
            help="What a judge adds: off, qar (a loss), pl-qw (weights of pseudo-labels) or both.",
        ),
    ] = None
    judge: Annotated[
        str | None, typer.Option("--judge", help="Judge: a name or a folder.")
    ] = None
    select: Annotated[
        str | None,
        typer.Option(
            "--select", help="Which weights are kept: validation, on the labelled part, or last."
        ),
    ] = None


@spread
def ssl(
    *,
    labelled: Annotated[Path, typer.Option("--labelled", help="Data set with labels, any layout.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model.")],
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            "--unlabelled", help="Images without labels: a folder or a data set, any layout."
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Cases that keep their labels: a file with an id a line, or acdc-1, -3, -7, la-4, "
            "-8, -16. The others are unlabelled.",
        ),
    ] = None,
    guides: GuideOptions,
    config: RecipeFile = None,
    recipe: RecipeOptions,
    structures: Structures = None,
    subject_regex: SubjectRegex = None,
    modality: ModalityName = None,
    quiet: Quiet = False,
) -> None:
    """Train a segmenter on labelled and unlabelled images. Resumes where it stopped."""
    from segassay.errors import UsageError
    from segassay.extras import require

    require("torch", extra="train")
    from dataclasses import replace

    from segassay.datasets.opening import open_dataset, open_images
    from segassay.segment.recipe import read_recipe
    from segassay.semisup.semi_recipe import SemiRecipe
    from segassay.semisup.split_lists import divide, read_split
    from segassay.semisup.train_semisup import train_semisup

    if unlabelled is None and split is None:
        raise UsageError("give --unlabelled, or --split for what of --labelled keeps its labels")
    said = read_recipe(SemiRecipe, config, **asdict(recipe), **asdict(guides))
    data = open_dataset(labelled, subject_regex=subject_regex, modality=modality)
    rest = replace(data, cases=())
    if split is not None:
        data, rest = divide(data, read_split(split))
    if unlabelled is not None:
        more = open_images(unlabelled, subject_regex=subject_regex, modality=modality)
        rest = replace(more, cases=(*rest.cases, *more.cases))
    found = train_semisup(
        data,
        rest,
        said,
        out,
        structures=structures or (),
        say=(lambda _: None) if quiet else tell,
    )
    n, dice = counted(found.n_validation, "validation case"), found.dice
    tell(f"model: {found.folder}")
    kept = "the best" if said.select == "validation" else "the last"
    tell(
        f"mean Dice of {kept} weights on {n} of the labelled part: {dice:.3f}"
        if found.n_validation
        else "nothing to validate on: the last weights are kept"
    )
