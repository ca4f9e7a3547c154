"""Two results side by side: exactly what changed is told, and which way it went."""

import json
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from report_samples import row, view
from result_samples import write_results
from segassay.cli.app import app
from segassay.compare.candidates import ALL, preferences, sources_of
from segassay.compare.changes import LEAST_DIFFERENCE, Change, Changes, Outcome, label_changes
from segassay.compare.compare_results import (
    ReleaseComparison,
    compare_releases,
    compare_results,
    compare_sources,
)
from segassay.errors import UsageError
from segassay.records.results import open_results
from segassay.records.scores import ScoreRow
from segassay.records.table import to_frame
from segassay.report.figures import draw
from segassay.report.kept import Pictured
from segassay.types import Status


def label(case_id: str, score: float, mask: str = "m", **more: Any) -> ScoreRow:
    fields = {"n_voxels": 50, "model_id": "j", "label_sha256": "f", "mask_sha256": mask, **more}
    return row(case_id, score, **fields)


def changed(changes: Changes) -> dict[str, str]:
    return dict(changes.frame.select("case_id", "change").iter_rows())


def compared(tmp_path: Path, before: list[ScoreRow], after: list[ScoreRow]) -> Changes:
    return label_changes(
        write_results(tmp_path / "before", before), write_results(tmp_path / "after", after)
    )


def test_what_became_of_each_label(tmp_path: Path) -> None:
    """A file's new checksum says nothing of a label whose own voxels are the same."""
    before = [
        label("same", 0.9, "s"),
        label("better", 0.4, "b0"),
        label("worse", 0.9, "w0"),
        label("alike", 0.8, "a0"),
        label("gone", 0.7, "g"),
        label("emptied", 0.7, "e"),
        label("filled", nan, "", n_voxels=0, status=Status.ABSENT_SUSPECT),
        label("never", nan, "", n_voxels=0, status=Status.ABSENT_OK),
    ]
    after = [
        label("same", 0.9, "s", label_sha256="g"),
        label("better", 0.8, "b1"),
        label("worse", 0.5, "w1"),
        label("alike", 0.8 + LEAST_DIFFERENCE / 2, "a1"),
        label("emptied", nan, "", n_voxels=0, status=Status.ABSENT_SUSPECT),
        label("filled", 0.8, "f"),
        label("never", nan, "", n_voxels=0, status=Status.ABSENT_OK),
        label("new", 0.8, "n"),
    ]
    found = compared(tmp_path, before, after)
    assert changed(found) == {
        "same": Change.UNCHANGED,
        "better": Change.CHANGED,
        "worse": Change.CHANGED,
        "alike": Change.CHANGED,
        "gone": Change.REMOVED,
        "emptied": Change.REMOVED,
        "filled": Change.ADDED,
        "never": Change.UNCHANGED,
        "new": Change.ADDED,
    }
    outcomes = dict(found.of(Change.CHANGED).select("case_id", "outcome").iter_rows())
    assert outcomes == {
        "better": Outcome.IMPROVED,
        "worse": Outcome.WORSE,
        "alike": Outcome.EQUAL,
    }
    assert set(found.frame["case_id"][:2]) == {"better", "worse"}
    low, value, high = (
        found.frame.filter(pl.col("case_id") == "better")
        .select("difference_lo", "difference", "difference_hi")
        .row(0)
    )
    assert value == pytest.approx(0.4)
    assert (low, high) == pytest.approx((0.4 - np.sqrt(0.02), 0.4 + np.sqrt(0.02)))
    assert found.n_moved == 0


