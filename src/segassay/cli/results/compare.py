"""`segassay compare`: releases of one data set, or candidate sources of labels."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segassay.cli.console import give_json, tell, tell_some
from segassay.cli.options import Json, Out

if TYPE_CHECKING:
    from segassay.compare.compare_results import ReleaseComparison, SourceComparison
    from segassay.metrics.agreement import Estimate


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Result folders of audits.")],
    out: Out = Path("segassay-comparison"),
    sources: Annotated[
        bool,
        typer.Option("--sources", help="Take two folders as candidate labels of the same images."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two releases of a data set, or candidate labels of the same images."""
    from segassay.compare.compare_results import ReleaseComparison, compare_results

    found = compare_results(folders, out, sources=sources)
    if as_json:
        give_json(found.to_json())
        return
    if isinstance(found, ReleaseComparison):
        _tell_changes(found)
    else:
        _tell_sources(found)
    tell(f"comparison: {out / 'index.html'}")


def _tell_changes(found: "ReleaseComparison") -> None:
    for note in found.notes:
        tell(f"note: {note}")
    counts, outcomes = found.overall.counts, found.overall.outcomes
    tell("labels: " + ", ".join(f"{n} {kind.value}" for kind, n in counts.items() if n))
    told = [f"{n} {kind.value.replace('_', ' ')}" for kind, n in outcomes.items() if n]
    if told:
        tell("changed labels: " + ", ".join(told))
    if not isnan(found.overall.difference.value):
        tell(f"mean difference of changed labels: {_interval(found.overall.difference)}")


def _tell_sources(found: "SourceComparison") -> None:
    lines = [
        f"{one.structure or 'all structures'}: {one.first} less {one.second} "
        f"{_interval(one.difference)} in {one.n_labels} labels: "
        + (f"{one.winner} is better" if one.winner else "no difference shown")
        for one in found.preferences
    ]
    tell_some(lines, most=20, rest=": see index.html")


def _interval(found: "Estimate") -> str:
    if isnan(found.low):
        return f"{found.value:+.3f} (too few subjects for an interval)"
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
