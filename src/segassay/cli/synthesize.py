"""`segassay synthesize`: images like those of a data set, by a diffusion model of it."""

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from segassay.cli.option_groups import spread
from segassay.cli.options import (
    Minutes,
    Out,
    RecipeFile,
    RecipeSeed,
    SourceOptions,
    Structures,
    TellOptions,
    Updates,
)
from segassay.errors import UsageError
from segassay.types import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionOptions:
    """What holds before a diffusion model's recipe."""

    with_masks: Annotated[
        bool | None,
        typer.Option(
            "--with-masks/--without-masks",
            help="Draw each image to masks, varied from those of the data set, and write both.",
        ),
    ] = None
    size: Annotated[
        int | None, typer.Option("--size", help="Longer side of the images, in pixels.")
    ] = None
    updates: Updates = None
    minutes: Minutes = None
    seed: RecipeSeed = None


@spread
def synthesize(
    *,
    source: SourceOptions,
    out: Out,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Synthetic images to draw.")],
    config: RecipeFile = None,
    recipe: DiffusionOptions,
    structures: Structures = None,
    telling: TellOptions,
) -> int:
    """Learn to draw images like those of a data set, and draw some. Resumes where it stopped."""
    from segassay.extras import require

    require("torch", extra="train")
    require("einops", extra="train")  # of MONAI's attention, which it does not install itself
    from segassay.cli.console import give_json, tell, tell_some
    from segassay.datasets.opening import open_images
    from segassay.runs.configs import one_by_one
    from segassay.segment.recipe import read_recipe
    from segassay.synthesize.make_images import synthesize as run
    from segassay.synthesize.recipe import SynthesisRecipe
    from segassay.vocabulary.names import canonical_name

    read = read_recipe(SynthesisRecipe, config, **asdict(recipe))
    where = source.dataset or source.images
    if read.with_masks or source.labels is not None:
        dataset = source.config().open()
    elif where is None or (source.dataset and source.images):
        raise UsageError("give either a data set, or --images")
    else:
        dataset = open_images(where, subject_regex=source.subject_regex, modality=source.modality)
    result = run(
        dataset,
        read,
        out,
        count,
        structures=tuple(map(canonical_name, one_by_one(structures or ()))),
        say=telling.say,
        progress=telling.progress(),
    )
    if telling.as_json:
        give_json(result.to_json())
        return int(result.exit_code)
    tell_some([f"{case_id}: {why}" for case_id, why in result.failed], rest=": add --json")
    if result.too_near:
        tell(f"{counted(result.too_near, 'image')} too near to a training image, drawn again")
    tell_some([f"{name}: not drawn, too near every time" for name in result.undrawn])
    drawn = counted(result.n_images - len(result.undrawn), "synthetic image")
    before = f", {result.n_before} of them before" if result.n_before else ""
    tell(f"{drawn}{before}: {out}")
    return int(result.exit_code)
