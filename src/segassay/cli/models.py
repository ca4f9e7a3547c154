"""`segassay models`: the judges that are there, and judges from elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import give, give_json, tell
from segassay.cli.options import Json
from segassay.types import ExitCode, counted

app = typer.Typer(help="List, verify, import and export judges.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="Judge: a name or a folder.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the judges that can be named: those in $SEGASSAY_HOME and in segassay-weights."""
    from segassay.models.manage_models import list_models

    lines = list_models()
    if as_json:
        give_json([line.to_json() for line in lines])
        return
    for line in lines:
        give(
            f"{line.name}  {line.problem}"
            if line.problem
            else f"{line.name}  {line.model_id}  {line.kind}, {line.megabytes} MB, "
            f"{counted(line.n_structures, 'structure')} ({line.n_tested} tested)"
        )
    if not lines:
        tell("no judges: install segassay-weights, or set SEGASSAY_HOME to a folder with judges")


@app.command("verify")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Judges; all by default.")] = None,
    as_json: Json = False,
) -> int:
    """Compare checksums and load every network. Exit code 5 if one cannot be used."""
    from segassay.models.manage_models import verify_models

    lines = verify_models(names or [])
    if as_json:
        give_json([line.to_json() for line in lines])
    else:
        for line in lines:
            give(f"{line.name}  {line.problem or 'ok'}")
    return int(ExitCode.MODEL if any(line.problem for line in lines) else ExitCode.DONE)


@app.command("card")
def card(name: _Name) -> None:
    """Print a judge's card: purpose, sources, terms and performance."""
    from segassay.models.manage_models import model_card

    give(*model_card(name).removesuffix("\n").split("\n"))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Exported bundle, or a released .pth file.")],
    embeddings: Annotated[
        Path | None,
        typer.Option("--embeddings", help="label_embedding.pkl that belongs to the .pth file."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The judge's folder. Default: a name in $SEGASSAY_HOME."),
    ] = None,
) -> None:
    """Import a judge from a bundle, or from released Quality Sentinel or SegAE weights."""
    from segassay.models.manage_models import import_model

    folder = import_model(file, embeddings=embeddings, out=out)
    tell(f"judge: {folder}; read its card: segassay models card {folder}")


@app.command("export")
def export(
    name: _Name,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Zip file to write.")] = None,
) -> None:
    """Write a judge as one zip file, laid out like a MONAI Bundle."""
    from segassay.models.manage_models import export_model

    tell(f"bundle: {export_model(name, out)}")
