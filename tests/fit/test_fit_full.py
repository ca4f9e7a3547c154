"""`segassay fit --full`: the network learns on from some subjects, and the others decide."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_fit import description, fit, write_gold, write_own

from segassay.errors import UsageError
from segassay.fit import fit_network
from segassay.fit.adapt_network import Lesson
from segassay.fit.fit_network import across_subjects, divide, is_better
from segassay.judge.calibration.adapter import Measured
from segassay.judge.calibration.fitting import GoldLabel
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.comparison.typical import Seen
from segassay.judge.documents.description import LearningRecord
from segassay.judge.documents.judge_folder import (
    WEIGHTS,
    JudgeFolder,
    find_judge,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.judge.scoring import load_judge
from segassay.types import DEFAULT_BASE, Say


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gold(tmp_path_factory.mktemp("gold"), range(5))


def same_network(base: JudgeFolder, lesson: Lesson, work: Path, *, say: Say) -> JudgeFolder:
    """Stands for a training: the base's own network, without correction and calibration."""
    del say
    folder = work / "judge"
    shutil.copytree(base.path, folder)
    learning = LearningRecord(minutes=lesson.minutes, updates=1, pairs=64)
    write_document(folder / "meta.json", base.meta.model_copy(update={"learning": learning}))
    write_document(folder / "calibration.json", Calibration.identity().to_document())
    write_checksums(folder)
    return open_judge(folder)


def row(subject: str, image: str, *, own: bool = False, raw: float = 0.5) -> GoldLabel:
    measured = Measured(raw, 0.1, 3.0, np.zeros(2))
    stated = (raw, raw, raw)
    seen = Seen("blob", True, np.zeros(13))
    return GoldLabel(subject, "blob", image, 0.5, own, measured, raw, stated, seen)


