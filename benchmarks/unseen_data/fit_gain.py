"""What `segassay fit` gains on a data set: unadapted against fitted on 10 and 25 gold subjects.

For several draws of gold subjects the judge is fitted to them and tested on the set's other
subjects, on labels untouched and with planted faults; the frozen test's subjects are left out. A
figure is a result only for a judge that never learned from the set (leave-group-out); for others it
is a smoke test, and the JSON says how many of the images the judge was trained on. Every case is
measured once and drawn again and again; `seconds` is the measuring of the gold labels and the fit.

Usage: python -m benchmarks.unseen_data.fit_gain DATA_SET --out FILE.json [--judge judge-small]
       [--gold 10 25]
       [--modality ultrasound] [--draws 5] [--per-label 30] [--subjects 60]
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segassay.datasets.case import Case
from segassay.datasets.one_source import of_one_source
from segassay.datasets.opening import open_dataset
from segassay.datasets.splits import split_subjects
from segassay.fit.gold_judge import open_base
from segassay.fit.measure_gold import Planting, measure_cases
from segassay.judge.calibration.fitting import GoldLabel, columns, fit
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.metrics.agreement import interval_coverage
from segassay.metrics.summary import JudgedLabels, agreement
from segassay.types import DEFAULT_JUDGE, Modality

Measured = dict[str, tuple[list[GoldLabel], float]]
"""For each subject its labels, and the seconds that measuring them took."""


def main() -> None:
    """Measure every subject once, fit to draws of them, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    parser.add_argument("--modality", type=Modality, default=None)
    parser.add_argument("--label-source", default=None)
    parser.add_argument("--gold", type=int, nargs="+", default=[10, 25])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--per-label", type=int, default=30)
    parser.add_argument("--subjects", type=int, default=None)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    folder, judge = open_base(options.judge)
    dataset = of_one_source(open_dataset(options.data), options.label_source)
    frozen = set(split_subjects(dataset.subjects).test)
    subjects = [s for s in dataset.subjects if s not in frozen][: options.subjects]
    cases = [c for c in dataset.cases if c.labels and c.subject_id in set(subjects)]
    if options.modality is not None:
        cases = [replace(case, modality=options.modality) for case in cases]
    found = measure(cases, judge, dataset.name, options.per_label)
    images = {label.image for labels, _ in found.values() for label in labels}
    figures = {
        "set": dataset.name,
        "judge": folder.meta.model_id,
        "subjects": len(found),
        "images": len(images),
        "images_trained_on": sum(judge.trained_on(image) for image in images),
        "faults_per_label": options.per_label,
        "on": "planted faults and untouched labels; frozen test's subjects left out",
        "by_gold": {n: by_draw(found, n, options.draws) for n in options.gold if n < len(found)},
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1) + "\n")
    for n, draws in figures["by_gold"].items():
        print(n, json.dumps({key: draws[key] for key in ("unadapted", "fitted", "seconds")}))


def measure(cases: Sequence[Case], judge: SliceJudge, name: str, per_label: int) -> Measured:
    """Measure the labels of all cases, untouched and with faults."""
    found: Measured = {}
    for number, case in enumerate(cases, start=1):
        start = time.perf_counter()
        measured = measure_cases([case], judge, Planting(name, per_label, 0))
        labels = measured.labels
        for what, why in measured.problems:
            print(f"{what}: {why}")
        known, seconds = found.get(case.subject_id, ([], 0.0))
        found[case.subject_id] = ([*known, *labels], seconds + time.perf_counter() - start)
        print(f"{number}/{len(cases)} {case.case_id}", flush=True)
    return found


def by_draw(found: Measured, n_gold: int, n_draws: int) -> dict[str, Any]:
    """Return the mean over draws of every main figure, and the draws themselves."""
    draws = [one_draw(found, n_gold, seed) for seed in range(n_draws)]
    means: dict[str, Any] = {
        which: {key: _mean(d[which][key] for d in draws) for key in ("pearson", "mae")}
        for which in ("unadapted", "fitted")
    }
    return {**means, "seconds": _mean(d["seconds"] for d in draws), "draws": draws}


def one_draw(found: Measured, n_gold: int, seed: int) -> dict[str, Any]:
    """Fit to `n_gold` subjects and test on all others."""
    rng = np.random.default_rng(seed)
    chosen = set(rng.choice(sorted(found), n_gold, replace=False).tolist())
    gold = [label for s, (labels, _) in found.items() if s in chosen for label in labels]
    rest = [label for s, (labels, _) in found.items() if s not in chosen for label in labels]
    start = time.perf_counter()
    fitted = fit(columns(gold, corrected=False), adapt=True)
    seconds = time.perf_counter() - start + sum(found[s][1] for s in chosen)
    stated = fitted(columns(rest, corrected=False))
    return {
        "corrected": fitted.adapter is not None,
        "seconds": round(seconds, 1),
        "unadapted": _figures(rest, np.array([label.stated for label in rest])),
        "fitted": _figures(rest, stated),
    }


def _figures(rest: Sequence[GoldLabel], stated: np.ndarray) -> dict[str, Any]:
    true = np.array([label.true for label in rest])
    subjects = np.array([label.subject for label in rest])
    structures = np.array([label.structure for label in rest])
    value, low, high = stated.T
    labels = JudgedLabels(value, low, high, true, subjects, np.zeros_like(subjects), structures)
    coverage, width = interval_coverage(labels.low, labels.high, true)
    held = {"interval_coverage": round(coverage, 4), "interval_width": round(width, 4)}
    return {**agreement(labels), **held}


def _mean(values: Any) -> float:
    return round(float(np.mean(list(values))), 4)


if __name__ == "__main__":
    main()
