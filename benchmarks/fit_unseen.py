"""What `segassay fit` gains on data the judge never saw, on 10 and 25 gold cases.

Every set of the frozen test is judged by the judge that learned from no set of its group
(`leave_group_out.py`), as it is and fitted to gold subjects drawn from those that are not in the
test; a set with fewer gives all it has. Tested on the test's masks, so half of the faults are
errors of a network, which no fit on planted faults has met. What the network says of a label is
kept, so a draw costs nothing; `seconds` is the measuring of the gold labels and the fit.

Usage: python benchmarks/fit_unseen.py DATA_ROOT [--judges FOLDER] [--gold 10 25] [--draws 5]
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from frozen import HERE, RUNS, Frozen, Row, kept_rows
from leave_group_out import GROUPS, refuse_if_seen
from numpy.typing import NDArray

from segassay.data.case import Case
from segassay.data.readers import open_dataset
from segassay.metrics.agreement import interval_coverage
from segassay.metrics.summary import JudgedLabels, agreement
from segassay.pipelines.frozen_test import FrozenSet
from segassay.pipelines.gold_judge import open_base
from segassay.pipelines.measure_gold import faults_per_label, measure_case
from segassay.scoring.adapter import Labels
from segassay.scoring.fitting import fit
from segassay.scoring.slice_judge import SliceJudge

_POOL = 40
"""Subjects of a set that gold cases are drawn from, at most."""


def main() -> None:
    """Measure what is not measured yet, fit to draws, and write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--gold", type=int, nargs="+", default=[10, 25])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    frozen = Frozen(options.data)
    by_set = {}
    for group, names in GROUPS.items():
        path = str(options.judges / f"without-{group}")
        refuse_if_seen(path, names)
        folder, judge = open_base(path)
        kept = RUNS / "fit_unseen" / f"{folder.meta['model_id']}-v{frozen.test.version}"
        for entry in (e for e in frozen.test.sets if e.name in names):
            measured = Measured(frozen, entry, judge, kept)
            by_set[entry.name] = measured.figures(options.gold, options.draws)
    result = {"test_version": frozen.test.version, "draws": options.draws, "sets": by_set}
    (options.out / "fit_unseen.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "fit_unseen.md").write_text(page(result))


@dataclass(frozen=True, slots=True)
class Measured:
    """One set of the test, measured by a judge that never saw it."""

    frozen: Frozen
    entry: FrozenSet
    judge: SliceJudge
    kept: Path

    def figures(self, counts: Sequence[int], n_draws: int) -> Row:
        """Return the judge as it is and fitted to draws of each number of gold subjects."""
        gold = list(self._gold())
        test = [row for case_id in self.entry.cases for row in self._test(case_id)]
        subjects = sorted({row["subject"] for row in gold})
        found: Row = {"unadapted": _figures(test, np.array([row["stated"] for row in test]))}
        for count in sorted({min(n, len(subjects)) for n in counts}):
            draws = [self._fitted(gold, test, subjects, count, seed) for seed in range(n_draws)]
            found[str(count)] = {
                key: round(float(np.mean([draw[key] for draw in draws])), 4) for key in draws[0]
            } | {"pearson_of_draws": [draw["pearson"] for draw in draws]}
        return found

    def _fitted(
        self, gold: list[Row], test: list[Row], subjects: list[str], count: int, seed: int
    ) -> dict[str, float]:
        rng = np.random.default_rng(seed)
        chosen = set(rng.choice(subjects, count, replace=False).tolist())
        mine = [row for row in gold if row["subject"] in chosen]
        start = time.perf_counter()
        fitted = fit(_labels(mine), adapt=True)
        seconds = time.perf_counter() - start + sum(row["seconds"] for row in mine)
        return {**_figures(test, fitted(_labels(test))), "seconds": round(seconds, 1)}

    def _gold(self) -> Iterator[Row]:
        """Yield measured labels of subjects outside the test, untouched and with faults."""
        dataset = open_dataset(self.frozen.data / self.entry.path)
        held = {c.subject_id for c in dataset.cases if c.case_id in self.entry.cases}
        free = [c for c in dataset.cases if c.labels and c.subject_id not in held]
        subjects = sorted({c.subject_id for c in free})
        pool = set(np.random.default_rng(0).permutation(subjects)[:_POOL].tolist())
        cases = [replace(c, modality=self.entry.modality) for c in free if c.subject_id in pool]
        n_faults = faults_per_label(cases[:25])
        for case in cases:
            make = partial(self._of_gold, case, n_faults)
            yield from kept_rows(self.kept / f"{self.entry.name}-gold-{case.case_id}.json", make)

    def _of_gold(self, case: Case, n_faults: int) -> list[Row]:
        start = time.perf_counter()
        labels = measure_case(case, self.judge, set_name=self.entry.name, n_faults=n_faults, seed=0)
        if isinstance(labels, tuple):
            raise SystemExit(": ".join(labels))
        seconds = (time.perf_counter() - start) / max(len(labels), 1)
        return [
            _row(g.measured, g.stated, g.true, g.subject, g.structure) | {"seconds": seconds}
            for g in labels
        ]

    def _test(self, case_id: str) -> list[Row]:
        return kept_rows(
            self.kept / f"{self.entry.name}-test-{case_id}.json", partial(self._of_test, case_id)
        )

    def _of_test(self, case_id: str) -> list[Row]:
        expert = self.frozen.expert(self.entry, case_id)
        pairs = self.frozen.pairs(self.entry, expert)
        found = self.judge.measure_labels(
            expert.image, [(p.structure, p.mask) for p in pairs], modality=expert.modality
        )
        return [
            _row(m, self.judge.calibrated(m), p.dice, expert.case.subject_id, p.structure)
            for p, m in zip(pairs, found, strict=True)
            if m is not None
        ]


def _row(measured: Any, stated: Sequence[float], true: float, subject: str, structure: str) -> Row:
    return {
        "subject": subject,
        "structure": structure,
        "true": true,
        "raw": measured.raw,
        "features": [round(float(v), 6) for v in measured.features],
        "stated": list(stated),
    }


def _labels(rows: list[Row]) -> Labels:
    return Labels(
        raw=np.array([row["raw"] for row in rows]),
        features=np.array([row["features"] for row in rows]),
        true=np.array([row["true"] for row in rows]),
        subjects=np.array([row["subject"] for row in rows]),
        decisive=np.ones(len(rows), dtype=np.bool_),
    )


def _figures(rows: list[Row], stated: NDArray[np.float64]) -> dict[str, float]:
    value, low, high = stated.T
    subject = np.array([row["subject"] for row in rows])
    structure = np.array([row["structure"] for row in rows])
    true = np.array([row["true"] for row in rows])
    labels = JudgedLabels(value, low, high, true, subject, np.zeros_like(subject), structure)
    found = agreement(labels, n_draws=2)
    coverage, width = interval_coverage(low, high, true)
    return {
        "pearson": float(found["pearson"]),  # type: ignore[arg-type]
        "mae": float(found["mae"]),  # type: ignore[arg-type]
        "auroc_below_0.8": float(found["auroc_below_0.8"]),  # type: ignore[arg-type]
        "interval_coverage": round(coverage, 4),
        "interval_width": round(width, 4),
    }


def page(result: Row) -> str:
    """Return the results as markdown."""
    sets = result["sets"]
    least = {name: sorted(found, key=_gold_count) for name, found in sets.items()}
    means = "\n".join(
        f"| {words} | {_mean(sets[n][keys[at]]['pearson'] for n, keys in least.items()):.3f} | "
        f"{_mean(sets[n][keys[at]]['mae'] for n, keys in least.items()):.3f} |"
        for words, at in (("as it is", 0), ("fewest gold", 1), ("most gold", -1))
    )
    rows = "\n".join(
        f"| {name} | {key} | {f['pearson']:.3f} | {f['mae']:.3f} | {f['auroc_below_0.8']:.3f} | "
        f"{f['interval_coverage']:.0%} | {f['interval_width']:.2f} | {f.get('seconds', 0):.0f} |"
        for name, found in sets.items()
        for key, f in found.items()
    )
    return f"""# Fitted to a few gold cases of data the judge never saw

Judges that never saw the set's group (`leave_group_out.md`), as they are and after `segassay fit`
on gold cases with planted faults; tested on the frozen test's masks, half of whose faults are
errors of a network. Means of {result["draws"]} draws of gold subjects (10 and 25; all where a set
has fewer).
Seconds on one core of a busy machine. Made by `python benchmarks/fit_unseen.py`.

| mean over {len(sets)} sets | Pearson | MAE |
|---|---|---|
{means}

| set | gold subjects | Pearson | MAE | AUROC < .8 | intervals hold | their width | seconds |
|---|---|---|---|---|---|---|---|
{rows}
"""


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _gold_count(key: str) -> int:
    return 0 if key == "unadapted" else int(key)


if __name__ == "__main__":
    main()
