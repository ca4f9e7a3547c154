"""`segassay fit` and `segassay calibrate` from files to a judge that says what it owes to them."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import write_picture
from segassay.cli import main
from segassay.errors import ModelError
from segassay.judge.comparison.traits import TRAITS
from segassay.judge.documents.judge_folder import (
    TYPICAL,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.judge.scoring import load_judge
from segassay.types import DEFAULT_BASE, Remark

SIDE = 64


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


def write_gold(root: Path, seeds: range) -> Path:
    """Pictures of one bright ellipse each, with its mask: a structure no judge has a name for."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        centre, radii = rng.uniform(26, 38, 2), rng.uniform(8, 16, 2)
        inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
        grey = rng.normal(60, 12, (SIDE, SIDE)) + 90 * inside
        write_picture(root / "images" / f"p{seed}.png", grey.clip(0, 255).astype(np.uint8))
        write_picture(root / "labels" / f"p{seed}.png", (255 * inside).astype(np.uint8))
    return root


def write_own(root: Path, gold: Path, seeds: range) -> Path:
    """Masks moved by known steps, as a model's predictions would lie, in a table."""
    table = root / "own.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask", "gold", "structure", "subject"])
        for seed in seeds:
            label = gold / "labels" / f"p{seed}.png"
            mask = np.asarray(Image.open(label))
            for step in (0, 3, 6, 10, 16):
                path = root / f"own_{seed}_{step}.png"
                write_picture(path, np.roll(mask, step, axis=0))
                writer.writerow([gold / "images" / f"p{seed}.png", path, label, "blob", f"p{seed}"])
    return table


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gold(tmp_path_factory.mktemp("gold"), range(10))


def fit(gold: Path, out: Path, *more: str | Path) -> int:
    source: list[str | Path] = ["--images", gold / "images", "--labels", gold / "labels"]
    source += ["--structure", "blob"]
    return run("fit", *source, "-o", out, "--quiet", *more)


