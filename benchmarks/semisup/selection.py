"""Which quarter of a pool of pseudo-labels is worth learning? Four ways to choose, and their price.

A network learns the labelled part and draws a pool without labels. The best quarter of these masks
is chosen by a judge, by the network's doubt under dropout (ten runs, dropout put into a network
that learned without), by its entropy, or by lot; a second network learns the labelled part and that
quarter. Beside its Dice on test subjects: seconds that choosing takes, and peak memory above that
of a process that has opened network and judge. Each choice runs in a process of its own; what is
done is kept under `runs/semisup/selection`.

Usage: python -m benchmarks.semisup.selection DATA_ROOT [--table selection] [--judges FOLDER]
"""

import argparse
import json
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch.nn import functional as F

from benchmarks.frozen_test.frozen import HERE, RUNS, Row, kept_rows
from benchmarks.semisup.dice_of_models import LastSegmenter, dice_rows
from benchmarks.semisup.grid import TABLES
from benchmarks.semisup.semi_sets import SemiData, SemiSet, divided, judge_for
from benchmarks.unseen_data.planted_faults import table_row, write_table
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.images.io import read_image
from segassay.images.volume import Volume
from segassay.judge.scoring import load_judge
from segassay.segment.model_folder import META
from segassay.segment.predict import predict
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.segmenter import Segmenter
from segassay.segment.train_segmenter import train_segmenter

WAYS = ("judge", "dropout", "entropy", "lot")
_SHARE = 0.25
_RUNS, _DROPPED = 10, 0.2
_TINY = 1e-6
Floats = NDArray[np.float32]


