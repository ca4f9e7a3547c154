"""An evaluation as files: `evaluation.json` for programs, `evaluation.md` and pictures to read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segassay.files.atomic import write_whole
from segassay.metrics.evaluation import BAD_BELOW, Figures
from segassay.metrics.summary import JudgedLabels
from segassay.report.issues import plain_text
from segassay.report.risk import risk_lines, risk_svg
from segassay.report.scatter import scatter_svg

SCATTER, RISK = "scatter.svg", "risk_coverage.svg"
_MEASURES = {
    "pearson": "Pearson",
    "spearman": "Spearman",
    "mae": "MAE",
    "auroc_below_0.7": "AUROC < .7",
    "auroc_below_0.8": "AUROC < .8",
}
_BASELINES = {
    "mask_only": "mask only (image blacked out)",
    "mean_of_structure": "mean of the structure, other subjects",
    "size_outlier": "size outlier",
}
_MOST_ROWS = 60


def write_evaluation(figures: Figures, labels: JudgedLabels, out: Path) -> None:
    """Write `evaluation.json`, `evaluation.md`, `scatter.svg`, `risk_coverage.svg` into a folder.

    Args:
        figures: Content of `evaluation.json`.
        labels: The judged labels, for the scatter.
        out: Folder that exists.

    Raises:
        OSError: The folder cannot be written.
    """
    text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(out / "evaluation.json", (text + "\n").encode())
    notes = {name: _note(group) for name, group in figures["by_set"].items()}
    write_whole(out / SCATTER, scatter_svg(labels, notes).encode())
    write_whole(out / RISK, risk_svg(figures["abstention"]).encode())
    write_whole(out / "evaluation.md", evaluation_text(figures).encode())


def evaluation_text(figures: Figures) -> str:
    """Return the figures as a markdown page."""
    lines = [
        f"# How far to trust {plain_text(figures['judge'])} on {plain_text(figures['table'])}",
        "",
        *(f"- {line}" for line in summary_lines(figures)),
        "",
        "Brackets hold 95 % intervals, resampled by subject. Scores and Dice lie in [0, 1], low is "
        "bad. A baseline scores the same pairs and looks at no image; a judge is worth what it "
        "adds.",
        "",
        *_all_pairs(figures["pooled"]),
        *_over_sets(figures["over_sets"]),
        *_groups("Sets", figures["by_set"]),
        *_groups("Structures", figures["by_structure"]),
        *_groups("Families of planted faults", figures["by_family"]),
        *_worst(figures["worst_k"]),
        *_trust(figures["reliability"]),
        *_abstention(figures["abstention"]),
        *_surface(figures["nsd"]),
        *_empty(figures["empty_masks"]),
        f"![Score against true Dice by set]({SCATTER})",
    ]
    return "\n".join(lines) + "\n"


def summary_lines(figures: Figures) -> list[str]:
    """Say in a few lines what was judged, what came of it, and what limits it."""
    counts = figures["counts"]
    left_out = [
        f"{counts[name]} {words}"
        for name, words in (
            ("failed", "with a file that could not be read"),
            ("invalid", "that cannot be compared"),
            ("both_empty", "with mask and gold both empty (Dice is undefined)"),
        )
        if counts[name]
    ]
    n_missed = (
        counts["pairs"]
        - counts["judged"]
        - sum(counts[name] for name in ("failed", "invalid", "both_empty"))
    )
    if n_missed:
        left_out.append(f"{n_missed} with an empty mask, which has no score")
    lines = [
        f"{counts['judged']} of {counts['pairs']} pairs judged; subjects: {counts['subjects']}, "
        f"sets: {counts['sets']}" + (f"; left out: {', '.join(left_out)}" if left_out else "")
    ]
    lines += [_headline(figures["pooled"])]
    tried, known = figures["familiarity"]["found"], figures["familiarity"]["at_least"]
    if tried is not None and tried < known:
        lines.append(
            f"the judge hardly follows faults planted in these masks (r = {tried:.2f}; where it "
            f"knows such data, {known} and more): it was asked as one that knows nothing of them"
        )
    if counts["trained_on"]:
        lines.append(
            f"the judge was trained on the images of {counts['trained_on']} pairs: "
            "these figures are better than it would reach on new data"
        )
    if counts["never_learned"]:
        lines.append(
            f"{counts['never_learned']} pairs were judged without a name, which the judge never "
            "learned"
        )
    return lines


def _headline(pooled: Figures) -> str:
    if "too_few" in pooled:
        return f"no figures: {pooled['too_few']}"
    best = max(
        pooled["baselines"],
        key=lambda name: pooled["baselines"][name]["pearson"] or -1.0,
        default=None,
    )
    told = f"Pearson {_cell(pooled['judge'], 'pearson')}, MAE {_cell(pooled['judge'], 'mae')}"
    if best is None:
        return told
    found = _cell(pooled["baselines"][best], "pearson")
    return f"{told}; the best baseline, {_BASELINES.get(best, best)}, has Pearson {found}"


def _all_pairs(pooled: Figures) -> list[str]:
    lines = [f"## All pairs (n = {pooled['n']}, subjects = {pooled['subjects']})", ""]
    if "too_few" in pooled:
        return [*lines, f"No figures: {pooled['too_few']}.", ""]
    rows = {"**the judge**": pooled["judge"], **_named(pooled["baselines"])}
    return [
        *lines,
        *_table(["scored by", *_MEASURES.values()]),
        *(_line(name, *(_cell(f, key) for key in _MEASURES)) for name, f in rows.items()),
        "",
    ]


def _over_sets(over: Figures) -> list[str]:
    left = ", ".join(plain_text(name) for name in over["left_out"])
    remark = f" Too small and left out: {left}." if left else ""
    lines = ["## Mean over sets", ""]
    if "too_few" in over:
        return [*lines, f"No figures: {over['too_few']}.{remark}", ""]
    keys = {
        "mean_set_pearson": "mean Pearson of a set",
        "mean_set_mae": "mean MAE of a set",
        "mean_within_structure_pearson": "mean Pearson within a structure",
    }
    rows = {"**the judge**": over["judge"], **_named(over["baselines"])}
    return [
        *lines,
        f"Sets: {over['sets']}.{remark}",
        "",
        *_table(["scored by", *keys.values()]),
        *(_line(name, *(_number(f.get(key)) for key in keys)) for name, f in rows.items()),
        "",
    ]


def _groups(title: str, groups: Mapping[str, Figures]) -> list[str]:
    """Return one line per group: the judge's main figures and the baselines' correlations."""
    if not groups:
        return []
    shown = list(groups.items())[:_MOST_ROWS]
    lines = [f"## {title}", "", "Baselines by their Pearson.", ""]
    lines += _table(["", "n", "subjects", "Pearson", "MAE", "AUROC < .8", *_BASELINES.values()])
    for name, group in shown:
        head = (plain_text(name) or "(none)", str(group["n"]), str(group["subjects"]))
        if "too_few" in group:
            lines.append(_line(*head, f"too few: {group['too_few']}", *[""] * 5))
            continue
        judge = group["judge"]
        own = (_cell(judge, "pearson"), _number(judge["mae"]), _number(judge["auroc_below_0.8"]))
        others = (group["baselines"].get(key, {}).get("pearson") for key in _BASELINES)
        lines.append(_line(*head, *own, *map(_number, others)))
    if len(groups) > len(shown):
        lines += ["", f"… and {len(groups) - len(shown)} more: see evaluation.json"]
    return [*lines, ""]


def _worst(worst: Figures | None) -> list[str]:
    if worst is None:
        return []
    rows = {"**the judge**": worst["judge"], **_named(worst["baselines"])}
    ks = list(worst["judge"])
    lines = [
        "## The k lowest scores",
        "",
        f"{worst['n_bad']} pairs have a true Dice below {BAD_BELOW}. Share of these among the k "
        "lowest scores, and in brackets the share of all of them that is found there.",
        "",
        *_table(["scored by", *(f"k = {k}" for k in ks)]),
    ]
    for name, by_k in rows.items():
        pairs = [f"{_number(by_k[k]['precision'])} ({_number(by_k[k]['recall'])})" for k in ks]
        lines.append(_line(name, *pairs))
    return [*lines, ""]


def _trust(trust: Figures | None) -> list[str]:
    if trust is None:
        return []
    bias = ", ".join(
        f"{n / 10:.1f} to {(n + 1) / 10:.1f}: {part['bias']:+.2f} (n = {part['n']})"
        for n, part in enumerate(trust["bias_by_tenth_of_score"])
        if part["n"]
    )
    return [
        "## Intervals and bias",
        "",
        f"- The judge's 90 % intervals hold {_percent(trust['interval_coverage'])} of the true "
        f"values, at a mean width of {_number(trust['interval_width'])}.",
        f"- Score minus truth by score: {bias}.",
        "",
    ]


def _abstention(found: Figures | None) -> list[str]:
    if found is None:
        return []
    picture = f"![Error of the most certain share of labels]({RISK})"
    return ["## Kept and abstained", "", *risk_lines(found), "", picture, ""]


def _surface(nsd: Figures) -> list[str]:
    lines = ["## Surface", ""]
    if "too_few" in nsd:
        return [
            *lines,
            f"No figures for surface Dice at 2 mm: {nsd['too_few']} with a spacing.",
            "",
        ]
    return [
        *lines,
        f"Score against normalised surface Dice at 2 mm: Pearson {_number(nsd['pearson'])}, "
        f"Spearman {_number(nsd['spearman'])} (n = {nsd['n']}).",
        "",
    ]


def _empty(empty: Figures) -> list[str]:
    if not any(empty.values()):
        return []
    lines = ["## Empty masks", ""]
    for key, words in (("gold_empty", "gold empty, too"), ("gold_filled", "gold not empty")):
        told = ", ".join(f"{n} {status}" for status, n in empty[key].items()) or "none"
        lines.append(f"- {words}: {told}")
    return [*lines, ""]


def _named(baselines: Mapping[str, Figures]) -> dict[str, Figures]:
    return {_BASELINES.get(name, name): found for name, found in baselines.items()}


def _note(group: Figures) -> str:
    if "too_few" in group:
        return f"n = {group['n']}"
    return f"r = {_number(group['judge']['pearson'])}, n = {group['n']}"


def _table(names: list[str]) -> list[str]:
    return [_line(*names), "|" + "---|" * len(names)]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(figures: Figures, key: str) -> str:
    """Return a figure with its interval; `n/a` where it is not defined."""
    value = figures.get(key)
    low, high = figures.get(f"{key}_ci", (None, None))
    if value is None or low is None or high is None:
        return _number(value)
    return f"{value:.3f} [{low:.2f}, {high:.2f}]"


def _number(value: Any) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _percent(value: Any) -> str:
    return "n/a" if value is None else f"{value:.0%}"
