"""`segassay info`: what a data set holds."""

from segassay.cli.console import give_json
from segassay.cli.options import DatasetPath, Images, Json, Labels, Names, Structure, SubjectRegex


def info(
    dataset: DatasetPath = None,
    images: Images = None,
    labels: Labels = None,
    structure: Structure = None,
    names: Names = None,
    subject_regex: SubjectRegex = None,
    as_json: Json = False,
) -> None:
    """Count cases, subjects, labels and structures; no voxel is read."""
    import typer

    from segassay.data.readers import open_dataset
    from segassay.pipelines.info import dataset_info

    found = dataset_info(
        open_dataset(
            dataset,
            images=images,
            labels=labels,
            structure=structure,
            names=names,
            subject_regex=subject_regex,
        )
    )
    if as_json:
        give_json(found.to_json())
        return
    typer.echo(f"{found.name} ({found.format})")
    typer.echo(f"{found.cases} cases, {found.subjects} subjects, {found.labels} labels")
    for name, count in found.structures.items():
        typer.echo(f"  {name}: {count}")
    for title, lines in (
        ("images without label", found.unlabelled),
        ("files that belong to no case", [f"{u['file']}: {u['reason']}" for u in found.unmatched]),
    ):
        if lines:
            typer.echo(f"{len(lines)} {title}")
            for line in lines[:10]:
                typer.echo(f"  {line}")