class SelectionTable(BaseModel):
    """Sets and the recipe of both trainings; `fit_minutes` as in `grid.Table`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: tuple[SemiSet, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    fit_minutes: float = 5.0
    recipe: dict[str, object] = {}


def main() -> None:
    """Draw, choose and train what is not there yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--table", default="selection", help="name of a file in tables/")
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    text = (TABLES / f"{options.table}.yaml").read_text()
    table = SelectionTable.model_validate(yaml.safe_load(text))
    rows: list[Row] = []
    for entry, seed in product(table.sets, table.seeds):
        parts = divided(entry, options.data)
        judge = judge_for(entry, parts.labelled, options.judges, table.fit_minutes)
        share = entry.validation / (entry.validation + entry.labelled)
        said = {**table.recipe, "seed": seed, "validation": share}
        recipe = SegmentationRecipe.model_validate(said)
        folder = RUNS / "semisup" / options.table / entry.name / str(seed)
        for way in ("none", *WAYS):
            make = partial(learned, folder, way, parts, recipe, judge)
            found = kept_rows(folder / f"{way}.json", make)
            rows += [{"set": entry.name, "seed": seed, "way": way, **row} for row in found]
    result = {"table": options.table, "ways": figures(rows)}
    (options.out / f"ssl_{options.table}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / f"ssl_{options.table}.md").write_text(page(result["ways"], options.table))


def learned(
    folder: Path, way: str, parts: SemiData, recipe: SegmentationRecipe, judge: Path
) -> list[Row]:
    """Train on the labelled part and what one way chooses of the pool; return the test's rows."""
    first = folder / "model-none"
    say = partial(print, flush=True)
    if way == "none":
        if not (first / META).exists():
            train_segmenter(parts.labelled, recipe, first, say=say)
        return dice_rows(first, parts.test)
    pool = [case for case in parts.unlabelled.cases if not _has_labels(case, parts)]
    drawn = folder / "drawn"
    predict(first, parts.unlabelled, drawn)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        chosen, price = alone.submit(choose, way, first, pool, judge, recipe.seed).result()
    out = folder / f"model-{way}"
    if not (out / META).exists():
        data = open_dataset(_table(folder / f"{way}.csv", parts, drawn, first, chosen))
        train_segmenter(data, recipe, out, say=say)
    return [{**row, **price} for row in dice_rows(out, parts.test)]


def _has_labels(case: Case, parts: SemiData) -> bool:
    return case.subject_id in {one.subject_id for one in parts.labelled.cases}


def choose(
    way: str, first: Path, pool: Sequence[Case], judge: Path, seed: int
) -> tuple[list[str], Row]:
    """Return the ids of the best quarter of a pool by one way, and what choosing took."""
    segmenter = LastSegmenter(first) if way == "dropout" else Segmenter(first)
    measure = _measures(judge, seed)[way]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, goodness = monotonic(), {}
    for case in pool:
        channels = [read_image(path) for path in case.images]
        goodness[case.case_id] = measure(segmenter, channels, case)
    taken = monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    best = sorted(goodness, key=lambda name: -goodness[name])
    price = {"seconds": round(taken / len(pool), 4), "mib": round(peak / 1024, 1)}
    return best[: max(1, round(_SHARE * len(pool)))], price


Measure = Callable[[Any, Sequence[Volume], Case], float]


def _measures(judge_folder: Path, seed: int) -> dict[str, Measure]:
    """Return how good each way takes a drawn case to be; higher is better."""
    rng = np.random.default_rng(seed)
    judge = load_judge(str(judge_folder))

    def by_judge(segmenter: Segmenter, channels: Sequence[Volume], case: Case) -> float:
        """Return the mean score of the masks; one that is not drawn counts 0."""
        masks = list(segmenter(channels).items())
        scores = judge.score_labels(channels[0], masks, modality=case.modality)
        return fmean(0.0 if score.value != score.value else score.value for score in scores)

    def by_entropy(segmenter: Segmenter, channels: Sequence[Volume], case: Case) -> float:
        """Return minus the mean entropy of what is drawn."""
        del case
        return -_entropy(segmenter.probabilities(channels))

    def by_dropout(segmenter: LastSegmenter, channels: Sequence[Volume], case: Case) -> float:
        """Return minus the mean variance over runs with dropout."""
        del case
        with _dropping(segmenter.net):
            runs = np.stack([segmenter.probabilities(channels) for _ in range(_RUNS)])
        drawn = runs.mean(axis=0) > 0.5
        return -float(runs.var(axis=0)[drawn].mean()) if drawn.any() else -1.0

    def by_lot(segmenter: Segmenter, channels: Sequence[Volume], case: Case) -> float:
        """Return any number."""
        del segmenter, channels, case
        return float(rng.random())

    return {"judge": by_judge, "dropout": by_dropout, "entropy": by_entropy, "lot": by_lot}


def _entropy(p: Floats) -> float:
    """Return the mean binary entropy over voxels that may be the structure."""
    q = p.clip(_TINY, 1 - _TINY)
    near = p > 0.05
    found = -(q * np.log(q) + (1 - q) * np.log(1 - q))
    return float(found[near].mean()) if near.any() else 1.0


@contextmanager
def _dropping(net: torch.nn.Module) -> Iterator[None]:
    """Drop some of what comes out of every activation of a network, as long as it lasts."""
    kinds = (torch.nn.LeakyReLU, torch.nn.ReLU, torch.nn.PReLU)
    hooks = [
        part.register_forward_hook(lambda _, __, out: F.dropout(out, _DROPPED, training=True))
        for part in net.modules()
        if isinstance(part, kinds)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _table(path: Path, parts: SemiData, drawn: Path, first: Path, chosen: Sequence[str]) -> Path:
    """Write the labelled part and the chosen masks as one table of files."""
    rows = [table_row(case, ref) for case in parts.labelled.cases for ref in case.labels]
    images = {case.case_id: case for case in parts.unlabelled.cases}
    structures = Segmenter(first).meta.structures
    for name in chosen:
        case = images[name]
        (file,) = (p for p in drawn.iterdir() if p.name.split(".")[0] == name)
        for value, structure in enumerate(structures, start=1):
            about = {"case_id": name, "subject": case.subject_id, "modality": case.modality or ""}
            places = {"image": case.images[0], "label": file.resolve()}
            rows.append({**about, **places, "structure": structure, "value": str(value)})
    write_table(path, rows)
    return path


def figures(rows: Sequence[Row]) -> list[Row]:
    """Return Dice and price of every way, set by set."""
    found: list[Row] = []
    for name, way in dict.fromkeys((row["set"], row["way"]) for row in rows):
        own = [row for row in rows if (row["set"], row["way"]) == (name, way)]
        told: Row = {"set": name, "way": way, "dice": fmean(r["kept"] for r in own)}
        for key in ("seconds", "mib"):
            if key in own[0]:
                told[key] = round(fmean(row[key] for row in own), 4)
        found.append(told)
    return found


def page(ways: Sequence[Row], table: str) -> str:
    """Return the results as markdown."""
    lines = "\n".join(
        f"| {w['set']} | {w['way']} | {w['dice']:.3f} | {w.get('seconds', '')} "
        f"| {w.get('mib', '')} |"
        for w in ways
    )
    return f"""# Choosing pseudo-labels

`python -m benchmarks.semisup.selection DATA_ROOT --table {table}`

Test Dice of a network that learned the labelled part and the best quarter of a pool of
pseudo-labels; `none` learned the labelled part alone. Seconds a case that choosing takes, and peak
memory above that of the process before, in MiB.

| set | chosen by | Dice | seconds | MiB |
|---|---|--:|--:|--:|
{lines}
"""


if __name__ == "__main__":
    main()
