"""`segassay score`: one image and one mask."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import give, give_json
from segassay.cli.options import EngineName, Json, JudgeName, Structure
from segassay.types import DEFAULT_JUDGE, Engine, Modality


def score(
    image: Annotated[Path, typer.Argument(help="Image file.")],
    mask: Annotated[Path, typer.Argument(help="Mask file; any value but zero is mask.")],
    structure: Structure = None,
    modality: Annotated[Modality | None, typer.Option("--modality", help="Kind of image.")] = None,
    judge: JudgeName = DEFAULT_JUDGE,
    engine: EngineName = Engine.ONNX,
    as_json: Json = False,
) -> None:
    """Score one mask: its expected Dice, 0 worst to 1 best, with a 90 % interval."""
    from segassay.pipelines.score import score_pair

    found = score_pair(
        image, mask, structure=structure, modality=modality, judge=judge, engine=engine
    )
    if as_json:
        give_json(found.to_dict())
        return
    if found.slices:
        known = found.low == found.low  # NaN where the judge knows no interval
        interval = f" ({found.low:.2f} to {found.high:.2f})" if known else ""
        give(f"{found.value:.2f}{interval}  {found.status}")
    else:
        give(f"n/a  {found.status}")
    for line in (found.error_type.replace("_", " "), found.reason, found.evidence):
        if line:
            give(line)
    worst = found.worst_slice
    if worst is not None and len(found.slices) > 1:
        give(f"worst slice {worst.index}, expected Dice {worst.score:.2f}")
