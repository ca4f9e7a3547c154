"""What to look at first: budgets hold, and orders are what they say, of rows in any order."""

import json
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from report_samples import row
from result_samples import write_results
from segassay.cli.app import app
from segassay.errors import DatasetError, UsageError
from segassay.records.p_faulty import PRIOR
from segassay.records.results import Results
from segassay.records.scores import ScoreRow
from segassay.records.slices import SLICES, write_slices
from segassay.records.table import to_frame
from segassay.select.budget import Budget, Unit, fitting
from segassay.select.costs import CostModel, fit_costs
from segassay.select.monai_label import NextCase
from segassay.select.pool import Per, items, label_pool, with_mask_slices
from segassay.select.select_labels import Worth, select_labels
from segassay.select.strategies import Strategy, order
from segassay.types import Status

STRUCTURES = ("duct", "liver", "spleen")
SCHEMA_OF_SLICES = pl.Schema([("case_id", pl.String), *SLICES.items()])
NO_SLICES = SCHEMA_OF_SLICES.to_frame()


def label(case_id: str, structure: str, p: float, score: float, **more: Any) -> ScoreRow:
    fields = {
        "n_voxels": 1000,
        "n_slices": 5,
        "volume_ml": 1.0,
        "spacing_mm": "1 1 1",
        "expected_path_mm": 500.0,
        **more,
    }
    return row(case_id, score, structure=structure, p_faulty=p, **fields)


def cohort(seed: int, n_cases: int = 8) -> list[ScoreRow]:
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n_cases):
        for structure in STRUCTURES:
            size = int(rng.integers(10, 5000))
            rows.append(
                label(
                    f"c{k}",
                    structure,
                    float(rng.random()),
                    float(rng.random()),
                    n_voxels=size,
                    volume_ml=size / 1000,
                    expected_path_mm=float(rng.choice([nan, rng.uniform(0, 3000)])),
                    expected_nsd=float(rng.random()),
                )
            )
    return rows


def slices_of(rows: list[ScoreRow], seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        [
            (one.case_id, one.structure, one.source, index, float(rng.random()), 20)
            for one in rows
            for index in range(3)
        ],
        schema=SCHEMA_OF_SLICES,
        orient="row",
    )


def built(rows: list[ScoreRow], per: Per, slices: pl.DataFrame | None = None) -> pl.DataFrame:
    known = slices_of(rows, 0) if slices is None else slices
    pool = with_mask_slices(label_pool(to_frame(rows)), to_frame(rows), known)
    return items(pool, known, CostModel(), per)


WHOLE = [one for one in Strategy if one is not Strategy.DISAGREEMENT]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(WHOLE), st.sampled_from(list(Per)), st.booleans())
def test_an_order_holds_every_item_once_whatever_the_order_of_the_rows(
    seed: int, strategy: Strategy, per: Per, stratify: bool
) -> None:
    rows = cohort(seed, 4)
    shuffled = [rows[k] for k in np.random.default_rng(seed).permutation(len(rows))]
    slices = slices_of(rows, seed)
    found, again = (built(own, per, slices) for own in (rows, shuffled))
    keys = ("case_id", "structure", "source", "slice")
    assert again.select(keys).equals(found.select(keys))
    chosen = order(found, strategy, stratify=stratify, seed=seed)
    assert sorted(chosen.tolist()) == list(range(found.height))
    assert order(again, strategy, stratify=stratify, seed=seed).tolist() == chosen.tolist()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(list(Unit)),
    st.floats(0.1, 60),
    st.sampled_from(list(Per)),
)
def test_a_budget_is_never_passed_and_nothing_that_fits_is_left(
    seed: int, unit: Unit, amount: float, per: Per
) -> None:
    found = built(cohort(seed, 4), per)
    chosen = order(found, Strategy.EXPECTED_GAIN)
    rows, minutes = fitting(found, chosen, Budget(amount, unit), 0.5)
    taken = found[rows]
    n_cases = taken["case_id"].n_unique()
    spent = {
        Unit.MINUTES: float(minutes.sum()),
        Unit.CASES: n_cases,
        Unit.LABELS: float(taken["n_labels"].to_numpy().sum()),
        Unit.SLICES: float(taken["n_slices"].to_numpy().sum()),
    }[unit]
    assert spent <= amount * (1 + 1e-9)
    assert minutes.sum() == pytest.approx(taken["minutes"].to_numpy().sum() + 0.5 * n_cases)
    left = found[[n for n in range(found.height) if n not in set(rows.tolist())]]
    prices = {
        Unit.MINUTES: left["minutes"].to_numpy() + 0.5,
        Unit.CASES: np.ones(left.height),
        Unit.LABELS: left["n_labels"].to_numpy(),
        Unit.SLICES: left["n_slices"].to_numpy(),
    }[unit]
    assert (spent + prices > amount * (1 - 1e-9)).all()


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_expected_gain_falls_and_no_order_brings_more_for_the_same_minutes(seed: int) -> None:
    """Taken by falling gain per minute, any prefix is the best of its length in time."""
    found = built(cohort(seed), Per.STRUCTURE)
    rate = (found["gain"] / found["minutes"]).to_numpy()
    chosen = order(found, Strategy.EXPECTED_GAIN)
    assert (np.diff(rate[chosen]) <= 1e-9).all()
    minutes, gain = (found[name].to_numpy() for name in ("minutes", "gain"))
    other = order(found, Strategy.RANDOM, seed=seed)
    best = np.interp(minutes[other].cumsum(), minutes[chosen].cumsum(), gain[chosen].cumsum())
    first = minutes[chosen[0]]
    enough = minutes[other].cumsum() >= first
    assert (gain[other].cumsum()[enough] <= best[enough] + 1e-9).all()


