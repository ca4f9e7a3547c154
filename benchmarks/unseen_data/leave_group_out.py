"""What a judge says of data it never saw: four judges, each on the group of sets it never met.

`benchmarks/unseen_data/train_without.sh` trains them. Every set of the frozen test is judged by the
judge that learned from no set of its group (abdomen, heart, 2D, brain), and by the judge that
learned from all, on the same masks. The judge without abdomen met neither eroded nor dilated masks,
and is asked for the sweeps of the papers on abdominal CT.

Usage: python -m benchmarks.unseen_data.leave_group_out DATA_ROOT [--judges FOLDER] [--known
       judge-small]
"""

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.frozen_test.frozen import HERE, Row
from benchmarks.frozen_test.pair_scores import PairScores
from benchmarks.sheet.sheet_figures import columns, figures, sweep, untouched
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.metrics.agreement import bootstrap_by_subject, interval_coverage
from segassay.metrics.summary import agreement, mean_over_groups
from segassay.types import DEFAULT_JUDGE

GROUPS = {
    "abdomen": ("btcv", "chaos_t2"),
    "cardiac": ("acdc", "left_atrium"),
    "2d": ("jsrt", "hc18", "ph2"),
    "brain": ("hippocampus",),
}


def main() -> None:
    """Judge what is not judged yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--known", default=DEFAULT_JUDGE)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    unseen: list[Row] = []
    known: list[Row] = []
    sweeps: dict[str, Row] = {}
    models, shown = {}, {}
    for group, sets in GROUPS.items():
        name = str(options.judges / f"without-{group}")
        refuse_if_seen(name, sets)
        scores = PairScores(options.data, [name, options.known])
        models[group] = scores.judges[name].model_id
        shown[group] = pairs_shown(name)
        for set_name in sets:
            rows = scores.rows(set_name)
            unseen += rows[name]
            known += rows[options.known]
        if group == "abdomen":
            swept = PairScores(options.data, [name]).rows("btcv", sweeps=True)[name]
            sweeps = {
                f: sweep([r for r in swept if r["test"] == f]) for f in ("erosion", "dilation")
            }
    found = {
        "judges": models,
        "known": scores.judges[options.known].model_id,
        "pairs_shown": shown,
        "pairs_shown_known": pairs_shown(options.known),
        "test_version": scores.frozen.test.version,
        "never_saw_the_group": summary(unseen),
        "learned_from_all": summary(known),
        "sweeps_never_saw_abdomen_nor_such_faults": sweeps,
    }
    (options.out / "leave_group_out.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.out / "leave_group_out.md").write_text(page(found))


def refuse_if_seen(judge: str, sets: tuple[str, ...]) -> None:
    """Stop where a judge learned from a set that it is asked about as unknown."""
    learned = open_judge(find_judge(judge)).meta.training_subjects
    seen = sorted({name for name in learned if any(name.startswith(s) for s in sets)})
    if seen:
        raise SystemExit(f"{judge} learned from {', '.join(seen)}: that would be no test")


def pairs_shown(judge: str) -> int:
    """Return how many pairs a judge was shown in training, its start included."""
    return open_judge(find_judge(judge)).meta.pairs_seen or 0


def summary(rows: list[Row]) -> Row:
    """Return all figures of the rows."""
    pairs = [r for r in rows if not np.isnan(r["value"])]
    labels = columns(pairs)
    sets = sorted({r["set"] for r in pairs})

    def mean_set_pearson(index: np.ndarray) -> float:
        return mean_over_groups(labels.where(index))["mean_set_pearson"]

    spread = bootstrap_by_subject(labels.subject, mean_set_pearson, n_draws=200)
    coverage, width = interval_coverage(labels.low, labels.high, labels.true)
    return {
        "pooled": agreement(labels),
        **mean_over_groups(labels),
        "mean_set_pearson_ci": [round(spread.low, 4), round(spread.high, 4)],
        "by_set": {n: agreement(labels.where(labels.group == n), n_draws=200) for n in sets},
        "network_errors": figures([r for r in pairs if r["origin"] == "network"]),
        "unseen_families": figures([r for r in pairs if r["origin"] == "unseen"]),
        "untouched": untouched(pairs),
        "interval_coverage": round(coverage, 4),
        "interval_width": round(width, 4),
    }


def page(found: Row) -> str:
    """Return the results as markdown."""
    ours, known = found["never_saw_the_group"], found["learned_from_all"]
    rows = "\n".join(
        f"| {name} | {a['n']} | {a['subjects']} | {a['pearson']:.3f} "
        f"[{a['pearson_ci'][0]:.2f}, {a['pearson_ci'][1]:.2f}] | {a['mae']:.3f} | "
        f"{a['auroc_below_0.8']:.3f} | {known['by_set'][name]['pearson']:.3f} | "
        f"{known['by_set'][name]['mae']:.3f} |"
        for name, a in ours["by_set"].items()
    )
    swept = "\n".join(
        f"| {name} | {s['n']} | {s['pearson']:.3f} [{s['pearson_ci'][0]:.2f}, "
        f"{s['pearson_ci'][1]:.2f}] | {s['spearman']:.3f} | {s['mae']:.3f} |"
        for name, s in found["sweeps_never_saw_abdomen_nor_such_faults"].items()
    )
    return f"""# On data the judge never saw

