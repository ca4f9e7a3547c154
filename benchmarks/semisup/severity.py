"""From which share of wrong labels on, and how wrong, do weights in training pay?

A share of the training labels is replaced by faults of families that no judge is trained on, mild
(Dice about 0.8) or gross (about 0.4). A network then learns from them unweighted, with the weights
of an audit, without those that a first network fits worst (small-loss selection, as in
co-teaching), without those that are wrong (the oracle), and from the untouched labels. Given is the
share of the loss, clean minus unweighted, that each way recovers. Trainings are kept under
`runs/semisup/severity`, so a stopped run goes on.

Usage: python -m benchmarks.semisup.severity DATA_ROOT [--table severity] [--judges FOLDER]
"""

import argparse
import json
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from benchmarks.frozen_test.frozen import HERE, RUNS, Row, kept_rows
from benchmarks.semisup.dice_of_models import dice_rows
from benchmarks.semisup.grid import TABLES
from benchmarks.semisup.semi_sets import SemiSet, divided
from benchmarks.unseen_data.planted_faults import table_row, write_table
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.corruption.families import NEVER_TRAINED
from segassay.corruption.faulty_cases import ExpertCase, read_expert_case
from segassay.corruption.spread import draw_near
from segassay.corruption.volume_faults import LabelledPlanes
from segassay.datasets.case import Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_labelled_case
from segassay.images.io import read_image
from segassay.images.slicing import as_planes, from_planes, slicing_axis
from segassay.images.write_label import label_path, write_label
from segassay.metrics.overlap import dice
from segassay.runs.configs import SourceConfig
from segassay.segment.examples import LabelWeights
from segassay.segment.label_weights import read_label_weights
from segassay.segment.model_folder import META
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.segmenter import Segmenter
from segassay.segment.train_segmenter import train_segmenter

Way = Literal["clean", "unweighted", "audit", "small loss", "oracle"]
_WAYS: tuple[Way, ...] = ("clean", "unweighted", "audit", "small loss", "oracle")
_TARGETS = {"mild": 0.8, "gross": 0.4}


