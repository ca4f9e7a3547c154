"""What an evaluation says first."""

from typing import Any

import pytest

from segassay.report.evaluation_page import summary_lines


def figures(tried: float | None) -> dict[str, Any]:
    """Return what the first lines are made from, of a table with too few pairs for more."""
    counts = {
        "pairs": 4, "judged": 3, "subjects": 2, "sets": 1, "failed": 1, "invalid": 0,
        "both_empty": 0, "trained_on": 0, "never_learned": 0,
    }  # fmt: skip
    return {
        "counts": counts,
        "pooled": {"too_few": "3 pairs of 2 subjects"},
        "familiarity": {"found": tried, "at_least": 0.82},
    }


@pytest.mark.parametrize(("tried", "told"), [(None, False), (0.9, False), (0.31, True)])
def test_a_judge_that_failed_its_trial_is_named(tried: float | None, told: bool) -> None:
    lines = summary_lines(figures(tried))
    assert lines[0].startswith("3 of 4 pairs judged")
    assert "1 with a file that could not be read" in lines[0]
    assert any("r = 0.31" in line and "0.82" in line for line in lines) is told