def test_noise_is_what_unchanged_labels_differ_by(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    before = [label(f"c{n}", 0.8, "s") for n in range(200)] + [label("x", 0.8, "x0")]
    after = [label(f"c{n}", 0.8 + 0.05 * rng.uniform(-1, 1), "s") for n in range(200)]
    found = compared(tmp_path, before, [*after, label("x", 0.83, "x1")])
    assert found.noise == pytest.approx(0.0475, abs=0.003)
    assert found.n_noise == 200
    assert found.of(Change.CHANGED)["outcome"].to_list() == [Outcome.EQUAL]


def test_a_renamed_case_is_moved(tmp_path: Path) -> None:
    found = compared(tmp_path, [label("old", 0.8, "s")], [label("new", 0.8, "s")])
    assert changed(found) == {"old": Change.REMOVED, "new": Change.ADDED}
    assert found.n_moved == 1


def test_without_checksums_of_masks_files_tell(tmp_path: Path) -> None:
    """Older tables know files alone, pseudonymised ones nothing."""
    before = [
        label("a", 0.8, "", label_sha256="1"),
        label("b", 0.8, "", label_sha256="2"),
        label("c", 0.8, "", label_sha256=""),
    ]
    after = [
        label("a", 0.8, "m", label_sha256="1"),
        label("b", 0.9, "m", label_sha256="3"),
        label("c", 0.8, "", label_sha256=""),
    ]
    found = compared(tmp_path, before, after)
    assert changed(found) == {
        "a": Change.UNCHANGED,
        "b": Change.CHANGED,
        "c": Change.UNKNOWN,
    }
    assert dict(found.frame.select("case_id", "by_file").iter_rows()) == {
        "a": True,
        "b": True,
        "c": False,
    }


def test_scores_of_two_judges_are_not_compared(tmp_path: Path) -> None:
    found = compared(tmp_path, [label("a", 0.8, "1")], [label("a", 0.9, "2", model_id="other")])
    assert not found.comparable
    assert found.frame["outcome"].to_list() == [Outcome.NOT_COMPARABLE]
    assert isnan(found.frame["difference"][0])


def test_results_without_a_common_label_are_refused(tmp_path: Path) -> None:
    one, other = (write_results(tmp_path / name, [label(name, 0.8)]) for name in "ab")
    with pytest.raises(UsageError, match="--sources"):
        compare_releases(one, other)


def test_figures_add_up(tmp_path: Path) -> None:
    before = [label(f"c{n}", 0.8, f"m{n}", structure=s) for n in range(8) for s in ("a", "b")]
    after = [
        one.model_copy(update={"score": 0.6, "mask_sha256": "new"}) if one.structure == "a" else one
        for one in before
    ]
    found = compare_releases(
        write_results(tmp_path / "before", before), write_results(tmp_path / "after", after)
    )
    assert found.overall.counts[Change.CHANGED] == 8
    assert [one.structure for one in found.by_structure] == ["a", "b"]
    for kind in Change:
        assert found.overall.counts[kind] == sum(one.counts[kind] for one in found.by_structure)
    assert found.by_structure[0].outcomes[Outcome.WORSE] == 8
    difference = found.by_structure[0].difference
    assert (difference.value, difference.low, difference.high) == pytest.approx((-0.2,) * 3)
    assert isnan(found.by_structure[1].difference.value)


def source(name: str, scores: dict[tuple[str, str], float]) -> list[ScoreRow]:
    return [
        label(case_id, score, source=name, structure=structure)
        for (case_id, structure), score in scores.items()
    ]


def test_the_better_source_wins_where_it_is_better() -> None:
    """Structures are as hard as they like: that is the same for both sources."""
    rng = np.random.default_rng(1)
    names = [(f"c{n}", s) for n in range(30) for s in ("liver", "duct")]
    hard = {name: rng.uniform(0.3, 0.7) for name in names}
    first = {n: hard[n] + (0.1 if n[1] == "liver" else 0) + 0.02 * rng.normal() for n in names}
    second = {n: hard[n] + 0.02 * rng.normal() for n in names}
    frame = to_frame([*source("net", first), *source("people", second)])
    found = preferences(sources_of({"out": frame}))
    winners = {one.structure: one.winner for one in found}
    assert winners == {ALL: "net", "duct": "", "liver": "net"}
    liver = found[2]
    assert (liver.n_labels, liver.n_subjects) == (30, 30)
    assert liver.difference.low < 0.1 < liver.difference.high
    assert liver.share > 0.95


def test_few_subjects_have_no_winner() -> None:
    frames = {
        name: to_frame([label(f"c{n}", score) for n in range(4)])
        for name, score in (("one", 0.9), ("two", 0.3))
    }
    found = preferences(sources_of(frames))
    assert found[0].difference.value == pytest.approx(0.6)
    assert [one.winner for one in found] == ["", ""]


def test_no_winner_is_found_by_chance() -> None:
    """With 95 % intervals, one in twenty at most, give or take the draws."""
    rng = np.random.default_rng(2)
    n_won = 0
    for _ in range(200):
        scores = rng.uniform(0.4, 0.9, (2, 40))
        frames = {
            name: to_frame([label(f"c{n}", one) for n, one in enumerate(own)])
            for name, own in zip("ab", scores, strict=True)
        }
        n_won += bool(preferences(sources_of(frames))[0].winner)
    assert n_won <= 20


def test_one_source_and_two_judges_are_refused() -> None:
    alone = to_frame([label("a", 0.8)])
    other = to_frame([label("a", 0.8, model_id="other")])
    with pytest.raises(UsageError):
        sources_of({"out": alone})
    with pytest.raises(UsageError, match="other"):
        sources_of({"one": alone, "two": other})


def test_sources_of_other_images_are_refused(tmp_path: Path) -> None:
    results = [write_results(tmp_path / name, [label(name, 0.8)]) for name in "ab"]
    with pytest.raises(UsageError):
        compare_sources(results)


def test_everything_is_written_and_nothing_overwritten(tmp_path: Path) -> None:
    """Pictures of the largest changes are those that the results keep."""
    drawn = draw(view())
    pictured = [Pictured((name, "liver", "label"), (drawn,), (), "") for name in "ab"]
    before = [label("a", 0.9, "a0"), label("b", 0.9, "b0"), label("c", 0.9, "c0")]
    after = [label("a", 0.2, "a1"), label("b", 0.5, "b1"), label("c", 0.9, "c0")]
    write_results(tmp_path / "before", before, pictures=pictured)
    write_results(tmp_path / "after", after, pictures=pictured[:1])
    out = tmp_path / "out"
    found = compare_results([tmp_path / "before", tmp_path / "after"], out)
    assert isinstance(found, ReleaseComparison)
    document = json.loads((out / "comparison.json").read_text())
    assert document["all"]["labels"]["changed"] == 2
    assert document["all"]["difference"]["low"] is None
    assert pl.read_csv(out / "changes.csv")["case_id"].to_list() == ["a", "b"]
    page = (out / "index.html").read_text()
    assert page.count("<svg") == 3
    assert page.count(drawn.label) == 3
    with pytest.raises(UsageError, match="another -o"):
        compare_results([tmp_path / "before", tmp_path / "after"], tmp_path / "after")
    assert open_results(tmp_path / "after").frame.height == 3


def test_the_command_line(tmp_path: Path) -> None:
    for name, score in (("x", 0.9), ("y", 0.5)):
        rows = [label(f"c{n}", score, f"{name}{n}") for n in range(6)]
        write_results(tmp_path / name, rows)
    words = ["compare", str(tmp_path / "x"), str(tmp_path / "y"), "-o", str(tmp_path / "out")]
    releases = CliRunner().invoke(app, [*words, "--json"])
    assert releases.exit_code == 0, releases.output
    assert json.loads(releases.stdout)["all"]["changed_labels"]["worse"] == 6
    sources = CliRunner().invoke(app, [*words, "--sources", "--json"])
    assert {one["winner"] for one in json.loads(sources.stdout)["pairs"]} == {"x"}
    assert CliRunner().invoke(app, words).exit_code == 0
    assert "worse" in (tmp_path / "out" / "index.html").read_text()
