"""Quality Sentinel, trained here without pretraining, beside our judges on the same masks.

It looks at up to ten slices of 256 pixels with a ResNet-50, so on two cores a sample of the frozen
test is asked (every seventh mask of a case); `--every 1` asks all. Scores are kept per case: a
stopped run continues. `python -m benchmarks.sheet.judges_table` then adds its row.

Usage: python -m benchmarks.baselines.quality_sentinel DATA_ROOT [--judge FOLDER] [--every 7]
"""

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.design.ablations import compared
from benchmarks.frozen_test.frozen import HERE, RUNS, Row
from benchmarks.frozen_test.pair_scores import PairScores
from benchmarks.sheet.sheet_figures import columns, figures, untouched
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.metrics.summary import agreement, mean_over_groups
from segassay.types import DEFAULT_JUDGE

_RECIPE = "recipes/quality-sentinel.yaml"
TRAINED = RUNS / "quality-sentinel" / "quality-sentinel"


def main() -> None:
    """Score what is not scored yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default=str(TRAINED))
    parser.add_argument("--beside", default=DEFAULT_JUDGE)
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    scores = PairScores(options.data, [options.judge, options.beside], every=options.every)
    rows: dict[str, list[Row]] = {options.judge: [], options.beside: []}
    for entry in scores.frozen.test.sets:
        for name, found in scores.rows(entry.name).items():
            rows[name] += found
    meta = open_judge(find_judge(options.judge)).meta
    paired = compared(
        columns(rows[options.judge]), columns(rows[options.beside]), rows[options.judge]
    )
    result = {
        **sheet(rows[options.judge]),
        "judge": meta.model_id,
        "remark": f"no pretraining; every {options.every}th mask",
        "test_version": scores.frozen.test.version,
        "training": meta.model_dump(include={"minutes_trained", "pairs_seen", "tuning"}),
        "beside": {"judge": scores.judges[options.beside].model_id, **sheet(rows[options.beside])},
        **{key: paired[key] for key in ("ahead", "ahead_ci")},
    }
    (options.out / "quality-sentinel.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "quality-sentinel.md").write_text(page(result))


def sheet(rows: list[Row]) -> Row:
    """Return the figures of the judge's sheet that scores of pairs hold."""
    judged = [r for r in rows if not np.isnan(r["value"])]
    labels = columns(judged)
    of_network, unseen = (
        figures([r for r in judged if r["origin"] == origin]) for origin in ("network", "unseen")
    )
    return {
        "pooled": agreement(labels),
        "over_sets": mean_over_groups(labels),
        "by_set": {
            name: agreement(labels.where(labels.group == name), n_draws=200)
            for name in sorted({r["set"] for r in judged})
        },
        "network_errors": of_network,
        "unseen_families": unseen,
        "untouched": untouched(judged),
        "not_scored": len(rows) - len(judged),
    }


def page(result: Row) -> str:
    """Return the results as markdown."""
    training, beside = result["training"], result["beside"]
    sets = "\n".join(
        f"| {name} | {own['n']} | {own['pearson']:.3f} | {own['mae']:.3f} | "
        f"{beside['by_set'][name]['pearson']:.3f} | {beside['by_set'][name]['mae']:.3f} |"
        for name, own in result["by_set"].items()
    )
    low, high = result["ahead_ci"]
    return f"""# Quality Sentinel as published, trained here

The network of Quality Sentinel (ResNet-50, 256 pixels; arXiv 2406.00327) with its crop, its choice
of slices, its loss, Adam and its cosine, on the training subjects, planted faults and network
errors of judge-small (`{_RECIPE}`): **{training["pairs_seen"]} crops** in
{training["minutes_trained"]:.0f} minutes of a core shared with other trainings; the first of
judge-small's four steps had 42. It had **no pretraining** (the authors began with ImageNet's
weights), name vectors of this package instead of CLIP's, batches of 16 instead of 128, a learning
rate of 1e-4 instead of 1e-3. So this is no verdict on the published weights; it says what the
published method reaches here, in that time. Where it differs from our judges in kind: it sees no
slice without mask, and no mask that misses its structure was among what it learned from.

{result["pooled"]["n"]} masks of {result["pooled"]["subjects"]} held-out subjects of the frozen test
(version {result["test_version"]}; {result["remark"]}), the same for both judges.

| judge | mean set Pearson | mean set MAE | pooled | AUROC < .8 | network errors | clean labels |
|---|---|---|---|---|---|---|
{_line(result)}
{_line(beside)}

Quality Sentinel's mean set Pearson lies {result["ahead"]:+.3f} [{low:+.3f}, {high:+.3f}] from the
other's (paired, 95 % bootstrap by subject; one training each).

| set | masks | Pearson | MAE | Pearson, {beside["judge"]} | MAE |
|---|---|---|---|---|---|
{sets}

The weights (116 MB as ONNX) are not in the repository. To make them, and this page:

```
segassay train judge --config {_RECIPE} --data DATA_ROOT -o runs/quality-sentinel
python -m benchmarks.baselines.quality_sentinel DATA_ROOT
```

The training continues where it stopped; with more `updates` in the recipe it goes on. The whole
sheet is `judge_sheet.py DATA_ROOT --judge runs/quality-sentinel/quality-sentinel`.
"""


def _line(sheet_: Row) -> str:
    pooled, over = sheet_["pooled"], sheet_["over_sets"]
    return (
        f"| {sheet_['judge']} | {over['mean_set_pearson']:.3f} | {over['mean_set_mae']:.3f} | "
        f"{pooled['pearson']:.3f} [{pooled['pearson_ci'][0]:.2f}, {pooled['pearson_ci'][1]:.2f}] | "
        f"{pooled['auroc_below_0.8']:.3f} | {sheet_['network_errors']['pearson']:.3f} | "
        f"{sheet_['untouched']['median']:.3f} |"
    )


if __name__ == "__main__":
    main()
