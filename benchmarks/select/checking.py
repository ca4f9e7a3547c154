"""How many labels does somebody look at to find nine in ten of the bad ones?

Labels whose true Dice is known are drawn so that one in ten is bad, has a Dice below 0.7: all good
ones that a tenth of bad ones leaves room for, or all bad ones. They are looked at in some order
until nine in ten of the bad ones were seen. A random order takes nine tenths of all labels, nearly.
Sets are drawn and ordered apart, since somebody checks one data set at a time, and the figure is
the mean over sets; its interval comes from resampling sets.

Reads what `leave_set_out.py` writes (`docs/results/leave_set_out/fold*.csv`: real predictions of
sets that no judge of the fold ever saw) and `scores.csv` of `segassay evaluate`. Orders are those
of the columns that a table has; beside each score stands the same less what is usual in its set for
its structure, as verdicts are made (`records.usual`).

Usage: python -m benchmarks.select.checking ROWS.csv [ROWS.csv ...] [--out FOLDER] [--draws 200]
"""

import argparse
import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.metrics.evaluation import BAD_BELOW
from segassay.records.usual import Usual

RESULTS = Path(__file__).parents[2] / "docs" / "results"
Floats = NDArray[np.float64]

PREVALENCE, FOUND = 0.1, 0.9
FEWEST_BAD, FEWEST_GOOD = 3, 9
"""Bad and good labels that a set needs to be drawn from."""

_KS = (5, 10)

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "score": ("score", "context"),
    "judge_alone": ("alone",),
    "votes_of_context": ("votes",),
    "other_judge": ("baseline",),
    "size_outlier": ("size_outlier",),
    "mean_of_structure": ("mean_of_structure",),
    "mask_only": ("mask_only",),
}
"""Orders, low first, and the columns of either table that hold them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One label: its true Dice and, by name of the order, a number that is low where it is bad."""

    set: str
    structure: str
    dice: float
    orders: dict[str, float]


def main() -> None:
    """Read tables, measure every order and write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--name", default="checking")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = [row for path in given.rows for row in read_checked(path)]
    document = {"tables": [path.name for path in given.rows], **measured(rows, given.draws)}
    given.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False)
    (given.out / f"{given.name}.json").write_text(text + "\n", encoding="utf-8")
    (given.out / f"{given.name}.md").write_text(page(document), encoding="utf-8")


def read_checked(path: Path) -> list[Checked]:
    """Read one table of either kind; rows without a true Dice or a score are left out."""
    with path.open(newline="", encoding="utf-8") as file:
        found = [_checked(row) for row in csv.DictReader(file)]
    return [row for row in found if not isnan(row.dice) and "score" in row.orders]


def _checked(row: Mapping[str, str]) -> Checked:
    def number(*names: str) -> float:
        """Return the first of some columns that holds a number; NaN without one."""
        return next((float(row[name]) for name in names if row.get(name)), nan)

    orders = {name: number(*columns) for name, columns in _COLUMNS.items()}
    width = number("score_hi") - number("score_lo")
    orders["spread"] = -(number("context_doubt") if isnan(width) else width)
    known = {name: value for name, value in orders.items() if not isnan(value)}
    dice = number("true_dice", "dice")
    return Checked(row.get("set_name") or row.get("set", ""), row["structure"], dice, known)


def measured(rows: Sequence[Checked], n_draws: int) -> dict[str, Any]:
    """Measure every order that all labels of all sets have.

    Returns:
        Plain data: sets that were drawn from and those left out as they hold too few good or bad
        labels, and for each order the share of labels looked at, with its 95 % interval over sets,
        that share by a random order's, and the precision of the first `_KS`.
    """
    by_set = {
        name: [row for row in rows if row.set == name] for name in sorted({r.set for r in rows})
    }
    large = {name: own for name, own in by_set.items() if _large(own)}
    found: dict[str, Any] = {
        "prevalence": PREVALENCE,
        "found": FOUND,
        "bad_below": BAD_BELOW,
        "draws": n_draws,
        "labels": sum(map(len, large.values())),
        "sets": {name: [len(own), sum(map(_bad, own))] for name, own in large.items()},
        "left_out": sorted(set(by_set) - set(large)),
        "orders": {},
    }
    if not large:
        return found
    names = set.intersection(*(set(row.orders) for own in large.values() for row in own))
    columns: dict[str, Callable[[Sequence[Checked]], Floats]] = {
        name: partial(_column, name) for name in (*_COLUMNS, "spread") if name in names
    }
    columns["score_within_structure"] = _less_usual
    columns["random"] = lambda own: np.zeros(len(own))
    per_set = {
        name: np.array([_looked(own, column(own), n_draws) for own in large.values()])
        for name, column in columns.items()
    }
    chance = per_set["random"][:, 0]
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(large), size=(2000, len(large)))
    for name, values in per_set.items():
        shares = values[:, 0]
        found["orders"][name] = {
            "looked_at": float(shares.mean()),
            "interval": np.quantile(shares[drawn].mean(axis=1), (0.025, 0.975)).tolist(),
            "of_random": float(shares.mean() / chance.mean()),
            "of_random_interval": np.quantile(
                shares[drawn].mean(axis=1) / chance[drawn].mean(axis=1), (0.025, 0.975)
            ).tolist(),
            **{f"precision_at_{k}": float(values[:, 1 + n].mean()) for n, k in enumerate(_KS)},
        }
    return found


def _column(name: str, rows: Sequence[Checked]) -> Floats:
    return np.array([row.orders[name] for row in rows])


def _bad(row: Checked) -> bool:
    return row.dice < BAD_BELOW


def _large(rows: Sequence[Checked]) -> bool:
    n_bad = sum(map(_bad, rows))
    return n_bad >= FEWEST_BAD and len(rows) - n_bad >= FEWEST_GOOD


def _less_usual(rows: Sequence[Checked]) -> Floats:
    """Return scores less what correct labels of their structure score in this set."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row.structure, []).append(row.orders["score"])
    level = {name: Usual(tuple(sorted(own)), nan).level for name, own in scores.items()}
    return np.array([row.orders["score"] - level[row.structure] for row in rows])


