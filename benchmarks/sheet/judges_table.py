"""All judges on the frozen test, one row each, from the sheets that lie in a folder.

Reads every `*.json` that `judge_sheet.py` or `quality_sentinel.py` wrote and puts those of the
newest version of the test into `judges.md`; sheets of an older version would compare other masks,
and are named below the table.

Usage: python -m benchmarks.sheet.judges_table [--results docs/results]
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
_OF_A_SHEET = {"judge", "over_sets", "untouched"}
Row = dict[str, Any]

COLUMNS: dict[str, Callable[[Row], float | None]] = {
    "mean set Pearson": lambda s: s["over_sets"]["mean_set_pearson"],
    "mean set MAE": lambda s: s["over_sets"]["mean_set_mae"],
    "pooled Pearson": lambda s: s["pooled"]["pearson"],
    "AUROC < .8": lambda s: s["pooled"]["auroc_below_0.8"],
    "Pearson, unseen faults": lambda s: s["unseen_families"]["pearson"],
    "Pearson, network errors": lambda s: (s["network_errors"] or {}).get("pearson"),
    "same mask, five images": lambda s: s.get("five_images", {}).get("mean_over_sets"),
    "median of clean labels": lambda s: s["untouched"]["median"],
    "wrong name, AUROC": lambda s: (
        s.get("wrong_name", {}).get("another structure", {}).get("auroc")
    ),
    "interval width": lambda s: s.get("reliability", {}).get("interval_width"),
}
"""What the table shows, and where a sheet has it; `None` where a sheet has not."""


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    (options.results / "judges.md").write_text(table(read_sheets(options.results)))


def read_sheets(folder: Path) -> list[Row]:
    """Return the sheets of a folder, best first; other JSON files are passed over."""
    every = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    sheets = [s for s in every if isinstance(s, dict) and set(s) >= _OF_A_SHEET]
    return sorted(sheets, key=lambda s: -float(s["over_sets"]["mean_set_pearson"]))


def table(sheets: list[Row]) -> str:
    """Return the page of sheets; raises `ValueError` where there is none."""
    newest = max(int(sheet["test_version"]) for sheet in sheets)
    lines = [
        "# All judges on the frozen test",
        "",
        f"Version {newest} of the test; each judge's own page tells more, with intervals. Made by "
        "`python -m benchmarks.sheet.judges_table`.",
        "",
        "| judge | masks | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * (1 + len(COLUMNS)),
    ]
    older = []
    for sheet in sheets:
        if int(sheet["test_version"]) < newest:
            older.append(f"{sheet['judge']} (version {sheet['test_version']})")
            continue
        cells = (_cell(value(sheet)) for value in COLUMNS.values())
        name = f"{sheet['judge']} ({sheet['remark']})" if "remark" in sheet else sheet["judge"]
        lines.append(f"| {name} | {sheet['pooled']['n']} | " + " | ".join(cells) + " |")
    if older:
        lines += ["", f"Not compared, judged on other masks: {', '.join(older)}."]
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
