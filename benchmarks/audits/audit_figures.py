"""Count the published audits and what a person saw in them, and put both into their page.

Reads `docs/results/audits/*.csv` and `verdicts.csv` there; writes between the marks of `README.md`.

Usage: python -m benchmarks.audits.audit_figures [--folder docs/results/audits]
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import binomtest

from benchmarks.audits.audit_sets import SETS
from benchmarks.frozen_test.frozen import HERE

VERDICTS = ("fault", "false_alarm", "unsure")
_COLUMNS = ("set", "case", "structure", "source", "drawn", "score", "verdict", "words")
_MARKS = (
    "<!-- figures: written by benchmarks/audits/audit_figures.py -->",
    "<!-- end of figures -->",
)


def main() -> None:
    """Write the figures into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = HERE.parent / "docs" / "results" / "audits"
    parser.add_argument("--folder", type=Path, default=folder)
    options = parser.parse_args()
    tables = {
        entry.name: pl.read_csv(options.folder / f"{entry.name}.csv", schema_overrides=_TEXT)
        for entry in SETS
        if (options.folder / f"{entry.name}.csv").exists()
    }
    verdicts = read_verdicts(options.folder / "verdicts.csv", tables)
    page = options.folder / "README.md"
    before, rest = page.read_text().split(_MARKS[0])
    after = rest.split(_MARKS[1])[1]
    figures = f"{_by_source(tables, verdicts)}\n{_blind(verdicts)}{_by_structure(tables)}"
    page.write_text(f"{before}{_MARKS[0]}\n{figures}{_MARKS[1]}{after}")


_TEXT = dict.fromkeys(("case_id", "structure", "source", "error_type", "flags"), pl.String)


def read_verdicts(path: Path, tables: dict[str, pl.DataFrame]) -> list[dict[str, str]]:
    """Read the verdicts; stops at one of another word, of no such label, or given twice."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = {
        (name, *key): score
        for name, table in tables.items()
        for *key, score in table.select("case_id", "structure", "source", "score").iter_rows()
    }
    keys = [(r["set"], r["case"], r["structure"], r["source"]) for r in rows]
    for row, key in zip(rows, keys, strict=True):
        if tuple(row) != _COLUMNS or row["verdict"] not in VERDICTS:
            raise SystemExit(f"{path.name}: {row} has other columns or another verdict")
        if key not in scores or abs(scores[key] - float(row["score"])) > 0.01:
            raise SystemExit(f"{path.name}: no label {key} of score {row['score']} was audited")
    twice = [key for key, n in Counter(keys).items() if n > 1]
    if twice:
        raise SystemExit(f"{path.name}: more than one verdict on {twice}")
    return rows


def _by_source(tables: dict[str, pl.DataFrame], verdicts: list[dict[str, str]]) -> str:
    lines = [
        "| set | source | judge | scored | abstained | median | below .5 | below .8 | looked at "
        "| fault | false alarm | unsure | precision [95 % interval] | of others, drawn by lot |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|---|",
    ]
    for name, table in tables.items():
        for source in sorted(table["source"].unique()):
            own = table.filter(pl.col("source") == source)
            scored = own.filter(pl.col("score").is_not_null())["score"].to_numpy()
            seen = [v for v in verdicts if (v["set"], v["source"]) == (name, source)]
            worst = Counter(v["verdict"] for v in seen if v["drawn"] == "worst")
            others = Counter(v["verdict"] for v in seen if v["drawn"] == "random")
            judges = ", ".join(own["model_id"].drop_nulls().unique().sort())
            lines.append(
                f"| {name} | {source} | {judges} | {len(scored)} "
                f"| {np.mean(own['status'].to_numpy() == 'abstained'):.0%} "
                f"| {float(np.median(scored)):.2f} | {float((scored < 0.5).mean()):.0%} "
                f"| {float((scored < 0.8).mean()):.0%} "
                f"| {sum(worst.values())} | {worst['fault']} | {worst['false_alarm']} "
                f"| {worst['unsure']} | {_precision(worst)} | {_precision(others)} |"
            )
    return "\n".join(lines) + "\n"


def _blind(verdicts: list[dict[str, str]]) -> str:
    """Return the precision of all labels that were looked at blind."""
    blind = {(v["set"], v["source"]) for v in verdicts if v["drawn"] == "random"}
    seen = [v for v in verdicts if (v["set"], v["source"]) in blind]
    worst, others = (
        _precision(Counter(v["verdict"] for v in seen if v["drawn"] == drawn))
        for drawn in ("worst", "random")
    )
    return f"Over the {len(blind)} lists looked at blind: {worst} of the worst, {others} by lot.\n"


def _precision(counts: Counter[str]) -> str:
    """Return the share of faults among what was decided, with Wilson's interval."""
    n = counts["fault"] + counts["false_alarm"]
    if not n:
        return ""
    ci = binomtest(counts["fault"], n).proportion_ci(method="wilson")
    return f"{counts['fault']}/{n} = {counts['fault'] / n:.2f} [{ci.low:.2f}, {ci.high:.2f}]"


def _by_structure(tables: dict[str, pl.DataFrame]) -> str:
    """Return medians of all structures, lowest first, in one line per set and source."""
    lines = ["", "Median score of every structure (labels), lowest first:", ""]
    for name, table in tables.items():
        for source in sorted(table["source"].unique()):
            medians = (
                table.filter((pl.col("source") == source) & pl.col("score").is_not_null())
                .group_by("structure")
                .agg(pl.col("score").median(), pl.len())
                .sort("score", "structure")
            )
            told = ", ".join(f"{s} {m:.2f} ({n})" for s, m, n in medians.iter_rows())
            where = name if table["source"].n_unique() == 1 else f"{name}, {source}"
            lines.append(f"- **{where}**: {told}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
