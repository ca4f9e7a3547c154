"""What each part of the judge is worth: judges that differ in one thing, after equal updates.

`train_ablations.py` trains them. All are asked about the same masks of the frozen
test; the differences from the judge as it is are paired, with intervals by bootstrap over subjects.
The judge without names is not told any.

Usage: python -m benchmarks.design.ablations DATA_ROOT [--runs runs]
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import HERE, RUNS, Row
from benchmarks.frozen_test.pair_scores import PairScores
from benchmarks.sheet.sheet_figures import columns
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.metrics.agreement import bootstrap_by_subject
from segassay.metrics.summary import JudgedLabels, agreement, mean_over_groups

CHANGES = {
    "map": "the judge as it is: a map of the mask that should be there",
    "direct": "one number, learned by cross-entropy with the true Dice",
    "sentinel-head": "one number, learned as Quality Sentinel: squared error, optimal pairs",
    "no-names": "never told a name",
    "no-networks": "planted faults only, no errors of networks",
    "no-shapes": "no random shapes",
    "map-long": "the map, trained longer, another seed",
    "direct-long": "one number, trained as long, with that seed",
}
LONGER = ("map-long", "direct-long")
"""Compared with the first of them: the others with the map that was trained as they were."""


def main() -> None:
    """Score what is not scored yet with the judges that are there, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=Path, default=RUNS)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    folders = {name: options.runs / f"ablation-{name}" for name in CHANGES}
    trained = {n: str(f / f"ablation-{n}") for n, f in folders.items() if (f / "done").exists()}
    scores = PairScores(
        options.data, list(trained.values()), nameless=[trained.get("no-names", "")]
    )
    rows: dict[str, list[Row]] = {name: [] for name in trained}
    for entry in scores.frozen.test.sets:
        found = scores.rows(entry.name)
        for name, path in trained.items():
            rows[name] += found[path]
    base = {name: columns(rows[LONGER[0] if name in LONGER else "map"]) for name in trained}
    result = {
        "test_version": scores.frozen.test.version,
        "judges": {
            name: {
                **_trained_as(path),
                **compared(columns(rows[name]), base[name], rows[name]),
            }
            for name, path in trained.items()
        },
        "not_trained": sorted(set(CHANGES) - set(trained)),
    }
    (options.out / "ablations.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "ablations.md").write_text(page(result))


def _trained_as(path: str) -> Row:
    recipe = open_judge(find_judge(path)).meta.model_dump()["recipe"]
    return {key: recipe[key] for key in ("updates", "batch", "seed")}


def compared(labels: JudgedLabels, base: JudgedLabels, rows: list[Row]) -> Row:
    """Return a judge's figures and how far its mean set Pearson lies above that of `base`."""
    if len(labels) != len(base):
        raise SystemExit(f"judges scored {len(labels)} and {len(base)} masks: not comparable")

    def ahead(index: NDArray[np.intp]) -> float:
        return _mean_set(labels, index) - _mean_set(base, index)

    gain = bootstrap_by_subject(labels.subject, ahead, n_draws=200)
    of_network = np.array([r["origin"] == "network" for r in rows if not np.isnan(r["value"])])
    return {
        "pooled": agreement(labels),
        **mean_over_groups(labels),
        "network_errors": agreement(labels.where(of_network)),
        "ahead": round(gain.value, 4),
        "ahead_ci": [round(gain.low, 4), round(gain.high, 4)],
    }


def _mean_set(labels: JudgedLabels, index: NDArray[np.intp]) -> float:
    return mean_over_groups(labels.where(index))["mean_set_pearson"]


def page(result: Row) -> str:
    """Return the results as markdown."""
    rows = "\n".join(
        f"| {name} | {CHANGES[name]} | {j['updates']} | {j['seed']} | "
        f"{j['mean_set_pearson']:.3f} | "
        f"{j['ahead']:+.3f} [{j['ahead_ci'][0]:+.3f}, {j['ahead_ci'][1]:+.3f}] | "
        f"{j['mean_set_mae']:.3f} | {j['pooled']['pearson']:.3f} | "
        f"{j['network_errors']['pearson']:.3f} |"
        for name, j in result["judges"].items()
    )
    base = result["judges"]["map"]
    pooled = base["pooled"]
    missing = ", ".join(result["not_trained"])
    untrained = (
        f"Not trained with these pairs: {missing} ([with the first ones](ablations_first.md))."
    )
    return f"""# One thing exchanged at a time

Judges from the same recipe but for one thing, from no weights, with equal updates of
{base["batch"]} pairs, on {pooled["n"]} masks of {pooled["subjects"]} subjects of the frozen test.
So short a training is not what the published judges had: the differences count, not the heights.
*Against map*: the difference of mean set Pearson from map, of the longer trainings from map-long,
paired, with a 95 % interval by bootstrap over subjects; one training each, so it does not hold the
chance of a training. Made by `python -m
benchmarks.design.train_ablations` and `python -m benchmarks.design.ablations`.

| judge | what is other | updates | seed | mean set Pearson | against map | MAE | pooled | network |
|---|---|---|---|---|---|---|---|---|
{rows}

*Pooled* and *network*: Pearson of all masks together, and of a network's errors among them.
What random shapes are worth is seen on sets that a judge never saw, not here: they take a quarter
of the draws from the sets that this test is of.
{f"{chr(10)}{untrained}{chr(10)}" if missing else ""}"""


if __name__ == "__main__":
    main()