def test_gain_is_probability_times_loss_and_minutes_follow_the_outline() -> None:
    rows = [
        label("a", "liver", 0.5, 0.4, expected_path_mm=1700.0),
        label("b", "liver", 1.0, 0.4, expected_path_mm=3400.0),
        label("c", "liver", 0.0, 0.9, expected_path_mm=3400.0),
    ]
    pool = label_pool(to_frame(rows))
    by_case = {
        one["case_id"]: one for one in items(pool, NO_SLICES, CostModel(), Per.STRUCTURE).to_dicts()
    }
    assert by_case["a"]["gain"] == pytest.approx(0.5 * by_case["a"]["loss"])
    assert by_case["a"]["loss"] == pytest.approx(by_case["b"]["loss"])
    assert by_case["c"]["gain"] == 0
    assert [by_case[c]["minutes"] for c in "abc"] == pytest.approx([0.75, 2.25, 0.25])
    case = items(pool, NO_SLICES, CostModel(), Per.CASE)
    assert case["minutes"].to_list() == pytest.approx([0.75, 2.25, 0.25])


def test_without_a_suggestion_the_outline_follows_from_size_and_score() -> None:
    """A ball of radius r has outlines of pi/2 times its circumference, r at a time."""
    radius = 20.0
    ball = 4 / 3 * np.pi * radius**3
    fields = {"expected_path_mm": nan, "volume_ml": ball / 1000, "n_voxels": int(ball)}
    rows = [label(c, "liver", 0.5, s, **fields) for c, s in (("a", 0.5), ("b", 0.75), ("c", 1.0))]
    lengths = label_pool(to_frame(rows))["path_mm"].to_list()
    assert lengths[0] == pytest.approx(2 * lengths[1])
    assert lengths[2] == 0
    true = sum(2 * np.pi * np.sqrt(radius**2 - z**2) for z in np.arange(-19.5, 20))
    assert lengths[0] == pytest.approx(0.5 * 1.75 * true, rel=0.1)


def test_a_missing_label_costs_what_others_of_its_structure_do() -> None:
    rows = [label(f"c{k}", "liver", 0.2, 0.9) for k in range(3)]
    missing = {"n_voxels": 0, "n_slices": 0, "volume_ml": nan, "expected_path_mm": nan}
    rows.append(label("d", "liver", 0.9, nan, status=Status.ABSENT_SUSPECT, **missing))
    found = label_pool(to_frame(rows)).filter(pl.col("case_id") == "d").to_dicts()[0]
    assert found["path_mm"] > 100
    assert found["loss"] > 0.5
    assert not found["filled"]


def test_what_nobody_draws_is_left_out() -> None:
    rows = [
        label("good", "liver", nan, 0.9),
        label("absent", "liver", 0.1, nan, status=Status.ABSENT_OK, n_voxels=0),
        label("broken", "liver", nan, nan, status=Status.FAILED, n_voxels=0),
        label("grid", "liver", 1.0, nan, status=Status.INVALID, n_voxels=0),
    ]
    pool = label_pool(to_frame(rows))
    assert pool["case_id"].to_list() == ["good"]
    assert pool["p_wrong"].to_list() == [PRIOR]
    empty = label_pool(to_frame(rows[1:]))
    for strategy in WHOLE:
        for per in (Per.CASE, Per.STRUCTURE):
            assert len(order(items(empty, NO_SLICES, CostModel(), per), strategy)) == 0


