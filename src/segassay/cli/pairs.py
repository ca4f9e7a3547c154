"""`segassay pairs`: faulty masks for trusted labels, and the table that `evaluate` reads."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.options import (
    Json,
    Limit,
    Out,
    Overwrite,
    Quiet,
    SourceOptions,
    Structures,
)
from segassay.cli.spread import spread

_SHOWN = 10


@spread
def pairs(
    source: SourceOptions,
    out: Out = Path("segassay-pairs"),
    per_label: Annotated[
        int, typer.Option("--per-label", help="Faulty masks per label, flat over Dice 0 to 1.")
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same masks.")] = 0,
    families: Annotated[
        list[str] | None,
        typer.Option("--families", help="Only these faults, as in 'leak,cut_end'."),
    ] = None,
    label_source: Annotated[
        str | None,
        typer.Option("--label-source", help="Which labels to trust, where there are several."),
    ] = None,
    untouched: Annotated[
        bool, typer.Option("--untouched", help="Add every label itself as a pair.")
    ] = False,
    structures: Structures = None,
    limit: Limit = None,
    part_id: Annotated[int, typer.Option("--part-id", help="Which part to do, from 1.")] = 1,
    num_parts: Annotated[int, typer.Option("--num-parts", help="Split the cases.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Make faulty masks of known Dice from trusted labels. Continues where it stopped."""
    from segassay.cli.console import CaseProgress, give_json, tell
    from segassay.pipelines.configs import PairsConfig, SourceConfig
    from segassay.pipelines.make_pairs import make_pairs

    config = PairsConfig(
        source=SourceConfig(**source.as_config()),
        out=out,
        per_label=per_label,
        seed=seed,
        families=tuple(families or ()),
        label_source=label_source,
        untouched=untouched,
        structures=tuple(structures or ()),
        limit=limit,
        part=part_id,
        parts=num_parts,
        overwrite=overwrite,
    )
    result = make_pairs(config, progress=CaseProgress(quiet=quiet))
    for case_id, why in result.problems[:_SHOWN]:
        tell(f"{case_id}: {why}")
    if len(result.problems) > _SHOWN:
        tell(f"… and {len(result.problems) - _SHOWN} more cases")
    if as_json:
        give_json(result.to_json())
        return int(result.exit_code)
    tell(f"pairs: {result.n_pairs}, labels: {result.n_labels}, cases: {result.n_cases}")
    if result.n_lost:
        tell(f"{result.n_lost} faults could not be made: the labels are too small for them")
    if result.table is None:
        tell(f"{result.n_missing} cases are still to be done by other parts; no table yet")
    else:
        tell(f"table: {result.table}")
    return int(result.exit_code)
