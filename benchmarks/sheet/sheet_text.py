"""The sheet as a page: tables, and the weak points in words, both from the same figures."""

from pathlib import Path

from benchmarks.frozen_test.frozen import Row
from segassay.metrics.evaluation import plain
from segassay.report.risk import risk_lines

_WEAK_PEARSON = 0.85
_WEAK_CLEAN = 0.8
_WIDE = 0.25
_PICTURES = {
    ".png": "Score against true Dice, set by set",
    "_sweeps.png": "Score against true Dice while labels shrink and grow, by structure",
    "_slices.png": "Pearson and error against the number of slices",
    "_risk.svg": "Error of the most certain share of labels",
}


def write_markdown(sheet: Row, path: Path) -> None:
    """Write the figures as tables."""
    pooled, over = sheet["pooled"], sheet["over_sets"]
    lines = [
        f"# The sheet of {sheet['judge']}",
        "",
        f"Frozen test version {sheet['test_version']}: {pooled['n']} masks of {pooled['subjects']} "
        "held-out subjects: expert labels as they are, planted faults of families that judges are "
        "trained on and of five that none is, errors of a network of an architecture that none "
        "meets in training. Brackets: 95 % bootstrap by subject. Made by "
        "`python -m benchmarks.sheet.judge_sheet DATA_ROOT`.",
        "",
        f"Mean over {over['sets']} sets: **Pearson {over['mean_set_pearson']:.3f}, MAE "
        f"{over['mean_set_mae']:.3f}**; mean within structures: Pearson "
        f"{over['mean_within_structure_pearson']:.3f}.",
        "",
        "| labels | n | Pearson | Spearman | MAE | AUROC < .7 | AUROC < .8 |",
        "|---|---|---|---|---|---|---|",
        _row("all, pooled", pooled),
        *(_row(name, figures) for name, figures in sheet["by_set"].items()),
        _row("planted, families trained on", sheet["trained_families"]),
        _row("planted, families never trained on", sheet["unseen_families"]),
        _row("errors of the unseen network", sheet["network_errors"]),
        _row("BTCV erosion sweep", sheet["sweeps"]["erosion"]),
        _row("BTCV dilation sweep", sheet["sweeps"]["dilation"]),
        "",
        *_weak_points(sheet),
        "",
        "## Baselines on the same labels",
        "",
        "| method | n | mean set Pearson | pooled Pearson | AUROC < .7 | Pearson, network errors "
        "| AUROC < .8, network errors |",
        "|---|---|---|---|---|---|---|",
    ]
    network = sheet["network_errors"]
    judge = {
        **pooled,
        **over,
        "network_pearson": network["pearson"],
        "network_auroc_below_0.8": network["auroc_below_0.8"],
    }
    for name, figures in {"the judge": judge, **sheet["baselines"]}.items():
        lines.append(_foil(name.replace("_", " "), figures))
    path.write_text("\n".join([*lines, *_rest(sheet), *_pictures(path)]) + "\n")


def _pictures(page: Path) -> list[str]:
    """Show the pictures that lie beside the page."""
    names = {page.stem + ending: words for ending, words in _PICTURES.items()}
    there = {name: words for name, words in names.items() if page.with_name(name).exists()}
    shown = [line for name, words in there.items() for line in ("", f"![{words}]({name})")]
    return ["", "## Pictures", *shown] if shown else []


def _foil(name: str, figures: Row) -> str:
    keys = (
        "mean_set_pearson",
        "pearson",
        "auroc_below_0.7",
        "network_pearson",
        "network_auroc_below_0.8",
    )
    return f"| {name} | {figures['n']} | " + " | ".join(_number(figures[k]) for k in keys) + " |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _weak_points(sheet: Row) -> list[str]:
    """Say in words where the figures are bad; nothing is said where they are good."""
    said = [
        f"- **{name}**: Pearson {f['pearson']:.2f} only ({f['subjects']} subjects)."
        for name, f in sheet["by_set"].items()
        if f["pearson"] < _WEAK_PEARSON
    ]
    low = {n: v for n, v in sheet["untouched"]["median_by_structure"].items() if v < _WEAK_CLEAN}
    if low:
        named = ", ".join(f"{name} ({value:.2f})" for name, value in low.items())
        said.append(f"- Clean expert labels that it calls bad, by median: {named}.")
    width = sheet["reliability"]["interval_width"]
    if width > _WIDE:
        said.append(f"- Intervals are {width:.2f} wide on average: too wide to act on alone.")
    by_slices = sheet["five_images"]["by_set"]
    blind = [f"{name} ({value:.2f})" for name, value in by_slices.items() if value < 0.6]
    if blind:
        said.append(
            "- Told by the image alone, with the same mask on several patients, it is weak on "
            + ", ".join(blind)
            + "."
        )
    network = sheet["network_errors"]
    if network["pearson"] < sheet["pooled"]["pearson"] - 0.05:
        said.append(
            f"- Errors of a real network are harder than planted ones: Pearson "
            f"{network['pearson']:.2f} against {sheet['pooled']['pearson']:.2f} on all masks."
        )
    return ["## Weak points", "", *(said or ["- None by the sheet's own bars."])]


