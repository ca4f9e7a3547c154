"""Reverse classification accuracy on the frozen test: a baseline that needs no training.

Judges every pair of `benchmarks/pairs.yaml` by a few references: per structure the first training
subjects of the same set that hold it, one case each. Rows are kept per case under `runs/rca`, so a
stopped run continues; `judge_sheet.py` puts them beside the judge's. Writes `rca.json`: figures per
set, and how it does with the mean over the references instead of the best.

Usage: python -m benchmarks.baselines.rca DATA_ROOT [--references 5] [--out docs/results]
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenPair, FrozenSet
from benchmarks.frozen_test.training_references import training_references
from segassay.corruption.faulty_cases import ExpertCase
from segassay.datasets.opening import open_dataset
from segassay.datasets.pair_table import UNTOUCHED
from segassay.judge.comparison.reverse_accuracy import ReverseAccuracy
from segassay.metrics.summary import JudgedLabels, agreement, mean_over_groups


def main() -> None:
    """Judge what is not judged yet, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--references", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    parser.add_argument("--work", type=Path, default=RUNS / "rca")
    options = parser.parse_args()
    frozen = Frozen(options.data)
    version = frozen.test.version
    run = Run(frozen, options.work / f"v{version}", options.references)
    rows = [row for entry in frozen.test.sets for row in run.rows(entry)]
    figures = {"test_version": version, "references": options.references, **summarise(rows)}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "rca.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


class Run:
    """The rows of the test, made case by case and kept in a folder."""

    def __init__(self, frozen: Frozen, folder: Path, n_references: int) -> None:
        self.frozen, self.folder, self.n_references = frozen, folder, n_references

    def rows(self, entry: FrozenSet) -> Iterator[Row]:
        """Return the rows of one set; cases judged before are read back."""
        judge = cache(partial(self._judge, entry))
        for case_id in entry.cases:
            path = self.folder / f"{entry.name}-{case_id}.json"
            yield from kept_rows(path, partial(self._case, entry, case_id, judge))

    def _judge(self, entry: FrozenSet) -> ReverseAccuracy:
        dataset = open_dataset(self.frozen.data / entry.path)
        return ReverseAccuracy(
            training_references(dataset, n_each=self.n_references, modality=entry.modality)
        )

    def _case(
        self, entry: FrozenSet, case_id: str, judge: Callable[[], ReverseAccuracy]
    ) -> list[Row]:
        expert = self.frozen.expert(entry, case_id)
        return case_rows(expert, self.frozen.pairs(entry, expert), judge())


def case_rows(expert: ExpertCase, pairs: Sequence[FrozenPair], judge: ReverseAccuracy) -> list[Row]:
    """Judge all pairs of a case; `seconds` is the processor time of judging it, spread evenly."""
    start = time.process_time()
    scores = judge.score_labels(expert.image, [(p.structure, p.mask) for p in pairs])
    seconds = (time.process_time() - start) / max(len(pairs), 1)
    return [
        {
            "set": expert.set_name,
            "subject": f"{expert.set_name}/{expert.case.subject_id}",
            "case": expert.case.case_id,
            "structure": p.structure,
            "recipe": p.recipe,
            "origin": p.origin,
            "seed": p.seed,
            "true": p.dice,
            "scores": {"rca": s.value},
            "by_reference": dict(s.by_reference),
            "seconds": seconds,
        }
        for p, s in zip(pairs, scores, strict=True)
    ]


def columns(rows: list[Row]) -> JudgedLabels:
    """Turn rows with a value into columns; there are no intervals."""

    def text(key: str) -> Any:
        return np.array([row[key] for row in rows], dtype=np.str_)

    value = np.array([row["scores"]["rca"] for row in rows])
    none = np.full(len(rows), np.nan)
    true = np.array([row["true"] for row in rows])
    return JudgedLabels(value, none, none, true, text("subject"), text("set"), text("structure"))


def summarise(rows: list[Row]) -> Row:
    """Return the figures, per set and over sets."""
    judged = [row for row in rows if not np.isnan(row["scores"]["rca"])]
    labels = columns(judged)
    means = np.array([np.mean(list(row["by_reference"].values())) for row in judged])
    clean = np.array([row["recipe"] == UNTOUCHED for row in judged])
    names = sorted(set(labels.group.tolist()))
    return {
        "n": len(judged),
        "not_judged": len(rows) - len(judged),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "over_sets": mean_over_groups(labels),
        "pooled": agreement(labels),
        "mean_of_references_over_sets": mean_over_groups(labels.with_value(means)),
        "by_set": {
            name: {
                **agreement(labels.where(labels.group == name), n_draws=200),
                "median_untouched": round(
                    float(np.median(labels.value[clean & (labels.group == name)])), 4
                ),
            }
            for name in names
        },
    }


if __name__ == "__main__":
    main()
