"""Groups of cases: one that scores lower is seen, a hard structure is not held against it."""

from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from report_samples import render, report, row
from segassay.report.subgroups import Subgroup, subgroups


def cohort(n: int = 40, *, worse: float = 0.2, structure: str = "liver") -> dict[str, Any]:
    """Cases from two scanners; labels of scanner B score lower by `worse`."""
    rng = np.random.default_rng(0)
    rows, about = [], {}
    for k in range(n):
        scanner = "AB"[k % 2]
        score = 0.9 - worse * (scanner == "B") + 0.02 * rng.standard_normal()
        rows.append(row(f"c{k}", score, structure=structure))
        about[f"c{k}"] = {"scanner": scanner, "age": str(20 + k), "name": f"patient {k}"}
    return {"rows": tuple(rows), "about_cases": about, "findings": ()}


def by_value(found: tuple[Subgroup, ...], column: str) -> dict[str, Subgroup]:
    return {group.value: group for group in found if group.column == column}


def test_a_group_that_scores_lower_is_seen() -> None:
    groups = by_value(subgroups(report(**cohort())), "scanner")
    assert list(groups) == ["A", "B"]
    assert groups["B"].difference.value == pytest.approx(-0.2, abs=0.03)
    assert groups["B"].difference.high < 0 < groups["A"].difference.low
    assert (groups["B"].n_subjects, groups["B"].n_labels) == (20, 20)
    assert groups["B"].share_low > 0.9


def test_no_difference_where_there_is_none() -> None:
    groups = by_value(subgroups(report(**cohort(worse=0.0))), "scanner")
    assert groups["B"].difference.low < 0 < groups["B"].difference.high


def test_a_difficult_structure_is_not_held_against_a_group() -> None:
    options = cohort(worse=0.0)
    hard = [row(f"c{k}", 0.4, structure="duct") for k in range(1, 40, 2)]  # of scanner B alone
    groups = by_value(
        subgroups(report(**{**options, "rows": (*options["rows"], *hard)})), "scanner"
    )
    assert groups["B"].median < groups["A"].median
    assert abs(groups["B"].difference.value) < 0.02


def test_numbers_become_thirds_and_identifiers_nothing() -> None:
    found = subgroups(report(**cohort()))
    ages = by_value(found, "age")
    assert [value.split(" ")[0] for value in ages] == ["up", "above", "above"]
    assert sum(group.n_labels for group in ages.values()) == 40
    assert by_value(found, "name") == {}


def test_small_groups_and_missing_values_tell_nothing() -> None:
    options = cohort(8)
    assert by_value(subgroups(report(**options)), "scanner") == {}
    assert subgroups(report()) == ()
    options = cohort()
    for k in range(10):
        options["about_cases"][f"c{k}"].pop("scanner")
    groups = by_value(subgroups(report(**options)), "scanner")
    assert sum(group.n_labels for group in groups.values()) == 30
    assert not any(isnan(group.difference.value) for group in groups.values())


def test_sources_are_groups_too() -> None:
    rows = [row(f"c{k}", 0.9 - 0.3 * (k % 2), source=("gold", "weak")[k % 2]) for k in range(20)]
    groups = by_value(subgroups(report(rows=tuple(rows))), "source")
    assert groups["weak"].difference.value == pytest.approx(-0.3)


def test_the_page_shows_them_and_says_how_to_read_them(tmp_path: Path) -> None:
    page = render(tmp_path, (), **cohort()).read_text()
    assert "Scores by group of cases" in page
    assert "fewer than 5 subjects" in page
    assert "scanner <b>A</b>" in (tmp_path / "cases" / "c0.html").read_text()
