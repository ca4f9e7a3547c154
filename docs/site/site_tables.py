"""Tables of rules, layouts and formats in `docs/`, written from the code: `make tables`.

Of rules every row is written anew. Of layouts and formats only what is missing: their rows say more
than the code does, and a person may write on.
"""

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from segassay.checks import all_checks
from segassay.checks.base import Check
from segassay.datasets.layouts.all_layouts import READERS
from segassay.images.formats.registry import FORMATS

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"^(?:\|.*\|\n)+", flags=re.MULTILINE)

RULES: dict[str, Mapping[str, Check[Any]]] = {
    "## Of the label file": all_checks.FILE_CHECKS,
    "## Of one label": all_checks.LABEL_CHECKS,
    "## Of the image": all_checks.IMAGE_CHECKS,
    "## Of one case": all_checks.CASE_CHECKS,
    "## Of the data set": all_checks.DATASET_CHECKS,
    "## Across labels": all_checks.COHORT_CHECKS,
}


def checks_page(text: str) -> str:
    """Return the page of rules with the cards as they are in the code."""
    for title, checks in RULES.items():
        text = _changed(text, title, partial(_cards, checks))
    rows = [f"| {c.cap:.2f} | {c.why} |\n" for c in all_checks.CERTAIN.values()]

    def certain(head: list[str], old: list[str]) -> list[str]:
        # Which labels a rule names is told by its row alone.
        named = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| [\d.]+ \|", "".join(old), re.MULTILINE))
        both = zip(all_checks.CERTAIN, rows, strict=True)
        return [*head, *(f"| `{name}` | {named.get(name, '')} {row}" for name, row in both)]

    return _changed(text, "## Rules that leave no doubt", certain)


def _cards(checks: Mapping[str, Check[Any]], head: list[str], old: list[str]) -> list[str]:
    del old
    return [
        *head,
        *(
            f"| `{name}` | {c.sees} | {c.blind_to} | {c.severity} | {c.rule} |\n"
            for name, c in checks.items()
        ),
    ]


def layouts_page(text: str, held: Mapping[str, Mapping[str, str]]) -> str:
    """Return the page of layouts with a row for each; `held` has the letters of their tests."""
    for title, row in (
        ("# Layouts that are read as they are", lambda name: f"{READERS[name].looks_for} | | "),
        ("## What holds for which layout", lambda name: " | ".join(held[name].values())),
    ):

        def added(head: list[str], old: list[str], row: Callable[[str], str] = row) -> list[str]:
            there = {line.split("`")[1]: line for line in old}
            missing = [f"| `{n}` | {row(n)} |\n" for n in READERS if n not in there]
            return [*head, *(line for n, line in there.items() if n in READERS), *missing]

        text = _changed(text, title, added)
    return text


def formats_page(text: str) -> str:
    """Return the page of file formats with a row for each."""

    def added(head: list[str], old: list[str]) -> list[str]:
        there = {line.split("|")[1].strip(): line for line in old}
        rows = list(head)
        for one in FORMATS:
            endings = ", ".join(f"`{e}`" for e in dict.fromkeys((*one.suffixes, *one.writes)))
            layers = "; masks may overlap" if one.has_layers else ""
            written = f"yes{layers}" if one.writes else "no"
            rows.append(there.get(one.name, f"| {one.name} | {endings} | {written} | |\n"))
        return rows

    return _changed(text, "# File formats", added)


def _changed(text: str, title: str, change: Callable[[list[str], list[str]], list[str]]) -> str:
    """Change the first table below a title: its two lines of head, and its rows."""
    before, below = text.split(f"{title}\n", 1)
    table = TABLE.search(below)
    if table is None:
        raise ValueError(f"no table below {title!r}")
    lines = table[0].splitlines(keepends=True)
    new = "".join(change(lines[:2], lines[2:]))
    return f"{before}{title}\n{below[: table.start()]}{new}{below[table.end() :]}"


def main() -> None:
    """Write the pages."""
    sys.path.insert(0, str(ROOT / "tests"))
    from layout_samples import letters

    docs = ROOT / "docs"
    for page, write in (
        (docs / "checks.md", checks_page),
        (docs / "layouts.md", lambda text: layouts_page(text, letters())),
        (docs / "reference" / "formats.md", formats_page),
    ):
        page.write_text(write(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