def test_structures_take_turns() -> None:
    found = built(cohort(3), Per.STRUCTURE)
    chosen = order(found, Strategy.EXPECTED_GAIN, stratify=True)
    names = found["structure"].to_numpy()[chosen].tolist()
    for start in range(0, len(names), 3):
        assert sorted(names[start : start + 3]) == list(STRUCTURES)


def test_foreground_random_goes_to_the_foreground_more_often() -> None:
    """One label in ten holds mask: a third of the places, and a tenth of the others, are theirs."""
    rows = [
        label(f"c{k:03}", "liver", 0.5, 0.5)
        if k % 10 == 0
        else label(f"c{k:03}", "liver", 0.6, nan, status=Status.ABSENT_SUSPECT, n_voxels=0)
        for k in range(400)
    ]
    found = items(label_pool(to_frame(rows)), NO_SLICES, CostModel(), Per.STRUCTURE)
    filled = found["filled"].to_numpy()
    firsts = {
        strategy: np.mean([filled[order(found, strategy, seed=s)[:20]].mean() for s in range(40)])
        for strategy in (Strategy.RANDOM, Strategy.FOREGROUND_RANDOM)
    }
    assert firsts[Strategy.RANDOM] == pytest.approx(0.1, abs=0.03)
    assert firsts[Strategy.FOREGROUND_RANDOM] == pytest.approx(1 / 3 + 2 / 30, abs=0.06)


def test_diversity_takes_what_is_unlike_first() -> None:
    """Of a heap of equal labels and three odd ones the odd ones come early."""
    rows = [label(f"c{k:02}", "liver", 0.5, 0.8, expected_nsd=0.8) for k in range(30)]
    odd = {f"odd{k}": 0.1 + 0.3 * k for k in range(3)}
    rows += [label(name, "liver", 0.5, 0.2, expected_nsd=nsd) for name, nsd in odd.items()]
    found = items(label_pool(to_frame(rows)), NO_SLICES, CostModel(), Per.STRUCTURE)
    first = found["case_id"].to_numpy()[order(found, Strategy.DIVERSITY)][:4].tolist()
    assert len(set(first) & set(odd)) == 3


def test_sources_that_disagree_come_first() -> None:
    rows = [
        label(f"c{k}", "liver", 0.5, 0.8 - 0.1 * k * (source == "b"), source=source)
        for k in range(4)
        for source in "ab"
    ]
    found = items(label_pool(to_frame(rows)), NO_SLICES, CostModel(), Per.CASE)
    chosen = order(found, Strategy.DISAGREEMENT)
    assert found["case_id"].gather(chosen.tolist()).to_list() == ["c3", "c2", "c1", "c0"]
    alone = items(label_pool(to_frame(rows[::2])), NO_SLICES, CostModel(), Per.CASE)
    with pytest.raises(UsageError, match="disagreement"):
        order(alone, Strategy.DISAGREEMENT)


def test_slices_share_what_their_label_brings() -> None:
    rows = [label("a", "liver", 1.0, 0.3, n_voxels=60, n_slices=3)]
    found = built(rows, Per.SLICE)
    pool = label_pool(to_frame(rows))
    assert found["n_slices"].to_list() == [1.0] * 3
    assert found["gain"].sum() == pytest.approx(pool["gain"][0])
    assert found["path_mm"].sum() == pytest.approx(pool["path_mm"][0])
    worst = int(np.argmin(found["score"].to_numpy()))
    assert int(np.argmax(found["gain"].to_numpy())) == worst
    assert order(found, Strategy.WORST_FIRST)[0] == worst
    with pytest.raises(UsageError, match="--per"):
        items(pool, NO_SLICES, CostModel(), Per.SLICE)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    rows = cohort(5, 10)
    found = write_results(tmp_path / "audit", rows)
    slices = slices_of(rows, 1)
    write_slices([slices], tmp_path / "audit")
    return found


