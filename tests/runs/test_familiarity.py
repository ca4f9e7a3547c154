"""A judge is tried on faults planted in a data set's own labels before its scores are believed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import write_phantoms
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.corruption.faulty_cases import ExpertCase
from segassay.corruption.phantoms.simple_phantom import LABELS
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.datasets.splits import by_lot
from segassay.images.label_ref import LabelRef
from segassay.judge.scoring import Judge
from segassay.records.run import read_run
from segassay.records.table import read_table
from segassay.runs.configs import SourceConfig
from segassay.runs.domain import acquaintance
from segassay.runs.domain import familiarity as trial
from segassay.runs.domain.familiarity import FAMILIAR, TriedLabel, agreement, familiarity
from segassay.types import Remark


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six phantoms, each a subject."""
    root = tmp_path_factory.mktemp("phantoms")
    return write_phantoms(root, range(1, 7))


@pytest.mark.slow
def test_the_judge_follows_faults_in_images_like_its_own(phantoms: Path, judge: Judge) -> None:
    cases = open_dataset(phantoms).cases
    organs = ("liver", "spleen", "kidney_left")
    known = familiarity(cases, judge, organs)
    assert known is not None
    assert known > FAMILIAR
    assert familiarity(cases, judge, organs) == known
    assert familiarity(cases[:4], judge, organs) is None
    assert familiarity(cases, judge, ["flugelhorn"]) is None


def test_of_every_subject_the_first_labelled_case_is_drawn() -> None:
    """Raw images beside the labelled ones, as in BIDS, take no part and change no order."""
    label = (LabelRef("liver", Path("l")),)
    cases = [Case(f"c{n}", f"s{n}", (Path("i"),), label) for n in range(9)]
    raw = [replace(case, case_id=f"raw{case.case_id}", labels=()) for case in cases]
    order = by_lot(cases)
    assert sorted(case.case_id for case in order) == [case.case_id for case in cases]
    assert by_lot([*raw, *cases]) == order
    later = [replace(case, case_id=f"later{case.case_id}") for case in cases]
    assert by_lot([*raw, *cases, *later]) == order
    assert by_lot([*raw, *cases[:7]]) == [case for case in order if case in cases[:7]]


def test_the_trial_takes_cases_that_have_the_labels_it_is_about(
    phantoms: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def noted(expert: ExpertCase, judge: Judge) -> list[TriedLabel]:
        tried.append(expert.case.case_id)
        assert list(expert.masks) == ["liver"]
        return [TriedLabel("liver", 0.9, ((0.1, 0.1), (0.2, 0.2)))]

    monkeypatch.setattr(trial, "try_labels", noted)
    cases = open_dataset(phantoms).cases
    raw = [replace(case, case_id=f"raw{case.case_id}", labels=()) for case in cases]
    strange = (LabelRef("flugelhorn", Path("no")),)
    odd = [replace(case, case_id=f"odd{case.case_id}", labels=strange) for case in cases]
    assert familiarity([*raw, *odd, *cases], judge, ["liver"]) == pytest.approx(1)
    assert tried == [case.case_id for case in by_lot(cases)]


def test_it_does_not_where_the_names_mean_something_else(
    phantoms: Path, judge: Judge, tmp_path: Path
) -> None:
    shutil.copytree(phantoms, tmp_path / "other")
    names = list(LABELS)
    turned = {value: names[(n + 3) % len(names)] for n, value in enumerate(LABELS.values())}
    (tmp_path / "other" / "labels.json").write_text(json.dumps(turned))
    known = familiarity(open_dataset(tmp_path / "other").cases, judge)
    assert known is not None
    assert known < FAMILIAR


def test_a_judge_that_fails_is_not_believed(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def failing(*arguments: object) -> float:
        calls.append(arguments)
        return 0.2

    monkeypatch.setattr(acquaintance, "familiarity", failing)
    source = SourceConfig(path=phantoms)
    config = AuditConfig(source=source, out=tmp_path / "out", structures=("liver",), limit=2)
    result = audit(config)
    remarks = read_table(config.out)["remarks"].str.split(" ")
    assert all({Remark.OUT_OF_DOMAIN, Remark.COMPARED} <= {*names} for names in remarks)
    record = read_run(config.out)
    assert record is not None
    assert record.familiarity == 0.2
    page = (config.out / "index.html").read_text()
    assert "r = 0.20" in page
    assert result.exit_code == 0
    audit(config)  # nothing is left to do, so nothing is tried again
    assert len(calls) == 1
    without = config.model_copy(update={"out": tmp_path / "without", "peers": 0})
    audit(without)
    assert len(calls) == 1
    assert not read_table(without.out)["reason"].str.contains("planted").any()


def test_scores_follow_faults_within_structures_in_the_labels_thought_best() -> None:
    low = TriedLabel("a", 0.9, ((0.1, 0.8), (0.2, 0.9)))
    high = TriedLabel("b", 0.9, ((0.8, 0.1), (0.9, 0.2)))
    wrong = TriedLabel("a", 0.3, ((0.1, 0.9), (0.9, 0.1)))
    assert agreement([low, high]) == pytest.approx(1.0)
    assert agreement([low, wrong, high]) == pytest.approx(1.0)
    assert agreement([wrong]) == pytest.approx(-1.0)
    assert agreement([TriedLabel("a", 0.9, ((0.5, 0.3), (0.5, 0.4)))]) == 0


def test_what_should_never_happen_costs_the_trial_alone(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> float:
        raise ZeroDivisionError(arguments)

    broken.__name__ = "familiarity"
    monkeypatch.setattr(acquaintance, "familiarity", broken)
    config = AuditConfig(
        source=SourceConfig(path=phantoms), out=tmp_path, structures=("liver",), limit=1
    )
    result = audit(config)
    assert result.exit_code == 0
    assert read_table(tmp_path)["score"].is_between(0, 1).all()
