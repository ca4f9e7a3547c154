"""`segassay check`: the rules alone, no judge."""

from pathlib import Path

from segassay.cli.options import (
    DatasetPath,
    FailOn,
    Images,
    Jobs,
    Json,
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


def check(
    dataset: DatasetPath = None,
    out: Out = Path("segassay-check"),
    images: Images = None,
    labels: Labels = None,
    structure: Structure = None,
    names: Names = None,
    subject_regex: SubjectRegex = None,
    structures: Structures = None,
    limit: Limit = None,
    jobs: Jobs = 1,
    overwrite: Overwrite = False,
    fail_on: FailOn = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Check a data set with rules that need no model."""
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
        judge=None,
        structures=structures or [],
        jobs=jobs,
        limit=limit,
        overwrite=overwrite,
        fail_on=fail_on,
    )
    return run_audit(config, command="check", as_json=as_json, quiet=quiet, verbose=verbose)
