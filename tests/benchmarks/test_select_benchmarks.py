"""The benchmark of checking: a perfect order looks at a tenth, a random one at nearly all."""

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.select.checking import FOUND, PREVALENCE, measured, page, read_checked


def table(path: Path, sets: int = 3, n: int = 60) -> Path:
    """Rows as `leave_set_out` writes them; `votes` know the truth, `alone` its opposite."""
    rng = np.random.default_rng(0)
    names = ("set", "case", "structure", "dice", "context", "context_doubt", "alone", "votes")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for number in range(sets):
            for case in range(n):
                dice = rng.uniform(0.1, 0.6) if case % 6 == 0 else rng.uniform(0.75, 0.95)
                score = dice + 0.05 * rng.normal()
                row = (f"s{number}", case, "liver", dice, score, rng.random(), 1 - dice, dice)
                writer.writerow(row)
        writer.writerow(("small", 0, "liver", 0.3, 0.3, 0.1, 0.3, 0.3))
    return path


def test_labels_looked_at(tmp_path: Path) -> None:
    rows = read_checked(table(tmp_path / "fold0.csv"))
    assert len(rows) == 181
    found = measured(rows, 50)
    assert list(found["sets"].values()) == [[60, 10]] * 3
    assert found["left_out"] == ["small"]
    orders = found["orders"]
    # 50 good labels leave room for 5 bad ones, all of which are nine in ten of them.
    assert orders["votes_of_context"]["looked_at"] == pytest.approx(PREVALENCE)
    assert orders["votes_of_context"]["precision_at_5"] == 1
    assert orders["judge_alone"]["looked_at"] == pytest.approx(1)
    assert orders["random"]["looked_at"] == pytest.approx(5 / 6 * 51 / 50, abs=0.04)
    assert orders["random"]["of_random"] == 1
    assert orders["score"]["of_random"] < 0.2
    assert orders["score_within_structure"]["looked_at"] == pytest.approx(
        orders["score"]["looked_at"]
    )
    assert FOUND == 0.9
    assert page({"tables": ["fold0.csv"], **found}).count("\n| ") == 1 + len(orders)
