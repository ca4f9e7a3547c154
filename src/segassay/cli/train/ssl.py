"""`segassay train ssl`: a segmenter from a few labelled images and many without labels."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segassay.cli.console import tell
from segassay.cli.option_groups import spread
from segassay.cli.options import ModalityName, Quiet, RecipeFile, Structures, SubjectRegex
from segassay.cli.train.recipe_options import RecipeOptions
from segassay.types import counted

if TYPE_CHECKING:
    from segassay.datasets.case import Dataset


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
    judge: Annotated[str | None, typer.Option("--judge", help="Judge: a name or a folder.")] = None
    select: Annotated[
        str | None,
        typer.Option(
            "--select", help="Which weights are kept: validation, on the labelled part, or last."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """Which images have labels, and which have none."""

    unlabelled: Annotated[
        Path | None,
        typer.Option(
            "--unlabelled", help="Images without labels: a folder or a data set, any layout."
        ),
    ] = None
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Cases that keep their labels: a file with an id a line, or acdc-1, -3, -7, la-4, "
            "-8, -16. The others are unlabelled.",
        ),
    ] = None
    subject_regex: SubjectRegex = None
    modality: ModalityName = None

    def open(self, labelled: Path) -> "tuple[Dataset, Dataset]":
        """Return the cases with labels and those without."""
        from dataclasses import replace

        from segassay.datasets.opening import open_dataset, open_images
        from segassay.errors import UsageError
        from segassay.semisup.split_lists import divide, read_split

        if self.unlabelled is None and self.split is None:
            raise UsageError(
                f"{labelled.name}: give --unlabelled, or --split for what of it keeps its labels"
            )
        regex, kind = self.subject_regex, self.modality
        data = open_dataset(labelled, subject_regex=regex, modality=kind)
        rest = replace(data, cases=())
        if self.split is not None:
            data, rest = divide(data, read_split(self.split))
        if self.unlabelled is not None:
            more = open_images(self.unlabelled, subject_regex=regex, modality=kind)
            root = rest.root if rest.cases else more.root
            rest = replace(more, root=root, cases=(*rest.cases, *more.cases))
        return data, rest


@spread
def ssl(
    *,
    labelled: Annotated[Path, typer.Option("--labelled", help="Data set with labels, any layout.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model.")],
    images: ImageOptions,
    guides: GuideOptions,
    config: RecipeFile = None,
    recipe: RecipeOptions,
    structures: Structures = None,
    quiet: Quiet = False,
) -> None:
    """Train a segmenter on labelled and unlabelled images. Resumes where it stopped."""
    from segassay.extras import require

    require("torch", extra="train")
    from segassay.segment.recipe import read_recipe
    from segassay.semisup.semi_recipe import SemiRecipe
    from segassay.semisup.train_semisup import train_semisup

    said = read_recipe(SemiRecipe, config, **asdict(recipe), **asdict(guides))
    data, rest = images.open(labelled)
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
