"""Differences between groups: planted ones are found, absent ones are not, and not more is said."""

import json
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from report_samples import HOSTILE, row
from result_samples import write_results
from segassay.bias.columns import case_columns, chosen_columns
from segassay.bias.contrasts import LEAST_UNITS, Contrast, adjusted, effects
from segassay.bias.measure_bias import SIGNIFICANT, BiasResult, bias_of, measure_bias
from segassay.cli.app import app
from segassay.errors import DatasetError, UsageError
from segassay.records.results import Results

STRUCTURES = ("liver", "duct", "spleen")


def subject_scores(n: int, seed: int, n_structures: int = 3) -> np.ndarray[Any, Any]:
    """Scores as an audit of BTCV has them: a subject's own level, and what each label adds."""
    rng = np.random.default_rng(seed)
    return 0.8 + 0.04 * rng.normal(size=(n, 1)) + 0.05 * rng.normal(size=(n, n_structures))


def shown(scores: np.ndarray[Any, Any], seed: int) -> bool:
    x = np.repeat([0.0, 1.0], len(scores) // 2)
    names = STRUCTURES[: scores.shape[1]]
    found = adjusted(
        effects(Contrast("sex", "f", "m", x), scores, names, seed=seed, n_permutations=499)
    )
    return any(one.q <= SIGNIFICANT for one in found)


def test_a_planted_effect_is_found_and_an_absent_one_is_not() -> None:
    """0.03 at 60 a group: at least 0.8 of draws; without it at most 0.05, give or take draws."""
    effect = np.repeat([0.0, 0.03], 60)[:, None]
    n_found = sum(shown(subject_scores(120, seed) - effect, seed) for seed in range(100))
    assert n_found >= 80
    n_false = sum(shown(subject_scores(120, 1000 + seed), seed) for seed in range(200))
    assert n_false <= 10 + 2 * np.sqrt(200 * 0.05 * 0.95)


def test_effects_are_differences_of_means_with_their_intervals() -> None:
    scores = subject_scores(80, 3)
    x = np.repeat([0.0, 1.0], 40)
    scores[40:] -= 0.2
    scores[5, 1] = np.nan
    found = effects(Contrast("sex", "f", "m", x), scores, STRUCTURES)
    assert [one.structure for one in found] == ["", *STRUCTURES]
    for number, one in enumerate(found[1:]):
        means = [np.nanmean(scores[part, number]) for part in (slice(40), slice(40, 80))]
        assert one.difference.value == pytest.approx(means[1] - means[0])
        assert one.difference.low < -0.2 < one.difference.high
        assert one.standardised < -1
        assert one.p == pytest.approx(1 / 5000)
    assert (found[2].n_in, found[2].n_out) == (40, 39)


def test_intervals_hold_what_they_say() -> None:
    x = np.repeat([0.0, 1.0], 40)
    held = 0
    for seed in range(100):
        scores = subject_scores(80, seed, 1) + 0.05 * x[:, None]
        one = effects(Contrast("s", "f", "m", x), scores, ("liver",), seed=seed, n_permutations=9)
        held += one[0].difference.low <= 0.05 <= one[0].difference.high
    assert 87 <= held <= 100


def test_a_number_is_told_between_its_quartiles() -> None:
    rng = np.random.default_rng(4)
    age = rng.uniform(20, 80, 100)
    scores = 0.9 - 0.002 * age[:, None] + 0.01 * rng.normal(size=(100, 1))
    (one,) = effects(Contrast("age", "35 to 65", "", age, scale=30.0), scores, ("liver",))
    assert one.difference.value == pytest.approx(-0.06, abs=0.01)
    assert one.difference.low < one.difference.value < one.difference.high
    assert (one.n_in, one.n_out) == (100, 0)


def test_a_difficult_structure_is_not_held_against_a_group() -> None:
    scores = np.column_stack([0.9 + 0.001 * np.arange(60), np.full(60, 0.4)])
    scores[:30, 1] = np.nan
    x = np.repeat([0.0, 1.0], 30)
    x[::2] = 1 - x[::2]
    both = effects(Contrast("s", "f", "m", x), scores, ("easy", "hard"))
    assert abs(both[0].difference.value) < 0.005


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(LEAST_UNITS, 40))
def test_which_group_is_named_makes_no_difference(seed: int, n: int) -> None:
    """Swapping the groups turns the sign, and adding a constant to all scores changes nothing."""
    scores = subject_scores(2 * n, seed, 1)
    x = np.repeat([0.0, 1.0], n)
    one, other, higher = (
        effects(Contrast("s", "f", "m", own), moved, ("liver",), seed=seed, n_permutations=99)[0]
        for own, moved in ((x, scores), (1 - x, scores), (x, scores + 0.1))
    )
    assert other.difference.value == pytest.approx(-one.difference.value)
    assert other.p == pytest.approx(one.p)
    assert higher.difference.value == pytest.approx(one.difference.value)
    assert higher.p == pytest.approx(one.p)


