"""`segassay audit`: check and score every label, rank them, show the worst."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.options import (
    DatasetPath,
    FailOn,
    Images,
    Jobs,
    Json,
    JudgeName,
    Labels,
    Limit,
    Names,
    Out,
    Overwrite,
    Quiet,
    Structure,
    Structures,
    SubjectRegex,
    Verbose,
)


def audit(
    dataset: DatasetPath = None,
    out: Out = Path("segassay-audit"),
    images: Images = None,
    labels: Labels = None,
    structure: Structure = None,
    names: Names = None,
    subject_regex: SubjectRegex = None,
    judge: JudgeName = "judge-v0",
    structures: Structures = None,
    limit: Limit = None,
    jobs: Jobs = 1,
    part_id: Annotated[int, typer.Option("--part-id", help="Which part to do, from 1.")] = 1,
    num_parts: Annotated[int, typer.Option("--num-parts", help="Split the cases.")] = 1,
    worst: Annotated[int, typer.Option("--worst", help="Labels shown as pictures.")] = 20,
    overwrite: Overwrite = False,
    fail_on: FailOn = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Audit a data set: rules, scores, a ranked list and a report. Continues where it stopped."""
    from segassay.cli.run import make_config, run_audit

    config = make_config(
        source={
            "path": dataset,
            "images": images,
            "labels": labels,
            "structure": structure,
            "names": names,
            "subject_regex": subject_regex,
        },
        out=out,
        judge=judge,
        structures=structures or [],
        jobs=jobs,
        limit=limit,
        part=part_id,
        parts=num_parts,
        n_worst=worst,
        overwrite=overwrite,
        fail_on=fail_on,
    )
    return run_audit(config, command="audit", as_json=as_json, quiet=quiet, verbose=verbose)
