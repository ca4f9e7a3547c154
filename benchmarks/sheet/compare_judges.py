"""Judges beside one another on the frozen test: less than a sheet, and in minutes.

Every judge scores the same masks; the difference of mean set Pearson from the first one is paired,
with an interval by bootstrap over subjects. Scores are kept per judge and case (`pair_scores.py`).

Usage: python -m benchmarks.sheet.compare_judges DATA_ROOT JUDGE JUDGE ... [--out docs/results]
"""

import argparse
import json
from pathlib import Path

from benchmarks.design.ablations import compared
from benchmarks.frozen_test.frozen import HERE, Row
from benchmarks.frozen_test.pair_scores import PairScores
from benchmarks.sheet.sheet_figures import columns
from benchmarks.unseen_data.leave_group_out import summary

COLUMNS = (
    "judge",
    "mean set Pearson",
    "ahead",
    "mean set MAE",
    "pooled",
    "network errors",
    "unseen faults",
    "clean, median",
    "held",
    "width",
)


def main() -> None:
    """Score what is not scored yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("judges", nargs="+")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    scores = PairScores(options.data, options.judges)
    rows: dict[str, list[Row]] = {name: [] for name in options.judges}
    for entry in scores.frozen.test.sets:
        for name, found in scores.rows(entry.name).items():
            rows[name] += found
    base = columns(rows[options.judges[0]])
    table = {
        scores.judges[name].model_id: {**summary(own), **compared(columns(own), base, own)}
        for name, own in rows.items()
    }
    result = {"test_version": scores.frozen.test.version, "judges": table}
    (options.out / "judges_compared.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "judges_compared.md").write_text(page(result))


def page(result: Row) -> str:
    """Return the comparison as markdown."""
    first = next(iter(result["judges"]))
    rows = "\n".join(
        f"| {name} | {j['mean_set_pearson']:.3f} | {j['ahead']:+.3f} "
        f"[{j['ahead_ci'][0]:+.3f}, {j['ahead_ci'][1]:+.3f}] | {j['mean_set_mae']:.3f} | "
        f"{j['pooled']['pearson']:.3f} | {j['network_errors']['pearson']:.3f} | "
        f"{j['unseen_families']['pearson']:.3f} | {j['untouched']['median']:.3f} | "
        f"{j['interval_coverage']:.1%} | {j['interval_width']:.3f} |"
        for name, j in result["judges"].items()
    )
    by_set = "\n".join(
        f"| {name} | "
        + " | ".join(f"{j['by_set'][name]['pearson']:.3f}" for j in result["judges"].values())
        + " |"
        for name in result["judges"][first]["by_set"]
    )
    pooled = result["judges"][first]["pooled"]
    head = " | ".join(COLUMNS)
    return f"""# Judges beside one another

{pooled["n"]} masks of {pooled["subjects"]} held-out subjects of the frozen test (version
{result["test_version"]}). *Ahead*: mean set Pearson above that of {first}, paired, 95 %
bootstrap by subject. *Held* and *width* are of 90 % intervals. Made by
`python -m benchmarks.sheet.compare_judges`.

| {head} |
|{"---|" * len(COLUMNS)}
{rows}

Pearson by set:

| set | {" | ".join(result["judges"])} |
|---|{"---|" * len(result["judges"])}
{by_set}
"""


if __name__ == "__main__":
    main()