def _looked(rows: Sequence[Checked], low_is_bad: Floats, n_draws: int) -> list[float]:
    """Return the mean share of labels looked at, and the precision of the first `_KS`."""
    bad = np.array([_bad(row) for row in rows])
    wrong, right = np.flatnonzero(bad), np.flatnonzero(~bad)
    per_bad = (1 - PREVALENCE) / PREVALENCE
    n_bad = max(1, min(len(wrong), int(len(right) / per_bad)))
    n_good = min(len(right), round(n_bad * per_bad))
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n_draws):
        chosen = np.concatenate(
            [rng.choice(wrong, n_bad, replace=False), rng.choice(right, n_good, replace=False)]
        )
        rng.shuffle(chosen)  # what scores the same comes in random order
        ranked = bad[chosen[np.argsort(low_is_bad[chosen], kind="stable")]]
        last = np.flatnonzero(ranked)[ceil(FOUND * n_bad) - 1]
        found.append([(last + 1) / len(ranked), *(ranked[:k].mean() for k in _KS)])
    return [float(value) for value in np.mean(found, axis=0)]


def page(document: dict[str, Any]) -> str:
    """Return the figures as a markdown page."""
    lines = [
        "# Checking: labels looked at to find the bad ones",
        "",
        f"`python -m benchmarks.select.checking {' '.join(document['tables'])}`",
        "",
        f"One in {1 / document['prevalence']:.0f} labels is bad (Dice below "
        f"{document['bad_below']}); looked at until {document['found']:.0%} of the bad ones were "
        f"seen. {document['labels']} labels of {len(document['sets'])} sets, {document['draws']} "
        "draws of each; means over sets, brackets hold 95 % intervals over sets.",
        "",
        "| order | labels looked at | of a random order | "
        + " | ".join(f"precision at {k}" for k in _KS)
        + " |",
        "|---|---|---|" + "---|" * len(_KS),
        *_lines(document["orders"].items()),
        "",
    ]
    if document["left_out"]:
        lines += [
            f"Left out, with fewer than {FEWEST_BAD} bad or {FEWEST_GOOD} good labels: "
            f"{len(document['left_out'])} sets.",
            "",
        ]
    return "\n".join(lines)


def _lines(orders: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    ranked = sorted(orders, key=lambda one: one[1]["looked_at"])
    return [
        f"| {name.replace('_', ' ')} | {_interval(one['looked_at'], one['interval'])} | "
        f"{_interval(one['of_random'], one['of_random_interval'])} | "
        + " | ".join(f"{one[f'precision_at_{k}']:.2f}" for k in _KS)
        + " |"
        for name, one in ranked
    ]


def _interval(value: float, ends: Sequence[float]) -> str:
    return f"{value:.0%} [{ends[0]:.0%}, {ends[1]:.0%}]"


if __name__ == "__main__":
    main()