def _rest(sheet: Row) -> list[str]:
    """Return the sections below the tables, in order."""
    sections = {
        "Trust": _trust(sheet["reliability"]),
        "Kept and abstained": risk_lines(plain(sheet["abstention"])),
        "Untouched expert labels": _untouched(sheet["untouched"]),
        "Wrong names, right masks": [
            f"- {name}: AUROC {f['auroc']:.3f} (n = {f['n']})"
            for name, f in sheet["wrong_name"].items()
        ],
        "Same mask, several images": _same_mask(sheet["five_images"]),
        "Score against the number of slices": [
            "| slices inside the mask | n | Pearson | MAE |",
            "|---|---|---|---|",
            *(
                f"| {count} | {f['n']} | {f['pearson']:.3f} | {f['mae']:.3f} |"
                for count, f in sheet["slices"].items()
            ),
        ],
        "BTCV sweeps by structure": _sweeps(sheet["sweeps"]),
        "By size of the structure": [
            f"- {name}: Pearson {value:.3f}" for name, value in sheet["by_size"].items()
        ],
        "What it does not show": [
            "The test's subjects come from the data sets that the judge learned from; erosion and "
            "dilation are families it was trained on. Sets with few held-out subjects (CHAOS 2, "
            "left atrium and BTCV 3) say little. On sets that judges never saw: "
            "[leave_group_out.md](leave_group_out.md)."
        ],
    }
    return [line for name, lines in sections.items() for line in ("", f"## {name}", "", *lines)]


def _trust(trust: Row) -> list[str]:
    bias = (f"{b['bias']:+.2f}" for b in trust["bias_by_tenth_of_score"] if b["n"])
    return [
        f"- 90 % intervals hold {trust['interval_coverage']:.0%} at a mean width of "
        f"{trust['interval_width']:.2f}.",
        f"- Precision among the worst tenth (Dice < .7): {trust['precision_at_worst_tenth']:.2f}.",
        f"- Bias (score minus truth) by tenth of the score: {', '.join(bias)}.",
    ]


def _untouched(clean: Row) -> list[str]:
    worst, value = clean["worst_structure"]
    return [
        f"- {clean['n']} labels, median score {clean['median']:.3f}; the structure with the lowest "
        f"median is {worst} at {value:.3f}.",
        "- AUROC against faults with Dice below .9: "
        f"{clean['auroc_against_faults_below_0.9']:.3f}; against the network's masks with Dice "
        f"below .9: {clean['auroc_against_networks_below_0.9']:.3f}.",
    ]


def _same_mask(five: Row) -> list[str]:
    by_set = ", ".join(f"{name} {value:.2f}" for name, value in five["by_set"].items())
    return [
        "One patient's mask is put on up to five patients; what is the correlation of score and "
        "truth while the mask stays the same? A judge that ignores the image scores 0.",
        "",
        f"- {five['masks']} masks: {five['within_mask_pearson']:.3f}; mean over sets "
        f"{five['mean_over_sets']:.3f} ({by_set}).",
    ]


def _sweeps(sweeps: Row) -> list[str]:
    return [
        "| structure | erosion, Pearson | dilation, Pearson |",
        "|---|---|---|",
        *(
            f"| {name} | {value:.3f} | {sweeps['dilation']['by_structure'][name]:.3f} |"
            for name, value in sweeps["erosion"]["by_structure"].items()
        ),
    ]


def _row(name: str, figures: Row) -> str:
    def cell(key: str) -> str:
        """Return a figure with its interval."""
        low, high = figures[f"{key}_ci"]
        return f"{figures[key]:.3f} [{low:.2f}, {high:.2f}]"

    keys = ("pearson", "spearman", "mae", "auroc_below_0.7", "auroc_below_0.8")
    return f"| {name} | {figures['n']} | " + " | ".join(cell(key) for key in keys) + " |"