def test_small_groups_are_not_tested() -> None:
    scores = subject_scores(40, 5)
    x = (np.arange(40) < LEAST_UNITS - 1).astype(float)
    assert effects(Contrast("s", "f", "m", x), scores, STRUCTURES) == []
    assert effects(Contrast("s", "f", "m", np.full(40, np.nan)), scores, STRUCTURES) == []
    assert effects(Contrast("age", "", "", np.arange(9.0)), scores[:9], STRUCTURES) == []


def cohort(
    folder: Path, *, n: int = 60, worse: float = 0.1, about: Mapping[str, Any] | None = None
) -> Results:
    """Subjects of two scanners, site going with it; labels of scanner B score lower."""
    rng = np.random.default_rng(6)
    rows, known = [], {}
    for k in range(n):
        case_id = f"c{k}"
        scanner = "AB"[k % 2]
        known[case_id] = {
            "scanner": scanner,
            "Site": "north" if scanner == "A" or k % 10 == 1 else "south",
            "age": str(20 + k),
            "name": f"patient {k}",
            "modality": "ct",
        }
        for structure in STRUCTURES[:2]:
            score = 0.85 - worse * (scanner == "B") + 0.03 * rng.normal()
            rows.append(row(case_id, score, structure=structure))
    return write_results(folder, rows, about_cases=about or known)


def by_column(found: BiasResult) -> dict[str, list[Any]]:
    columns = {one.column for one in found.effects}
    return {name: [one for one in found.effects if one.column == name] for name in columns}


def test_what_a_data_set_says_of_its_cases_is_tested(tmp_path: Path) -> None:
    results = cohort(tmp_path / "audit")
    found = bias_of(results, case_columns(results))
    own = by_column(found)
    assert set(own) == {"scanner", "site", "age"}
    assert {one.structure for one in own["scanner"]} == {"", "duct", "liver"}
    assert all(one.value == "A" and one.other == "B" for one in own["scanner"])
    assert own["scanner"][0].difference.value == pytest.approx(0.1, abs=0.03)
    assert own["scanner"][0].q <= SIGNIFICANT < own["age"][0].q
    assert [one.column for one in found.left_out] == ["name", "modality"]
    assert [(one.first, one.second) for one in found.confounded] == [("scanner", "site")]
    assert found.units == dict.fromkeys(own, "subject_id")


def test_correction_is_over_all_tests() -> None:
    scores = subject_scores(60, 7)
    scores[30:] -= 0.05
    found = effects(Contrast("s", "f", "m", np.repeat([0.0, 1.0], 30)), scores, STRUCTURES)
    rest = effects(
        Contrast("t", "f", "m", np.tile([0.0, 1.0], 30)), subject_scores(60, 8), STRUCTURES
    )
    alone, together = adjusted(found), adjusted([*found, *rest])
    assert all(a.q <= b.q + 1e-12 for a, b in zip(alone, together, strict=False))
    assert all(one.q >= one.p for one in together)
    assert adjusted([]) == []


