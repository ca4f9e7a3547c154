"""The sheet as a page and as a picture."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

Row = dict[str, Any]


def write_markdown(sheet: Row, path: Path) -> None:
    """Write the figures as tables."""
    pooled, over = sheet["pooled"], sheet["over_sets"]
    lines = [
        f"# The sheet of {sheet['judge']}",
        "",
        f"Frozen test version {sheet['test_version']}: {pooled['n']} masks of {pooled['subjects']} "
        "held-out subjects, synthetic faults only, no network errors yet. Brackets: 95 % bootstrap "
        "by subject. Made by `python benchmarks/judge_sheet.py DATA_ROOT`.",
        "",
        f"Mean over {over['sets']} sets: **Pearson {over['mean_set_pearson']:.3f}, MAE "
        f"{over['mean_set_mae']:.3f}**; mean within structures: Pearson "
        f"{over['mean_within_structure_pearson']:.3f}.",
        "",
        "| labels | n | Pearson | Spearman | MAE | AUROC < .7 | AUROC < .8 |",
        "|---|---|---|---|---|---|---|",
        _row("all, pooled", pooled),
        *(_row(name, figures) for name, figures in sheet["by_set"].items()),
        _row("families it was trained on", sheet["trained_families"]),
        _row("families never trained on", sheet["unseen_families"]),
        _row("BTCV erosion sweep", sheet["sweeps"]["erosion"]),
        _row("BTCV dilation sweep", sheet["sweeps"]["dilation"]),
        "",
        "## Baselines on the same labels",
        "",
        "| baseline | mean set Pearson | pooled Pearson | AUROC < .7 |",
        "|---|---|---|---|",
    ]
    for name, figures in {"the judge": {**over, **pooled}, **sheet["baselines"]}.items():
        lines.append(
            f"| {name.replace('_', ' ')} | {figures['mean_set_pearson']:.3f} "
            f"| {figures['pearson']:.3f} | {figures['auroc_below_0.7']:.3f} |"
        )
    path.write_text("\n".join([*lines, *_rest(sheet)]) + "\n")


def _rest(sheet: Row) -> list[str]:
    trust, clean, names = sheet["reliability"], sheet["untouched"], sheet["wrong_name"]
    worst, value = clean["worst_structure"]
    return [
        "",
        "## Trust",
        "",
        f"- 90 % intervals hold {trust['interval_coverage']:.0%} at a mean width of "
        f"{trust['interval_width']:.2f}.",
        f"- Precision among the worst tenth (Dice < .7): {trust['precision_at_worst_tenth']:.2f}.",
        "- MAE of the most certain share: "
        + ", ".join(f"{k} {v:.3f}" for k, v in trust["mae_of_most_certain_share"].items())
        + ".",
        "- Bias (score minus truth) by tenth of the score: "
        + ", ".join(f"{b['bias']:+.2f}" for b in trust["bias_by_tenth_of_score"] if b["n"])
        + ".",
        "",
        "## Untouched expert labels",
        "",
        f"- {clean['n']} labels, median score {clean['median']:.3f}; the structure with the lowest "
        f"median is {worst} at {value:.3f}.",
        "- AUROC against faults with Dice below .9: "
        f"{clean['auroc_against_faults_below_0.9']:.3f}.",
        "",
        "## Wrong names, right masks",
        "",
        *(f"- {name}: AUROC {f['auroc']:.3f} (n = {f['n']})" for name, f in names.items()),
        "",
        "## By size of the structure",
        "",
        *(f"- {name}: Pearson {value:.3f}" for name, value in sheet["by_size"].items()),
        "",
        "## What it does not show",
        "",
        "The test's subjects come from the data sets that the judge learned from; erosion and "
        "dilation are families it was trained on. Sets with few held-out subjects (CHAOS 2, left "
        "atrium and BTCV 3) say little. Errors of real networks and unseen data sets are to come.",
        "",
        "![Predicted against true Dice by set](judge.png)",
    ]


def _row(name: str, figures: Row) -> str:
    def cell(key: str) -> str:
        low, high = figures[f"{key}_ci"]
        return f"{figures[key]:.3f} [{low:.2f}, {high:.2f}]"

    keys = ("pearson", "spearman", "mae", "auroc_below_0.7", "auroc_below_0.8")
    return f"| {name} | {figures['n']} | " + " | ".join(cell(key) for key in keys) + " |"


def draw(pairs: list[Row], sheet: Row, path: Path) -> None:
    """Draw predicted against true Dice, one panel per set, as the papers' figures do."""
    sets = sorted({row["set"] for row in pairs})
    figure, axes = plt.subplots(
        2, (len(sets) + 1) // 2, figsize=(12, 6.4), sharex=True, sharey=True
    )
    for axis, name in zip(axes.ravel(), sets, strict=False):
        own = [row for row in pairs if row["set"] == name]
        for unseen, colour in ((False, "#0072b2"), (True, "#d55e00")):
            part = [row for row in own if row["unseen"] is unseen]
            axis.scatter(
                [row["true"] for row in part],
                [row["value"] for row in part],
                s=6,
                alpha=0.5,
                color=colour,
                linewidths=0,
            )
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        axis.set_title(f"{name}: r = {sheet['by_set'][name]['pearson']:.2f}", fontsize=10)
        axis.set_aspect("equal")
    figure.supxlabel("true Dice")
    figure.supylabel("score")
    figure.suptitle("blue: families trained on and untouched, orange: never trained on", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