def test_it_learns_and_only_a_better_network_stays(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = pytest.importorskip("segassay.training.learning.loop", reason="needs segassay[train]")
    monkeypatch.setattr(loop, "_TUNING_PAIRS", 64)
    before = {p: p.stat().st_mtime_ns for p in gold.rglob("*")}
    out = tmp_path / "full"
    assert fit(gold, out, "--full", "--minutes", "0.002", "--limit", "4") == 0
    assert {p: p.stat().st_mtime_ns for p in gold.rglob("*")} == before
    about = description(out)
    full = about["full"]
    assert (full["learned_from"], full["held_out"]) == (3, 1)
    assert full["updates"] >= 1
    assert set(full["mae"]) == {"unadapted", "light", "full"}
    worst = max(full["mae"]["unadapted"], full["mae"]["light"])
    base = find_judge(DEFAULT_BASE)
    changed = (out / "judge.onnx").read_bytes() != (base / "judge.onnx").read_bytes()
    assert changed == full["kept"]
    assert not (full["kept"] and full["mae"]["full"] > worst)
    told = "it stays" if full["kept"] else "no better beyond noise"
    assert told in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {"full"}


def test_a_network_that_is_no_better_leaves_what_fit_would_make(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_network, "adapt_network", same_network)
    monkeypatch.setattr(fit_network, "is_better", lambda *rows: False)
    assert fit(gold, tmp_path / "full", "--full") == 0
    assert fit(gold, tmp_path / "light") == 0
    full, light = (description(tmp_path / name) for name in ("full", "light"))
    assert full.pop("full")["kept"] is False
    assert full.pop("light") is light.pop("light") is light.pop("full") is None
    assert full == light
    for name in ("judge.onnx", "adapter.json", "calibration.json", WEIGHTS):
        paths = [tmp_path / folder / name for folder in ("full", "light")]
        assert len({path.read_bytes() if path.exists() else b"" for path in paths}) == 1
    assert "no better beyond noise" in (tmp_path / "full" / "card.md").read_text()


def test_a_network_that_stays_is_measured_on_subjects_it_did_not_learn_from(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_network, "adapt_network", same_network)
    monkeypatch.setattr(fit_network, "is_better", lambda *rows: True)
    out = tmp_path / "full"
    table = write_own(tmp_path, gold, range(5))
    assert fit(gold, out, "--full", "--pairs", table) == 0
    about = description(out)
    assert (about["full"]["learned_from"], about["full"]["held_out"]) == (4, 1)
    assert about["unadapted"]["subjects"] == about["light"]["subjects"] == 1
    assert about["unadapted"]["n"] == about["light"]["n"] == 5
    meta = open_judge(out).meta
    assert meta.learning is None
    earlier = open_judge(find_judge(DEFAULT_BASE)).meta.training_voxels
    assert len(set(meta.training_voxels) - set(earlier)) == 5
    card = (out / "card.md").read_text()
    assert "| | unadapted | light fit | this judge |" in card
    assert "No guarantee" in card


def test_a_network_that_stays_knows_the_names_it_learned(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = pytest.importorskip("segassay.training.learning.loop", reason="needs segassay[train]")
    monkeypatch.setattr(loop, "_TUNING_PAIRS", 64)
    monkeypatch.setattr(fit_network, "is_better", lambda *rows: True)
    out = tmp_path / "full"
    assert fit(gold, out, "--full", "--minutes", "0.002", "--atlas", "2") == 0
    meta = open_judge(out).meta
    assert meta.structures == ("blob",)
    assert meta.evidence["blob"].subjects == description(out)["full"]["held_out"] == 1
    judge = load_judge(str(out))
    assert judge.knows(judge.named("blob"))
    assert not judge.knows(judge.named("liver"))


@pytest.mark.parametrize(("n_subjects", "n_held"), [(2, 1), (4, 1), (12, 3), (18, 9), (60, 15)])
def test_a_quarter_is_held_out_and_no_image_is_on_both_sides(n_subjects: int, n_held: int) -> None:
    rows = [row(f"s{n}", f"i{n}") for n in range(n_subjects) for _ in range(3)]
    learned, held = divide(rows, seed=1)
    sides = [{r.subject for r in side} for side in (learned, held)]
    assert [len(side) for side in sides] == [n_subjects - n_held, n_held]
    assert not sides[0] & sides[1]
    assert divide(rows, seed=1) == (learned, held)


def test_one_image_under_two_names_is_one_subject() -> None:
    rows = [row("a", "x"), row("b", "x"), row("c", "z"), row("d", "x", own=True)]
    for seed in range(6):
        learned, held = divide(rows, seed)
        assert not {r.image for r in learned} & {r.image for r in held}
        assert not any(r.own for r in learned)
    with pytest.raises(UsageError, match="at least 2 subjects, came 1"):
        divide(rows[:2], seed=0)


def test_predictions_of_learned_subjects_do_not_test() -> None:
    rows = [*(row(f"s{n}", f"i{n}") for n in range(4)), row("s4", "i4", own=True)]
    rows += [row(f"s{n}", f"i{n}", own=True) for n in range(4)]
    learned, held = divide(rows, seed=0)
    taught = {r.subject for r in learned}
    assert {r.subject for r in held if r.own} == {f"s{n}" for n in range(5)} - taught


def rows_with(errors: np.ndarray) -> list[GoldLabel]:
    """Labels of true Dice one half, whose raw and stated scores miss it by `errors`."""
    return [row(f"s{n % 5}", f"i{n % 5}", raw=0.5 + e) for n, e in enumerate(errors.tolist())]


def test_a_network_is_compared_by_what_the_judge_will_say() -> None:
    """A score that tells good from bad on a wrong scale is a good score once it is corrected."""
    rng = np.random.default_rng(1)
    true = rng.uniform(0.1, 0.9, 200)
    rows = [
        replace(row(f"s{n % 10}", f"i{n % 10}", raw=0.3 * t), true=float(t))
        for n, t in enumerate(true)
    ]
    assert np.abs(across_subjects(rows) - true).mean() < 0.05
    alone = [replace(r, subject="s0", image="i0") for r in rows]
    assert across_subjects(alone) == pytest.approx(0.3 * true)


def test_better_means_better_than_unadapted_and_than_light() -> None:
    rng = np.random.default_rng(0)
    far, near = 0.2 * rng.normal(size=60), 0.05 * rng.normal(size=60)
    assert is_better(rows_with(far), 0.5 + far, 0.5 + near)
    assert not is_better(rows_with(far), 0.5 + near, 0.5 + near)
    assert not is_better(rows_with(near), 0.5 + far, 0.5 + near)
    assert not is_better(rows_with(near), 0.5 + near, 0.5 + far)


def test_a_gain_of_one_subject_among_several_is_noise() -> None:
    far = np.tile([0.3, 0.02, 0.02, 0.02, 0.02], 12)
    after = np.where(np.arange(60) % 5 == 0, 0.02, 0.021)
    assert not is_better(rows_with(far), 0.5 + far, 0.5 + after)


def test_without_torch_it_is_one_line(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    modules: dict[str, Any] = sys.modules
    monkeypatch.setitem(modules, "torch", None)
    assert fit(gold, tmp_path / "out", "--full") == 2
    assert "pip install 'segassay[train]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_judge_without_weights_or_with_one_subject_is_refused(
    gold: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="needs segassay[train]")
    assert fit(gold, tmp_path / "out", "--full", "--limit", "1") == 2
    assert "at least 2 subjects, came 1" in capsys.readouterr().err
    bare = tmp_path / "bare"
    shutil.copytree(find_judge(DEFAULT_BASE), bare)
    (bare / WEIGHTS).unlink()
    write_checksums(bare)
    assert fit(gold, tmp_path / "out", "--full", "--limit", "2", "--judge", bare) == 5
    assert f"bare: no {WEIGHTS}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
