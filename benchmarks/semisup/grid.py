"""Does a judge's view of pseudo-labels help? Methods with and without it, on test subjects.

A table is a YAML file in `tables/`: data sets, methods, qualities, networks, seeds and the recipe.
Every cell is a training of `semisup.train_semisup` under `runs/semisup/TABLE`; a stopped run goes
on, and cells that are done are read back. Judges know nothing of the set but its labelled part. The
gain of a quality is paired: the same set, method, network, seed and label with and without it;
intervals resample subjects. Both rules of selection stand side by side: weights that validate best
on the labelled part, and the last.

Usage: python -m benchmarks.semisup.grid DATA_ROOT [--table main] [--judges FOLDER] [--only SET ...]
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from benchmarks.frozen_test.frozen import HERE, RUNS, Row, kept_rows
from benchmarks.semisup.dice_of_models import dice_rows
from benchmarks.semisup.semi_sets import SemiData, SemiSet, divided, judge_for
from segassay.metrics.agreement import Estimate, bootstrap_by_subject
from segassay.segment.model_folder import META
from segassay.segment.recipe import Architecture
from segassay.semisup.semi_recipe import MethodName, Quality, SemiRecipe
from segassay.semisup.train_semisup import train_semisup

TABLES = Path(__file__).parent / "tables"
_RULES = {"kept": "validation", "last": "last"}


class Table(BaseModel):
    """One table: all its cells, and how long each trains.

    `fit_minutes` of learning make the judge of each set from its labelled part, 0 for none;
    `recipe` is that of every cell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: tuple[SemiSet, ...]
    methods: tuple[MethodName, ...]
    qualities: tuple[Quality, ...]
    networks: tuple[Architecture, ...] = ("unet",)
    seeds: tuple[int, ...] = (0, 1, 2)
    fit_minutes: float = 5.0
    recipe: dict[str, object] = {}

    def cells(self, entry: SemiSet) -> Iterator[SemiRecipe]:
        """Yield the recipe of every cell of a set, the supervised line first."""
        ways = [("supervised", "off"), *product(self.methods, self.qualities)]
        for network, seed, (method, quality) in product(self.networks, self.seeds, ways):
            share = entry.validation / (entry.validation + entry.labelled)
            own = {"validation": share, "network": network, "seed": seed}
            yield SemiRecipe.model_validate(
                {**self.recipe, **own, "method": method, "quality": quality}
            )


def main() -> None:
    """Train what is not trained yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--table", default="main", help="name of a file in tables/")
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    parser.add_argument("--only", nargs="+", default=[], help="names of sets")
    options = parser.parse_args()
    table = read_table(options.table)
    rows: list[Row] = []
    for entry in (e for e in table.sets if not options.only or e.name in options.only):
        parts = divided(entry, options.data)
        judge = judge_for(entry, parts.labelled, options.judges, table.fit_minutes)
        for recipe in table.cells(entry):
            said = recipe.model_copy(update={"judge": str(judge)})
            rows += cell(RUNS / "semisup" / options.table / entry.name, entry, parts, said)
    if options.only:
        return
    result = {"table": options.table, "cells": cell_means(rows), "gains": gains(rows)}
    name = "ssl" if options.table == "main" else f"ssl_{options.table}"
    (options.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / f"{name}.md").write_text(page(result, options.table))


def read_table(name: str) -> Table:
    """Read a table's file."""
    return Table.model_validate(yaml.safe_load((TABLES / f"{name}.yaml").read_text()))


def cell(folder: Path, entry: SemiSet, parts: SemiData, recipe: SemiRecipe) -> list[Row]:
    """Train a cell and test it, unless it is done; return a row for every label of the test."""
    name = f"{recipe.method}-{recipe.quality}-{recipe.network}-{recipe.seed}"
    out = folder / name
    about = {
        "set": entry.name,
        "method": recipe.method,
        "quality": recipe.quality,
        "network": recipe.network,
        "seed": recipe.seed,
    }
    rows = kept_rows(folder / f"{name}.json", partial(_made, out, parts, recipe))
    return [{**about, **row} for row in rows]


