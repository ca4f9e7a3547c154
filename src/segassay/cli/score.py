"""`segassay score`: one image and one mask."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import give, give_json
from segassay.cli.option_groups import spread
from segassay.cli.options import EngineName, Json, JudgeName, ModalityName, Names, Structure
from segassay.types import DEFAULT_JUDGE, Engine, percent


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """What of a mask is scored, and what is known of it."""

    structure: Structure = None
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="VALUE", help="Which value of the mask, or its name."),
    ] = None
    names: Names = None
    modality: ModalityName = None
    context: Annotated[
        Path | None,
        typer.Option(
            "--context",
            metavar="DIR",
            help="Data set whose labels of the structure are the context; at least 3 subjects.",
        ),
    ] = None


@spread
def score(
    *,
    image: Annotated[Path, typer.Argument(help="Image file.")],
    mask: Annotated[Path, typer.Argument(help="Mask file; of several values --label is scored.")],
    of: MaskOptions,
    judge: JudgeName = DEFAULT_JUDGE,
    engine: EngineName = Engine.ONNX,
    as_json: Json = False,
) -> None:
    """Score one mask: its expected Dice, 0 worst to 1 best, with a 90 % interval."""
    from segassay.judge.scoring import load_judge
    from segassay.judge.scoring.score_pair import score_pair

    found = score_pair(image, mask, judge=load_judge(judge, engine=engine), **asdict(of))
    if as_json:
        give_json(found.to_dict())
        return
    if found.slices:
        known = found.low == found.low  # NaN where the judge knows no interval
        interval = f" ({found.low:.2f} to {found.high:.2f})" if known else ""
        give(f"{found.value:.2f}{interval}  {found.status}, faulty: {percent(found.p_faulty)}")
    else:
        give(f"n/a  {found.status}")
    for line in (found.error_type.replace("_", " "), found.reason, found.evidence):
        if line:
            give(line)
    worst = found.worst_slice
    if worst is not None and len(found.slices) > 1:
        give(f"worst slice {worst.index}, expected Dice {worst.score:.2f}")