@pytest.fixture(scope="module")
def fitted(gold: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judges") / "blobs"
    before = {p: p.stat().st_mtime_ns for p in gold.rglob("*")}
    assert fit(gold, out) == 0
    assert {p: p.stat().st_mtime_ns for p in gold.rglob("*")} == before
    return out


def description(folder: Path) -> dict[str, Any]:
    made = open_judge(folder).meta.adaptation
    assert made is not None
    return made.model_dump(mode="json")


def test_it_is_better_than_before_on_subjects_left_out(fitted: Path) -> None:
    about = description(fitted)
    assert about["corrected"]
    assert about["subjects"] == 10
    assert about["fitted"]["mae"] < about["unadapted"]["mae"]
    assert about["fitted"]["pearson"] > about["unadapted"]["pearson"] - 0.02
    assert about["fitted"]["interval_coverage"] > 0.8


def test_it_is_better_on_subjects_it_never_saw(fitted: Path, tmp_path: Path) -> None:
    others = write_gold(tmp_path, range(100, 104))
    table = write_own(tmp_path, others, range(100, 104))
    errors = {}
    for name in (DEFAULT_BASE, str(fitted)):
        out = tmp_path / Path(name).name
        assert run("evaluate", table, "-o", out, "--judge", name, "--quiet") == 0
        found = json.loads((out / "evaluation.json").read_text())
        assert found["counts"]["trained_on"] == 0
        errors[name] = found["pooled"]["judge"]["mae"]
    assert errors[str(fitted)] < errors[DEFAULT_BASE]


def test_it_knows_what_is_unusual_and_keeps_no_image(
    fitted: Path, gold: Path, tmp_path: Path
) -> None:
    """The same judge, told that nothing is unusual, thinks better of a label far too small."""
    folder = open_judge(fitted)
    assert folder.typical is not None
    (kind,) = folder.typical.typical
    assert kind.structure == "blob"
    assert len(kind.centre) == len(kind.spread) == len(TRAITS)
    assert folder.gold is None
    assert "typical.json" in (fitted / "card.md").read_text()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    speck = np.hypot(rows - 32, columns - 32) < 3
    write_picture(tmp_path / "speck.png", (255 * speck).astype(np.uint8))
    ignorant = tmp_path / "ignorant"
    shutil.copytree(fitted, ignorant)
    usual = kind.model_copy(update={"spread": (1e9,) * len(TRAITS)})
    write_document(ignorant / TYPICAL, folder.typical.model_copy(update={"typical": (usual,)}))
    write_checksums(ignorant)
    knowing, other = (
        load_judge(str(judge)).score(
            gold / "images" / "p3.png", tmp_path / "speck.png", structure="blob"
        )
        for judge in (fitted, ignorant)
    )
    assert knowing.value < other.value - 0.02


def test_an_interrupted_fit_begins_anew(gold: Path, tmp_path: Path) -> None:
    source = ["--images", gold / "images", "--labels", gold / "labels", "--structure", "blob"]
    process = subprocess.Popen(
        [sys.executable, "-m", "segassay", "fit", *map(str, source), "-o", tmp_path / "out"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.splitlines()[-1].startswith("segassay: ")
    assert not (tmp_path / "out").exists()


def test_scores_say_on_what_they_rest(fitted: Path, gold: Path) -> None:
    judge = load_judge(str(fitted))
    image, label = gold / "images" / "p3.png", gold / "labels" / "p3.png"
    score = judge.score(image, label, structure="blob")
    assert score.low <= score.value <= score.high
    assert "10 subjects" in score.evidence
    assert Remark.SIMULATED_ERRORS_ONLY in score.remarks
    assert not {Remark.FEW_SUBJECTS, Remark.NEVER_TESTED} & score.remarks
    other = judge.score(image, label, structure="liver")
    assert Remark.NEVER_TESTED in other.remarks


def test_its_gold_is_no_test_of_it(fitted: Path, gold: Path, tmp_path: Path) -> None:
    table = write_own(tmp_path, gold, range(2))
    assert run("evaluate", table, "-o", tmp_path / "out", "--judge", fitted, "--quiet") == 0
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert found["counts"]["trained_on"] == 10


def test_the_card_compares_and_keeps_the_terms(fitted: Path) -> None:
    card = (fitted / "card.md").read_text()
    about = description(fitted)
    assert f"{about['unadapted']['mae']:.3f}" in card
    assert f"{about['fitted']['mae']:.3f}" in card
    assert "synthetic faults only" in card
    assert (load_judge(DEFAULT_BASE).model_id) in card
    assert "CC-BY" in card


def test_own_predictions_are_what_trust_rests_on(gold: Path, tmp_path: Path) -> None:
    table = write_own(tmp_path, gold, range(10))
    assert fit(gold, tmp_path / "own", "--pairs", table) == 0
    about = description(tmp_path / "own")
    assert about["on"] == "own predictions"
    assert about["unadapted"]["n"] == about["evidence"]["blob"]["labels"] == 50
    assert about["labels"] > 50
    assert "synthetic" not in (tmp_path / "own" / "card.md").read_text().split("## Card of")[0]


def test_few_cases_give_no_guarantee(gold: Path, tmp_path: Path) -> None:
    out = tmp_path / "few"
    assert fit(gold, out, "--limit", "4") == 0
    score = load_judge(str(out)).score(
        gold / "images" / "p9.png", gold / "labels" / "p9.png", structure="blob"
    )
    assert Remark.FEW_SUBJECTS in score.remarks
    assert "**No guarantee**" in (out / "card.md").read_text()


def test_one_subject_is_tested_on_nobody(gold: Path, tmp_path: Path) -> None:
    assert fit(gold, tmp_path / "one", "--limit", "1") == 0
    about = description(tmp_path / "one")
    assert about["fitted"] is None
    assert not about["corrected"]
    assert not (tmp_path / "one" / "adapter.json").exists()


def test_calibrate_leaves_the_order_of_scores(gold: Path, tmp_path: Path) -> None:
    table = write_own(tmp_path, gold, range(10))
    assert run("calibrate", table, "-o", tmp_path / "cal", "--quiet") == 0
    about = description(tmp_path / "cal")
    assert about["fitted"]["mae"] < about["unadapted"]["mae"]
    files = [(gold / "images" / "p1.png", path) for path in sorted(tmp_path.glob("own_1_*.png"))]
    before, after = (
        [load_judge(name).score(*pair, structure="blob").value for pair in files]
        for name in (DEFAULT_BASE, str(tmp_path / "cal"))
    )
    order = np.argsort(before)
    assert (np.diff(np.array(after)[order]) >= -1e-9).all()


def test_a_fitted_judge_can_be_calibrated(fitted: Path, gold: Path, tmp_path: Path) -> None:
    table = write_own(tmp_path, gold, range(10))
    assert run("calibrate", table, "-o", tmp_path / "cal", "--judge", fitted, "--quiet") == 0
    new, old = open_judge(tmp_path / "cal"), open_judge(fitted)
    assert new.adapter == old.adapter
    assert new.calibration != old.calibration


def test_a_broken_case_is_named_and_the_rest_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = write_gold(tmp_path / "gold", range(3))
    (gold / "labels" / "p1.png").write_bytes(b"no picture")
    assert fit(gold, tmp_path / "out") == 3
    assert "p1" in capsys.readouterr().err
    assert description(tmp_path / "out")["unadapted"]["subjects"] == 2


def test_what_cannot_be_fitted_is_refused_and_nothing_is_written(
    gold: Path, fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_own(tmp_path, gold, range(2))
    assert run("calibrate", table, "-o", tmp_path / "cal", "--quiet") == 2
    assert "10 labels with known truth" in capsys.readouterr().err
    assert not (tmp_path / "cal").exists()
    sums = (fitted / "SHA256SUMS").read_text()
    assert fit(gold, fitted) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert (fitted / "SHA256SUMS").read_text() == sums


def test_a_changed_correction_is_refused(fitted: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(fitted, copy)
    text = (copy / "adapter.json").read_text()
    (copy / "adapter.json").write_text(text.replace('"slope": ', '"slope": 1'))
    with pytest.raises(ModelError, match=r"adapter\.json differs from its checksum"):
        load_judge(str(copy))


def test_it_loads_no_torch(gold: Path, tmp_path: Path) -> None:
    source = ["--images", gold / "images", "--labels", gold / "labels", "--structure", "blob"]
    words = [str(word) for word in ("fit", *source, "--limit", "1", "-o", tmp_path / "out")]
    code = (
        "import sys\nfrom segassay.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n    print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.stdout.split() == ["0", "False"], done.stderr
    assert "no guarantee" in done.stderr


def test_a_judge_that_compares_with_trusted_cases(gold: Path, tmp_path: Path) -> None:
    out = tmp_path / "with-atlas"
    assert fit(gold, out, "--atlas", "3") == 0
    folder = open_judge(out)
    assert folder.gold is not None
    assert description(out)["compared_with"] == 3
    assert "holds the reduced images and labels of these 3 cases" in (out / "card.md").read_text()
    judge = load_judge(str(out))
    fresh = write_gold(tmp_path / "fresh", range(40, 41))
    image, label = fresh / "images" / "p40.png", fresh / "labels" / "p40.png"
    mask = np.asarray(Image.open(label)) > 0
    write_picture(tmp_path / "moved.png", (255 * np.roll(mask, 20, axis=1)).astype(np.uint8))
    good = judge.score(image, label, structure="blob").value
    bad = judge.score(image, tmp_path / "moved.png", structure="blob").value
    assert good > 0.8
    assert bad < 0.6
    again = tmp_path / "again"
    assert fit(gold, again, "--judge", out) == 2  # its correction asks for comparisons
    assert not again.exists()
    names = [path.name for path in (gold / "images").iterdir()]
    written = b"".join(path.read_bytes() for path in out.iterdir() if path.name != "judge.onnx")
    assert not any(name.encode() in written for name in names)
