"""`segassay pairs`: masks with simulated errors, and the table that `evaluate` reads."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.option_groups import spread
from segassay.cli.options import (
    SEVERAL,
    CaseOptions,
    LabelSource,
    Out,
    PartOptions,
    Seed,
    SourceOptions,
    TellOptions,
)
from segassay.types import counted


@dataclass(frozen=True, kw_only=True)
class FaultOptions:
    """Which faults, of which labels."""

    per_label: Annotated[
        int,
        typer.Option("--per-label", help="Wrong masks per label, spread evenly over Dice 0 to 1."),
    ] = 10
    seed: Seed = 0
    families: Annotated[
        list[str] | None,
        typer.Option(
            "--families", metavar=SEVERAL, help="Only these kinds of error, as in 'leak,cut_end'."
        ),
    ] = None
    label_source: LabelSource = None
    untouched: Annotated[
        bool, typer.Option("--untouched", help="Also add each label itself as a pair.")
    ] = False


@spread
def pairs(
    *,
    source: SourceOptions,
    out: Out = Path("segassay-pairs"),
    faults: FaultOptions,
    cases: CaseOptions,
    part: PartOptions,
    telling: TellOptions,
) -> int:
    """Make wrong masks of known Dice from reference labels. Resumes where it stopped."""
    from segassay.cli.console import give_json, tell, tell_some
    from segassay.pairs.make_pairs import make_pairs
    from segassay.pairs.pairs_config import PairsConfig

    config = PairsConfig(
        source=source.config(),
        out=out,
        **{**asdict(faults), "families": tuple(faults.families or ())},
        **cases.as_config(),
        **part.as_config(),
    )
    result = make_pairs(config, progress=telling.progress())
    tell_some([f"{case_id}: {why}" for case_id, why in result.problems], rest=" cases")
    if telling.as_json:
        give_json(result.to_json())
        return int(result.exit_code)
    tell(f"pairs: {result.n_pairs}, labels: {result.n_labels}, cases: {result.n_cases}")
    if not result.n_pairs:
        tell("no pair could be made: no label holds a voxel that could be used")
    if result.n_lost:
        lost = counted(result.n_lost, "mask")
        tell(f"{lost} could not be made: the labels are too small for such errors")
    if result.table is None:
        tell(f"{counted(result.n_missing, 'case')} left to other parts; no table yet")
    else:
        tell(f"table: {result.table}")
    return int(result.exit_code)
