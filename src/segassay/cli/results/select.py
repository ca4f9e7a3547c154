"""`segassay select`: where to spend the next hour."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from segassay.cli.console import give_json, tell, tell_some
from segassay.cli.option_groups import spread
from segassay.cli.options import Json, Out, Seed

_STRATEGIES = (
    "expected_gain, worst_first, random, foreground_random, uncertainty, entropy, disagreement, "
    "clasp, diversity or hybrid"
)
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOptions:
    """In which order items are looked at, and what they cost."""

    strategy: Annotated[str, typer.Option("--strategy", help=f"Order: {_STRATEGIES}.")] = (
        "expected_gain"
    )
    per: Annotated[
        str | None,
        typer.Option("--per", help="Select case, structure or slice. Default: as the budget says."),
    ] = None
    stratify: Annotated[bool, typer.Option("--stratify", help="Go round the structures.")] = False
    timings: Annotated[
        Path | None,
        typer.Option(
            "--timings", help="Minutes that labels took: a table case_id, structure, minutes."
        ),
    ] = None
    noise: Annotated[
        float, typer.Option("--noise", help="Dice that differs from training to training.")
    ] = 0.0035
    seed: Seed = 0


@spread
def select(
    *,
    result: Annotated[Path, typer.Argument(help="Result folder of an audit.")],
    budget: Annotated[
        str, typer.Option("--budget", help="As in 120min, 2h, 40cases, 60labels or 300slices.")
    ],
    orders: OrderOptions,
    out: Out = Path("segassay-selection"),
    as_json: Json = False,
) -> None:
    """Select what to look at first within a budget of minutes, cases, labels or slices."""
    from segassay.errors import UsageError
    from segassay.select.budget import Budget
    from segassay.select.pool import Per
    from segassay.select.select_labels import Worth, write_selection
    from segassay.select.strategies import Strategy

    if orders.strategy not in list(Strategy):
        raise UsageError(f"--strategy {orders.strategy!r}: expected {_STRATEGIES}")
    if orders.per is not None and orders.per not in list(Per):
        raise UsageError(f"--per {orders.per!r}: expected case, structure or slice")
    found = write_selection(
        result,
        out,
        Budget.parse(budget),
        strategy=Strategy(orders.strategy),
        per=None if orders.per is None else Per(orders.per),
        stratify=orders.stratify,
        timings=orders.timings,
        noise=orders.noise,
        seed=orders.seed,
    )
    if as_json:
        give_json(found.to_json())
        return
    lines = [
        " ".join(filter(None, (case_id, structure, "" if index < 0 else f"slice {index}")))
        + f": {gain:.3f} Dice in {minutes:.1f} min"
        for case_id, structure, index, gain, minutes in found.frame.select(
            "case_id", "structure", "slice", "gain", "minutes"
        ).iter_rows()
    ]
    tell_some(lines, most=_SHOWN, rest=f": see {out / 'selection.csv'}")
    tell(f"selected: {len(lines)}, predicted to take {found.minutes:.0f} min")
    answer = {
        Worth.YES: "yes",
        Worth.NO: "no",
        Worth.UNCLEAR: "unclear",
    }[found.worth]
    tell(
        f"worth fixing? {answer}: the mean Dice of {found.n_pool} labels is expected to rise by "
        f"{found.mean_gain:.4f}; trainings differ by {found.noise:.4f} by chance"
    )
    if found.enough is not None and found.enough < len(lines):
        tell(f"stop after {found.enough}: the rest would raise it by less than that")
    tell(f"selection: {out / 'selection.csv'}")
