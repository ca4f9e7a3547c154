"""`segassay predict`: labels for images that have none, by a model that was trained."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.option_groups import spread
from segassay.cli.options import EngineName, ModalityName, Overwrite, SubjectRegex, TellOptions
from segassay.types import Engine

_SHOWN = 20


@spread
def predict(
    *,
    model: Annotated[Path, typer.Argument(help="Folder that `train seg` wrote.")],
    images: Annotated[Path, typer.Argument(help="Folder of images, one image, or a data set.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the label files.")],
    engine: EngineName = Engine.ONNX,
    subject_regex: SubjectRegex = None,
    modality: ModalityName = None,
    overwrite: Overwrite = False,
    telling: TellOptions,
) -> int:
    """Segment images with a trained model. Resumes where it stopped."""
    from segassay.cli.console import give_json, tell, tell_some
    from segassay.datasets.opening import open_images
    from segassay.segment.predict import predict as run

    dataset = open_images(images, subject_regex=subject_regex, modality=modality)
    result = run(
        model, dataset, out, overwrite=overwrite, engine=engine, progress=telling.progress()
    )
    if telling.as_json:
        give_json(result.to_json())
    else:
        tell_some(
            [f"{case_id}: {why}" for case_id, why in result.failed],
            most=_SHOWN,
            rest=": add --json",
        )
        done = result.n_cases - len(result.failed)
        before = f", {result.n_before} before" if result.n_before else ""
        nothing = f", nothing found in {len(result.empty)}" if result.empty else ""
        tell(f"{done} of {result.n_cases} images segmented{before}{nothing}: {out}")
    return int(result.exit_code)
