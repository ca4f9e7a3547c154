"""What scores are worth on unknown data: calibrated across data sets, none vouching for itself."""

import csv
import json
import shutil
from dataclasses import asdict, fields, replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

from segassay.cli import main
from segassay.errors import ReadError, UsageError
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.training.release.measure_out_of_domain import (
    UnseenLabel,
    across_sets,
    calibrate_out_of_domain,
    fit_unseen,
    read_unseen,
)
from segassay.types import ExitCode


def labels(n_sets: int = 24, n: int = 12, *, too_high: float = 0.1) -> list[UnseenLabel]:
    """Labels whose scores are too high, noisier alone than in context, as the doubt says."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(n_sets):
        for _ in range(n):
            dice = float(rng.uniform(0.2, 0.9))
            doubt = float(rng.uniform(0.02, 0.1))
            context, alone = rng.laplace(dice + too_high, (doubt, 2 * doubt)).clip(0, 1)
            said = float(context)
            found.append(
                UnseenLabel(f"s{number}", "x", dice, said, doubt, float(alone), 2 * doubt, 0.5, 0.5)
            )
    return found


def write(rows: list[UnseenLabel], path: Path, **more: str) -> Path:
    names = [field.name for field in fields(UnseenLabel)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*names, *more])
        table.writeheader()
        table.writerows({**asdict(row), **more} for row in rows)
    return path


def test_scores_are_led_to_the_truth_and_intervals_hold_it() -> None:
    found = across_sets(labels())
    assert found.coverage == pytest.approx(0.9, abs=0.06)
    assert found.sets_covered > 0.6
    assert found.mae < 0.09 < np.mean([abs(r.context - r.dice) for r in labels()])
    assert len(found.by_set) == 24
    made = fit_unseen(labels())
    assert made.in_context is not None
    assert made.in_context.value(0.7) < 0.7
    (_, low, high), (_, lower, higher) = made.in_context(0.6, 0.05), made.alone(0.6, 0.1)
    assert higher - lower > high - low


def test_labels_of_a_set_are_ranked_by_what_the_context_says() -> None:
    rows = labels()
    ranked = [replace(row, close=row.dice, votes=row.dice) for row in rows]
    misled = [replace(row, close=1 - row.dice, votes=1 - row.dice) for row in rows]
    assert across_sets(ranked).mae < across_sets(rows).mae < across_sets(misled).mae
    few = [replace(row, structure=str(n)) for n, row in enumerate(misled)]
    assert across_sets(few).mae == pytest.approx(across_sets(rows).mae)


def test_a_set_does_not_vouch_for_itself() -> None:
    stranger = [
        UnseenLabel("strange", "x", 0.1 + 0.02 * k, 0.95 - 0.01 * k, 0.03, 0.9, 0.03, nan, nan)
        for k in range(12)
    ]
    found = across_sets([*labels(), *stranger])
    assert found.by_set["strange"] == 0.0


def test_too_little_is_refused() -> None:
    with pytest.raises(UsageError):
        across_sets(labels(n_sets=7))
    with pytest.raises(UsageError):
        fit_unseen(labels(n_sets=3))


def test_a_table_is_read_with_columns_that_say_more(tmp_path: Path) -> None:
    rows = labels(n_sets=2)
    assert read_unseen(write(rows, tmp_path / "rows.csv", case="a")) == rows
    (tmp_path / "no.csv").write_text("set,dice\na,0.5\n", encoding="utf-8")
    for name in ("no.csv", "missing.csv"):
        with pytest.raises(ReadError):
            read_unseen(tmp_path / name)


def test_a_judge_keeps_it(tiny_context_judge: Path, tmp_path: Path) -> None:
    judge = tmp_path / "judge"
    shutil.copytree(tiny_context_judge, judge)
    rows = write(labels(), tmp_path / "rows.csv")
    words = ["train", "out-of-domain", "--judge", str(judge), "--rows", str(rows)]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code in (None, ExitCode.DONE)
    kept = json.loads((judge / "unfamiliar.json").read_text(encoding="utf-8"))
    assert (kept["sets"], kept["labels"], kept["weigher"]) == (24, 288, None)
    assert isinstance(load_judge(str(judge)), ContextJudge)


def test_a_judge_that_reads_no_context_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        calibrate_out_of_domain("judge-small", [write(labels(), tmp_path / "rows.csv")])
