"""`segassay weak`: labels for images that have none, from a few reference cases."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.option_groups import spread
from segassay.cli.options import (
    EngineName,
    JudgeName,
    ModalityName,
    RecipeFile,
    Structure,
    Structures,
    SubjectRegex,
    TellOptions,
)
from segassay.cli.train.recipe_options import RecipeOptions
from segassay.types import DEFAULT_JUDGE, Engine, counted

_SHOWN = 20
_MINUTES = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakOptions:
    """What labels are made with, and what is made of them."""

    train: Annotated[
        bool,
        typer.Option("--train", help="Train a segmenter on reference and weak labels, too."),
    ] = False
    segmenter: Annotated[
        list[str] | None,
        typer.Option(
            "--segmenter",
            help="Promptable segmenter, [KIND:]PATH or a name; may be repeated. 'none' for none. "
            "Default: prompt-small, where it is installed.",
        ),
    ] = None
    config: RecipeFile = None
    keep_candidates: Annotated[
        bool,
        typer.Option(
            "--keep-candidates", help="Write all candidates of a label, not only the best."
        ),
    ] = False
    structure: Structure = None
    structures: Structures = None
    judge: JudgeName = DEFAULT_JUDGE
    engine: EngineName = Engine.ONNX


@spread
def weak(
    *,
    images: Annotated[Path, typer.Argument(help="Folder of images, one image, or a data set.")],
    gold: Annotated[
        Path,
        typer.Option(
            "--gold", help="Labels treated as truth: a data set, or labels of some of the images."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Result folder; made if missing.")],
    by: WeakOptions,
    recipe: RecipeOptions,
    subject_regex: SubjectRegex = None,
    modality: ModalityName = None,
    telling: TellOptions,
) -> int:
    """Label images by what a few reference cases teach. Resumes where it stopped."""
    from segassay.cli.console import give_json, tell, tell_some
    from segassay.datasets.opening import open_images
    from segassay.extras import require
    from segassay.judge.scoring import load_judge

    require("torch", extra="train")
    from segassay.runs.configs import one_by_one
    from segassay.segment.recipe import read_segmentation_recipe
    from segassay.vocabulary.names import canonical_name
    from segassay.weak.make_labels import (
        WeakSettings,
        make_weak_labels,
        open_reference,
        train_on_weak_labels,
    )
    from segassay.weak.promptable.open_promptable import open_promptable, usual_segmenters

    given = asdict(recipe)
    if by.config is None and given["axes"] in (None, 2):
        given["network"] = given["network"] or "unet-lite0"
    if by.config is None and given["updates"] is None:
        given["minutes"] = given["minutes"] or _MINUTES
    how = WeakSettings(
        read_segmentation_recipe(by.config, **given),
        structures=tuple(map(canonical_name, one_by_one(by.structures or ()))),
        engine=by.engine,
        keep_candidates=by.keep_candidates,
    )
    unlabelled = open_images(images, subject_regex=subject_regex, modality=modality)
    reference = open_reference(
        gold, images, structure=by.structure, subject_regex=subject_regex, modality=modality
    )
    names = [name for name in by.segmenter or usual_segmenters() if name != "none"]
    say = (lambda _: None) if telling.quiet else tell
    result = make_weak_labels(
        unlabelled,
        reference,
        out,
        how,
        judge=load_judge(by.judge, engine=by.engine),
        segmenters=[open_promptable(name, engine=by.engine) for name in names],
        progress=telling.progress(),
        say=say,
    )
    if telling.as_json:
        give_json(result.to_json())
    else:
        tell_some(
            [f"{case_id}: {why}" for case_id, why in result.failed],
            most=_SHOWN,
            rest=": add --json",
        )
        counts = ", ".join(f"{n} {status}" for status, n in result.statuses.items()) or "no labels"
        tell(f"{counted(result.n_images, 'image')}: {counts}: {out}")
    if by.train:
        found = train_on_weak_labels(unlabelled, reference, out, how, say=say)
        tell(f"model: {found.folder}")
    return int(result.exit_code)
