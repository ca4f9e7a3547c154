"""Power and false positives of `segassay bias` on scores of a real audit.

Subjects of an audit, each with the scores of all its labels, are drawn with replacement into two
groups, which so differ by chance alone; then the planted effect is taken from one of them. In every
draw all structures together and each one are tested, and everything is corrected together, as the
command does. A draw counts as found where anything is shown.

Usage: python -m benchmarks.bias.power OUT [OUT ...] [--n 60] [--effect 0.03] [--draws 200]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from segassay.bias.contrasts import Contrast, adjusted, effects
from segassay.bias.measure_bias import SIGNIFICANT
from segassay.records.results import open_results

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def main() -> None:
    """Draw groups from every audit, with and without the effect; write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--n", type=int, default=60, help="subjects of a group")
    parser.add_argument("--effect", type=float, default=0.03)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--permutations", type=int, default=1999)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    found = [measured(folder, given) for folder in given.results]
    settings = {name: getattr(given, name) for name in ("n", "effect", "draws", "permutations")}
    document = {**settings, "false_discovery_rate": SIGNIFICANT, "audits": found}
    given.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False)
    (given.out / "bias_power.json").write_text(text + "\n", encoding="utf-8")
    (given.out / "bias_power.md").write_text(page(document), encoding="utf-8")


def measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Measure on one audit: all its structures, and the one whose scores spread as the median."""
    results = open_results(folder)
    scored = results.frame.filter(pl.col("score").is_not_nan())
    table = scored.pivot("structure", index="subject_id", values="score", aggregate_function="mean")
    names = tuple(sorted(name for name in table.columns if name != "subject_id"))
    scores = table.select(names).fill_null(float("nan")).to_numpy()
    spread = np.nanstd(scores, axis=0, ddof=1)
    middle = int(np.argsort(spread)[len(spread) // 2])
    above = np.nanmean(scores - np.nanmean(scores, axis=0), axis=1)
    return {
        "data_set": str(results.run.dataset.get("name", folder.name)),
        "judge": results.run.model_id,
        "subjects": len(scores),
        "structures": len(names),
        "spread": float(np.median(spread)),
        "spread_together": float(above.std(ddof=1)),
        "all": rates(scores, names, given),
        "one": {"structure": names[middle], **rates(scores[:, [middle]], (names[middle],), given)},
    }


def rates(
    scores: np.ndarray[Any, Any], names: tuple[str, ...], given: argparse.Namespace
) -> dict[str, Any]:
    """Return the shares of draws in which something is shown, with and without the effect."""
    x = np.repeat([0.0, 1.0], given.n)
    contrast = Contrast("group", "b", "a", x)
    found = {}
    for name, effect in (("power", given.effect), ("false_positives", 0.0)):
        shown, covered = 0, []
        for draw in range(given.draws):
            rng = np.random.default_rng([draw, int(1000 * effect)])
            own = scores[rng.integers(len(scores), size=2 * given.n)] - effect * x[:, None]
            tested = adjusted(
                effects(contrast, own, names, seed=draw, n_permutations=given.permutations)
            )
            shown += any(one.q <= SIGNIFICANT for one in tested)
            if tested:
                first = tested[0].difference
                covered.append(first.low <= -effect <= first.high)
        found[name] = shown / given.draws
        found[f"coverage_{name}"] = float(np.mean(covered)) if covered else None
    return found


def page(document: dict[str, Any]) -> str:
    """Return the figures as a markdown page."""
    rows = [
        f"| {one['data_set']} | {what} | {one['subjects']} | {spread:.3f} | {part['power']:.2f} | "
        f"{part['false_positives']:.3f} | {part['coverage_power']:.2f} |"
        for one in document["audits"]
        for what, part, spread in (
            (f"{one['structures']} structures", one["all"], one["spread_together"]),
            (one["one"]["structure"], one["one"], one["spread"]),
        )
    ]
    return "\n".join(
        [
            "# Differences between groups: what is found",
            "",
            f"Two groups of {document['n']} subjects, drawn with replacement from an audit, in one "
            f"of which all scores are lower by {document['effect']}; {document['draws']} draws, "
            f"{document['permutations']} permutations. Found: anything shown at a false discovery "
            f"rate of {document['false_discovery_rate']:.0%} over all structures together and "
            "each. False positives: the same without the effect. Spread: standard deviation of a "
            "subject's score, of the mean over structures and of the median structure.",
            "",
            "`python -m benchmarks.bias.power OUT [OUT ...]`",
            "",
            "| audit | tested | subjects | spread | power | false positives | interval coverage |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
