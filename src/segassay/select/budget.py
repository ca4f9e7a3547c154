"""How much somebody is ready to look at, and what of an order fits in."""

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segassay.errors import UsageError
from segassay.select.pool import Per
from segassay.select.strategies import Order


class Unit(StrEnum):
    """What a budget counts."""

    MINUTES = "min"
    CASES = "cases"
    LABELS = "labels"
    SLICES = "slices"


_PER = {Unit.MINUTES: Per.STRUCTURE, Unit.CASES: Per.CASE, Unit.SLICES: Per.SLICE}
_UNITS = {"min": (Unit.MINUTES, 1.0), "h": (Unit.MINUTES, 60.0)} | {
    name: (unit, 1.0)
    for unit in (Unit.CASES, Unit.LABELS, Unit.SLICES)
    for name in (unit.value, unit.value[:-1])
}


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount of minutes, cases, labels or slices.

    >>> Budget.parse("120min"), Budget.parse("40 cases").unit, Budget.parse("1.5h").amount
    (Budget(amount=120.0, unit=<Unit.MINUTES: 'min'>), <Unit.CASES: 'cases'>, 90.0)
    """

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Read a budget such as 120min, 2h, 40cases, 60labels or 300slices.

        Raises:
            UsageError: It is none.
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower())
        if found is None or found[2] not in _UNITS or float(found[1]) <= 0:
            raise UsageError(
                f"--budget {text!r}: expected an amount above 0 with its unit, as in 120min, 2h, "
                "40cases, 60labels or 300slices"
            )
        unit, times = _UNITS[found[2]]
        return cls(float(found[1]) * times, unit)

    @property
    def per(self) -> Per:
        """What is selected one by one where nobody says."""
        return _PER.get(self.unit, Per.STRUCTURE)


def fitting(
    found: pl.DataFrame, chosen: Order, budget: Budget, minutes_per_case: float
) -> tuple[Order, NDArray[np.float64]]:
    """Go down an order and take what still fits into a budget.

    Args:
        found: Items, as `pool.items` gives them.
        chosen: Their order.
        budget: How much fits.
        minutes_per_case: What opening a case costs, once for each.

    Returns:
        Row numbers of what is taken, in order, and the minutes of each, with its case's opening
        where it is the first of the case. What does not fit is left out, and what comes after it
        may still fit.
    """
    names = ("case_id", "minutes", "n_slices", "n_labels")
    cases, minutes, slices, labels = (found[name].to_list() for name in names)
    opened: set[str] = set()
    spent, taken, spans = 0.0, [], []
    for row in chosen.tolist():
        new = cases[row] not in opened
        span = minutes[row] + (minutes_per_case if new else 0.0)
        price = {
            Unit.MINUTES: span,
            Unit.CASES: float(new),
            Unit.LABELS: float(labels[row]),
            Unit.SLICES: slices[row],
        }[budget.unit]
        if spent + price <= budget.amount * (1 + 1e-12):
            opened.add(cases[row])
            spent += price
            taken.append(row)
            spans.append(span)
    return np.asarray(taken, dtype=np.intp), np.asarray(spans, dtype=np.float64)