def test_a_selection_adds_up_and_says_when_to_stop(results: Results) -> None:
    everything = select_labels(results, Budget(1e6, Unit.MINUTES))
    frame = everything.frame
    assert frame.height == everything.n_pool == 30
    assert frame["number"].to_list() == list(range(1, 31))
    assert frame["minutes_so_far"][-1] == pytest.approx(everything.minutes)
    assert frame["gain_so_far"][-1] == pytest.approx(everything.gain_of_pool)
    assert everything.worth is Worth.YES
    assert everything.enough is not None
    left = everything.gain_of_pool - frame["gain_so_far"][everything.enough - 1]
    before = everything.gain_of_pool - frame["gain_so_far"][everything.enough - 2]
    assert left < everything.noise * 30 <= before
    short = select_labels(results, Budget(2.0, Unit.MINUTES))
    assert short.enough is None
    assert select_labels(results, Budget(2.0, Unit.MINUTES), noise=0.5).worth is Worth.NO
    with pytest.raises(UsageError):
        select_labels(results, Budget(2.0, Unit.MINUTES), noise=0)


def test_nothing_is_wrong_so_nothing_is_worth_fixing(tmp_path: Path) -> None:
    rows = [label(f"c{k}", "liver", 0.0, 0.9) for k in range(5)]
    found = select_labels(write_results(tmp_path / "a", rows), Budget(60, Unit.MINUTES))
    assert found.worth is Worth.NO
    assert found.enough == 0


@pytest.mark.parametrize("text", ["120", "min", "0min", "-3cases", "4 apples", "1e3min", ""])
def test_budgets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--budget"):
        Budget.parse(text)


def test_costs_are_fitted_to_minutes(tmp_path: Path) -> None:
    pool = label_pool(to_frame(cohort(6, 10)))
    own = pool["p_wrong"].to_numpy() * pool["path_mm"].to_numpy()
    table = tmp_path / "minutes.csv"
    lines = [
        f"{case_id},{structure},{0.4 + length / 900}"
        for case_id, structure, length in zip(pool["case_id"], pool["structure"], own, strict=True)
    ]
    table.write_text("case_id,structure,minutes\n" + "\n".join(lines))
    found = fit_costs(table, pool)
    assert found.minutes_per_label == pytest.approx(0.4)
    assert found.mm_per_minute == pytest.approx(900)
    for text in ("case_id,minutes\nc0,1\n", "\n".join(["case_id,structure,minutes", *lines[:3]])):
        table.write_text(text)
        with pytest.raises(DatasetError, match=r"minutes\.csv"):
            fit_costs(table, pool)
    table.write_text("case_id,structure,minutes\nc0,liver,soon\n")
    with pytest.raises(DatasetError, match="soon"):
        fit_costs(table, pool)


class Store:
    """A data store as MONAI Label has it, of which some images are done."""

    def __init__(self, images: list[str]) -> None:
        self.images = images

    def get_unlabeled_images(self, label_tag: str | None = None, labels: Any = None) -> list[str]:
        return [one for one in self.images if label_tag != "final" or one != "c0"]


def test_monai_label_gets_the_next_case(results: Results) -> None:
    strategy = NextCase(results.folder)
    assert set(strategy.info()) == {"description"}
    images = [f"c{k}" for k in range(10)]
    asked, left = [], [*images, "unknown"]
    while left:
        asked.append(strategy({}, Store(left)))
        left.remove(asked[-1] or "")
    found = items(label_pool(results.frame), NO_SLICES, CostModel(), Per.CASE)
    chosen = order(found, Strategy.EXPECTED_GAIN, minutes_per_case=CostModel().minutes_per_case)
    assert asked == [*found["case_id"].gather(chosen.tolist()), "unknown"]
    assert strategy({"label_tag": "final"}, Store(["c0"])) is None


def test_the_select_command(results: Results, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["select", str(results.folder), "-o", str(out), "--budget"]
    done = CliRunner().invoke(app, [*words, "12min", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["minutes"] <= 12
    table = pl.read_csv(out / "selection.csv")
    assert table.height == document["selected"] == len(document["items"])
    slices = CliRunner().invoke(app, [*words, "7slices", "--strategy", "random", "--json"])
    assert {one["slice"] for one in json.loads(slices.stdout)["items"]} <= {0, 1, 2}
    assert CliRunner().invoke(app, [*words, "3cases"]).exit_code == 0
    for wrong in (["--strategy", "best"], ["--per", "voxel"], ["-o", str(results.folder)]):
        assert CliRunner().invoke(app, [*words, "3cases", *wrong]).exit_code != 0