def test_a_column_that_differs_within_subjects_goes_by_case(tmp_path: Path) -> None:
    rows = [row(f"c{k}", 0.8 + 0.001 * k, subject_id=f"s{k // 2}") for k in range(40)]
    about = {f"c{k}": {"phase": "ed" if k % 2 else "es"} for k in range(40)}
    results = write_results(tmp_path / "audit", rows, about_cases=about)
    found = bias_of(results, case_columns(results))
    assert found.units == {"phase": "case_id"}
    assert found.effects[0].n_in + found.effects[0].n_out == 40


def test_a_table_adds_columns_by_case_or_by_subject(tmp_path: Path) -> None:
    results = cohort(tmp_path / "audit", n=4)
    by_case, by_subject = tmp_path / "cases.csv", tmp_path / "subjects.tsv"
    by_case.write_text("case_id,sex,scanner\nc0,f,X\nc3,m,\n")
    by_subject.write_text("participant_id\tSex\nc1\tf\nzz\tm\n")
    columns = case_columns(results, by_case)
    assert columns["sex"] == {"c0": "f", "c3": "m"}
    assert columns["scanner"] == {"c0": "X"}
    assert set(columns["age"]) == {f"c{k}" for k in range(4)}
    assert case_columns(results, by_subject)["sex"] == {"c1": "f"}
    assert list(chosen_columns(columns, ["SEX", " age "])) == ["sex", "age"]
    with pytest.raises(UsageError, match="scanner"):
        chosen_columns(columns, ["scaner"])


@pytest.mark.parametrize(
    "text", ["sex\nf\n", "case_id,sex\nnobody,f\n", "case_id,sex\nc0,f\nc0,m\n", ""]
)
def test_tables_that_cannot_be_matched_are_refused(tmp_path: Path, text: str) -> None:
    results = cohort(tmp_path / "audit", n=2)
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=r"t\.csv"):
        case_columns(results, path)


def test_sources_group_cases_that_have_one_each(tmp_path: Path) -> None:
    rows = [row(f"c{k}", 0.8, source="net" if k % 2 else "people") for k in range(4)]
    alone = write_results(tmp_path / "alone", rows)
    assert case_columns(alone)["source"]["c1"] == "net"
    both = [*rows, row("c1", 0.8, source="people")]
    assert "source" not in case_columns(write_results(tmp_path / "both", both))


def test_everything_is_written(tmp_path: Path) -> None:
    cohort(tmp_path / "audit", about={f"c{k}": {HOSTILE: "ab"[k % 2]} for k in range(60)})
    found = measure_bias(tmp_path / "audit", tmp_path / "out")
    document = json.loads((tmp_path / "out" / "bias.json").read_text())
    assert len(document["effects"]) == len(found.effects) == 3
    assert [one["shown"] for one in document["effects"]] == [True] * 3
    assert "<script" not in (tmp_path / "out" / "bias.md").read_text()
    picture = ElementTree.parse(tmp_path / "out" / "bias.svg").getroot()
    assert len(picture.findall(".//{*}circle")) == 3
    with pytest.raises(UsageError, match="another -o"):
        measure_bias(tmp_path / "audit", tmp_path / "audit")


def test_nothing_to_test_is_no_error(tmp_path: Path) -> None:
    cohort(tmp_path / "audit", n=6)
    found = measure_bias(tmp_path / "audit", tmp_path / "out")
    assert found.effects == ()
    assert {one.column for one in found.left_out} >= {"scanner", "site"}
    assert ElementTree.parse(tmp_path / "out" / "bias.svg").getroot() is not None
    assert not any(isnan(one.association) for one in found.confounded)


def test_the_bias_command(tmp_path: Path) -> None:
    cohort(tmp_path / "audit")
    words = ["bias", str(tmp_path / "audit"), "-o", str(tmp_path / "out"), "--by", "Scanner,age"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    columns = {one["column"] for one in json.loads(done.stdout)["effects"]}
    assert columns == {"scanner", "age"}
    assert CliRunner().invoke(app, words).exit_code == 0
    assert CliRunner().invoke(app, [*words[:-1], "sex"]).exit_code != 0