def _made(out: Path, parts: SemiData, recipe: SemiRecipe) -> list[Row]:
    begun = monotonic()
    if not (out / META).exists():
        train_semisup(parts.labelled, parts.unlabelled, recipe, out, say=partial(print, flush=True))
    minutes = round((monotonic() - begun) / 60, 2)
    return [{**row, "minutes": minutes} for row in dice_rows(out, parts.test)]


_CELL = ("set", "method", "quality", "network")


def cell_means(rows: Sequence[Row]) -> list[Row]:
    """Return the mean Dice of every cell over subjects and seeds, by both rules."""
    groups = _grouped(rows, lambda row: tuple(row[key] for key in _CELL))
    return [
        {
            **dict(zip(_CELL, key, strict=True)),
            **{rule: round(fmean(row[rule] for row in own), 4) for rule in _RULES},
            "labels": len(own),
        }
        for key, own in groups.items()
    ]


def gains(rows: Sequence[Row]) -> list[Row]:
    """Return what each quality gains over `off`, in Dice: over all cells, and by set and method."""
    keys = (*(k for k in _CELL if k != "quality"), "seed", "subject", "structure")
    pairs = _grouped(rows, lambda row: tuple(row[key] for key in keys))
    # A label that is in one file several times (two phases of a heart) is one case each time.
    differences: list[Row] = []
    for own in pairs.values():
        off = [row for row in own if row["quality"] == "off"]
        for quality in dict.fromkeys(row["quality"] for row in own if row["quality"] != "off"):
            some = [row for row in own if row["quality"] == quality]
            differences += [
                {**row, **{rule: row[rule] - before[rule] for rule in _RULES}}
                for row, before in zip(some, off, strict=True)
            ]
    found = []
    for quality, some in _grouped(differences, lambda row: row["quality"]).items():
        found.append({"quality": quality, "set": "all", "method": "all", **_estimated(some)})
        by_cell = _grouped(some, lambda row: (row["set"], row["method"], row["network"]))
        for (name, method, network), own in by_cell.items():
            about = {"quality": quality, "set": name, "method": method, "network": network}
            found.append({**about, **_estimated(own)})
    return found


def _estimated(rows: Sequence[Row]) -> Row:
    """Return mean differences with intervals; sets count alike, whatever their size."""
    subjects = np.array([f"{row['set']} {row['subject']}" for row in rows])
    sets = np.array([row["set"] for row in rows])
    found: Row = {"pairs": len(rows)}
    for rule in _RULES:
        values = np.array([row[rule] for row in rows])

        def mean(at: NDArray[np.intp], values: NDArray[np.float64] = values) -> float:
            """Return the mean over sets of the drawn labels."""
            return fmean(float(values[at][sets[at] == name].mean()) for name in np.unique(sets[at]))

        found[rule] = _as_list(bootstrap_by_subject(subjects, mean))
    return found


def _as_list(found: Estimate) -> list[float]:
    return [round(float(value), 4) for value in (found.value, found.low, found.high)]


def _grouped(rows: Sequence[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def page(result: Row, table: str) -> str:
    """Return the results as markdown."""
    cells = "\n".join(
        f"| {c['set']} | {c['network']} | {c['method']} | {c['quality']} | {c['kept']:.3f} "
        f"| {c['last']:.3f} | {c['labels']} |"
        for c in result["cells"]
    )
    gained = "\n".join(
        f"| {g['quality']} | {g['set']} | {g.get('network', 'all')} | {g['method']} "
        f"| {_told(g['kept'])} | {_told(g['last'])} | {g['pairs']} |"
        for g in result["gains"]
    )
    return f"""# Training with few labels, guided by a judge or not

`python -m benchmarks.semisup.grid DATA_ROOT --table {table}`

Test Dice, mean over labels and seeds. Weights: those that validate best on the labelled part, and
the last. The test chose nothing.

| set | network | method | quality | best on validation | last | labels |
|---|---|---|---|--:|--:|--:|
{cells}

What a quality gains in Dice over `off`, paired by set, method, network, seed and label; 95 %
intervals by subject.

| quality | set | network | method | best on validation | last | pairs |
|---|---|---|---|--:|--:|--:|
{gained}
"""


def _told(found: Sequence[float]) -> str:
    value, low, high = found
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