class SeverityTable(BaseModel):
    """Sets, shares of wrong labels, and the recipe of every training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: tuple[SemiSet, ...]
    shares: tuple[float, ...]
    severities: tuple[Literal["mild", "gross"], ...] = ("mild", "gross")
    seeds: tuple[int, ...] = (0, 1, 2)
    recipe: dict[str, object] = {}


def main() -> None:
    """Corrupt, audit and train what is not there yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--table", default="severity", help="name of a file in tables/")
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    text = (TABLES / f"{options.table}.yaml").read_text()
    table = SeverityTable.model_validate(yaml.safe_load(text))
    rows: list[Row] = []
    for entry, share, severity in product(table.sets, table.shares, table.severities):
        parts = divided(entry, options.data)
        judge = options.judges / f"without-{entry.audited.group}"
        folder = RUNS / "semisup" / options.table / entry.name / f"{severity}-{share:g}"
        corrupt, wrong = corrupted(entry, parts.labelled, folder, share, severity)
        for seed, way in product(table.seeds, _WAYS):
            recipe = SegmentationRecipe.model_validate({**table.recipe, "seed": seed})
            cell = Cell(folder, seed, recipe, judge, corrupt, wrong)
            data = parts.labelled if way == "clean" else corrupt
            make = partial(trained_rows, cell, way, data, parts.test)
            # Untouched labels are the same for every severity and share.
            at = folder.parent / "clean" if way == "clean" else folder
            found = kept_rows(at / f"{way.replace(' ', '-')}-{seed}.json", make)
            about = {"set": entry.name, "share": share, "severity": severity, "way": way}
            rows += [{**about, **row} for row in found]
        print(entry.name, severity, share, len(rows), flush=True)
    result = {"table": options.table, "cells": figures(rows)}
    (options.out / f"ssl_{options.table}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / f"ssl_{options.table}.md").write_text(page(result["cells"], options.table))


class Cell:
    """One corrupted training set and who trains on it."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        recipe: SegmentationRecipe,
        judge: Path,
        corrupt: Dataset,
        wrong: Mapping[tuple[str, str], float],
    ) -> None:
        self.folder, self.seed, self.recipe, self.judge = folder, seed, recipe, judge
        self.corrupt, self.wrong = corrupt, wrong

    def weights(self, way: Way) -> LabelWeights:
        """Return what labels count in one way of training."""
        if way == "oracle":
            return dict.fromkeys(self.wrong, 0.0)
        if way == "audit":
            return self._audited()
        return self._small_loss() if way == "small loss" else {}

    def _audited(self) -> LabelWeights:
        out = self.folder / "audit"
        source = SourceConfig(path=self.folder / "labels.csv")
        audit(AuditConfig(source=source, out=out, judge=str(self.judge), n_worst=0))
        return read_label_weights(out)

    def _small_loss(self) -> LabelWeights:
        """Leave out what the unweighted network fits worst, as many labels as are wrong.

        It is told how many these are, as co-teaching is.
        """
        segmenter = Segmenter(self.folder / f"unweighted-{self.seed}")
        fits: dict[tuple[str, str], float] = {}
        for case in self.corrupt.cases:
            opened = read_labelled_case(case)
            drawn = segmenter([opened.image, *(read_image(path) for path in case.images[1:])])
            for ref, mask in opened.masks():
                if mask:
                    pair = drawn[ref.structure].beside(mask)
                    fits[case.case_id, ref.structure] = dice(*pair)
        worst = sorted(fits, key=lambda key: fits[key])[: len(self.wrong)]
        return dict.fromkeys(worst, 0.0)


def trained_rows(cell: Cell, way: Way, data: Dataset, test: Dataset) -> list[Row]:
    """Train in one way, unless it is done; return the rows of the test."""
    folder = cell.folder.parent / "clean" if way == "clean" else cell.folder
    out = folder / f"{way.replace(' ', '-')}-{cell.seed}"
    if not (out / META).exists():
        say = partial(print, flush=True)
        train_segmenter(data, cell.recipe, out, weights=cell.weights(way), say=say)
    return dice_rows(out, test)


def corrupted(
    entry: SemiSet, labelled: Dataset, folder: Path, share: float, severity: str
) -> tuple[Dataset, dict[tuple[str, str], float]]:
    """Return the training set with a share of faulty labels, and the true Dice of these.

    Written once, as a table of files; drawn by lot from all labels.
    """
    path = folder / "labels.csv"
    if not path.exists():
        (folder / "faulty").mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(zlib.crc32(f"{entry.name} {severity} {share}".encode()))
        every = [(case.case_id, ref.structure) for case in labelled.cases for ref in case.labels]
        chosen = rng.choice(len(every), size=round(share * len(every)), replace=False)
        faulty = {every[k] for k in chosen}
        rows, wrong = [], {}
        for case in labelled.cases:
            expert = read_expert_case(entry.name, case, case.modality)
            for ref in case.labels:
                row = table_row(case, ref)
                key = (case.case_id, ref.structure)
                if key in faulty and ref.structure in expert.masks:
                    stem = folder / "faulty" / "-".join(key).replace("/", "_")
                    made = faulty_label(expert, ref.structure, _TARGETS[severity], rng)
                    if made is not None:
                        mask, true = made
                        file = label_path(stem, case.images[0])
                        write_label(file, mask, like=case.images[0], keep_header=False)
                        row |= {"label": file.resolve(), "value": ""}
                        wrong[key] = true
                rows.append(row)
        told = [[*key, round(true, 4)] for key, true in wrong.items()]
        (folder / "wrong.json").write_text(json.dumps(told))
        write_table(path, rows)
    found = json.loads((folder / "wrong.json").read_text())
    return open_dataset(path), {(case, name): true for case, name, true in found}


def faulty_label(
    expert: ExpertCase, structure: str, target: float, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], float] | None:
    """Plant a fault of a family never trained on near a Dice; `None` where none can be."""
    axis = slicing_axis(expert.image.grid)
    gold = expert.masks[structure]
    label = LabelledPlanes(
        image=as_planes(expert.image.array, axis),
        gold=as_planes(gold, axis),
        others=tuple(as_planes(m, axis) for n, m in expert.masks.items() if n != structure),
    )
    found = draw_near(label, tuple(NEVER_TRAINED), target, rng)
    if found is None:
        return None
    mask = np.ascontiguousarray(from_planes(found.mask, axis))
    return mask, dice(mask, gold)


def figures(rows: Sequence[Row]) -> list[Row]:
    """Return the mean test Dice of every way, and what share of the loss each recovers."""
    found: list[Row] = []
    for key in dict.fromkeys((row["set"], row["share"], row["severity"]) for row in rows):
        own = [row for row in rows if (row["set"], row["share"], row["severity"]) == key]
        means: dict[str, float] = {
            way: fmean(row["kept"] for row in own if row["way"] == way) for way in _WAYS
        }
        lost = means["clean"] - means["unweighted"]
        gained = {
            f"{way} recovers": (means[way] - means["unweighted"]) / lost if lost > 0 else None
            for way in ("audit", "small loss", "oracle")
        }
        name, share, severity = key
        about: Row = {"set": name, "share": share, "severity": severity}
        found.append({**about, **means, "lost": lost, **gained})
    return found


def page(cells: Sequence[Row], table: str) -> str:
    """Return the results as markdown."""
    lines = "\n".join(
        f"| {c['set']} | {c['severity']} | {c['share']:.0%} | "
        + " | ".join(f"{c[way]:.3f}" for way in _WAYS)
        + " | "
        + " | ".join(_share(c[f"{way} recovers"]) for way in ("audit", "small loss", "oracle"))
        + " |"
        for c in cells
    )
    return f"""# Where weights of labels pay in training

`python -m benchmarks.semisup.severity DATA_ROOT --table {table}`

Test Dice, mean over labels and seeds, by the share of training labels that are wrong and how wrong
they are. Recovered: of the Dice between clean labels and unweighted ones.

| set | faults | share | {" | ".join(_WAYS)} | audit | small loss | oracle |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{lines}
"""


def _share(value: float | None) -> str:
    return "nothing lost" if value is None else f"{value:.0%}"


if __name__ == "__main__":
    main()
