"""`segassay demo`: the main job on a phantom data set with planted faults."""

from pathlib import Path

from segassay.cli.options import Json, JudgeName, Out, Quiet
from segassay.types import DEFAULT_JUDGE


def demo(
    out: Out = Path("segassay-demo"),
    judge: JudgeName = DEFAULT_JUDGE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make phantoms, plant faults, audit them, and tell what was found and what was not."""
    import typer

    from segassay.cli.console import CaseProgress, give_json
    from segassay.pipelines.demo import demo_text, run_demo

    result = run_demo(out, judge=judge, progress=CaseProgress(quiet=quiet))
    if as_json:
        give_json(result.to_json())
    else:
        typer.echo(demo_text(result))