Four judges, each trained without one group of data sets (abdomen, heart, 2D, brain), on the frozen
test's masks of that group; beside them {found["known"]}, which
learned from other subjects of all these sets. Intervals: bootstrap by subject. Made by
`python -m benchmarks.unseen_data.leave_group_out`; the recipes lie in `recipes/without`.

| judge | mean set Pearson | mean set MAE | pooled Pearson | pooled AUROC < .8 |
|---|---|---|---|---|
| never saw the group | {_headline(ours)} |
| learned from all sets | {_headline(known)} |

{ours["pooled"]["n"]} masks of {ours["pooled"]["subjects"]} subjects in {ours["sets"]} sets. 90 %
intervals of the judges that never saw the group hold {ours["interval_coverage"]:.0%} at a mean
width of {ours["interval_width"]:.2f}: they were made on the sets the judges know, and promise too
much on others. An audit therefore uses others where the judge knows nothing, and compares labels
with those of other cases ([labels that weigh one another](peers.md)). {_shown(found)}

| set | masks | subjects | Pearson | MAE | AUROC < .8 | Pearson, judge that knows it | MAE of that |
|---|---|---|---|---|---|---|---|
{rows}

Errors of a network no judge met: Pearson {ours["network_errors"]["pearson"]:.3f} (known sets:
{known["network_errors"]["pearson"]:.3f}), AUROC < .8
{ours["network_errors"]["auroc_below_0.8"]:.3f}.
Families of faults no judge met: {ours["unseen_families"]["pearson"]:.3f}
({known["unseen_families"]["pearson"]:.3f}). Untouched expert labels: median score
{ours["untouched"]["median"]:.3f}.

## Erosion and dilation on abdominal CT

By the judge that never saw an abdomen, nor an eroded or dilated mask; every structure from Dice .10
to .95 (the papers: .850 and .775, on sets and faults they had learned).

| fault | masks | Pearson | Spearman | MAE |
|---|---|---|---|---|
{swept}
"""


def _shown(found: Row) -> str:
    """Say how much less these judges learned: part of the difference is that."""
    pairs = ", ".join(f"{group} {n:,}" for group, n in found["pairs_shown"].items())
    return (
        f"Pairs shown in training, that of the start included: {pairs}; "
        f"{found['pairs_shown_known']:,} to the judge that knows the sets, so the distance is not "
        "only that of the sets."
    )


def _headline(figures_: Row) -> str:
    low, high = figures_["mean_set_pearson_ci"]
    pooled = figures_["pooled"]
    return (
        f"{figures_['mean_set_pearson']:.3f} [{low:.2f}, {high:.2f}] | "
        f"{figures_['mean_set_mae']:.3f} | {pooled['pearson']:.3f} | "
        f"{pooled['auroc_below_0.8']:.3f}"
    )


if __name__ == "__main__":
    main()
