"""`segassay bias`: do labels of some groups score lower?"""

from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import give_json, tell, tell_some
from segassay.cli.options import SEVERAL, Json, Out

_SHOWN = 10


def bias(
    result: Annotated[Path, typer.Argument(help="Result folder of an audit.")],
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar=SEVERAL,
            help="Columns to group cases by, as in 'sex,age,scanner'. Default: all there are.",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Further columns: a table with case_id or subject_id."),
    ] = None,
    out: Out = Path("segassay-bias"),
    as_json: Json = False,
) -> None:
    """Test whether scores differ by sex, age, scanner, site, annotator or split."""
    from segassay.bias.measure_bias import measure_bias

    names = [name for words in by or () for name in words.split(",")]
    found = measure_bias(result, out, by=names, table=table)
    if as_json:
        give_json(found.to_json())
        return
    tell_some([f"{one.column}: not tested; {one.why}" for one in found.left_out])
    lines = [
        f"{one.column} {one.value}{f' against {one.other}' if one.other else ''}, "
        f"{one.structure or 'all structures'}: {one.difference.value:+.3f} "
        f"[{one.difference.low:+.3f}, {one.difference.high:+.3f}], q {one.q:.3f}"
        for one in found.shown
    ]
    tell_some(lines, most=_SHOWN, rest=": see bias.md")
    n = len(found.effects)
    tell(
        f"{len(found.shown)} of {n} differences shown after correction" if n else "nothing to test"
    )
    for one in found.confounded:
        tell(f"{one.first} and {one.second} go together: a difference may be by either")
    tell(f"bias: {out / 'bias.md'}")
