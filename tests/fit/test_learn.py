"""`segassay learn`: labels nobody vouches for, learned in halves that judge each other."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_fit import description, run, write_gold
from test_fit_full import row, same_network

from conftest import write_picture
from segassay.datasets.case import Case
from segassay.errors import UsageError
from segassay.fit import learn_labels
from segassay.fit.learn_labels import FEWEST, MOST, drawn, halved, images_of
from segassay.images.label_ref import LabelRef
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.documents.judge_folder import (
    find_judge,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.judge.scoring import load_judge
from segassay.types import DEFAULT_BASE, Remark


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gold(tmp_path_factory.mktemp("labels"), range(10))


def learn(labels: Path, out: Path, *more: str | Path) -> int:
    source: list[str | Path] = ["--images", labels / "images", "--labels", labels / "labels"]
    return run("learn", *source, "--structure", "blob", "-o", out, "--quiet", *more)


@pytest.fixture(scope="module")
def learned(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two copies of the published network: what is tested is who judges what."""
    out = tmp_path_factory.mktemp("judges") / "blobs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learn_labels, "adapt_network", _taught_nothing)
        assert learn(labels, out) == 0
    return out


def _taught_nothing(base, lesson, work, *, say):  # type: ignore[no-untyped-def]
    folder = same_network(base, lesson, work, say=say)
    meta = folder.meta.model_copy(update={"structures": (), "evidence": {}})
    write_document(folder.path / "meta.json", meta)
    write_checksums(folder.path)
    return open_judge(folder.path)


def test_two_networks_learn_for_real_and_nothing_is_touched(
    labels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loop = pytest.importorskip("segassay.training.learning.loop", reason="needs segassay[train]")
    monkeypatch.setattr(loop, "_TUNING_PAIRS", 64)
    before = {p: p.stat().st_mtime_ns for p in labels.rglob("*")}
    out = tmp_path / "learned"
    assert learn(labels, out, "--minutes", "0.002", "--limit", "8") == 0
    assert {p: p.stat().st_mtime_ns for p in labels.rglob("*")} == before
    networks = [(out / name).read_bytes() for name in ("judge.onnx", "other.onnx")]
    published = (find_judge(DEFAULT_BASE) / "judge.onnx").read_bytes()
    assert len({*networks, published}) == 3
    about = description(out)
    assert about["unadapted"]["subjects"] == 8
    assert about["subjects"] == 4, "a calibration rests on one half"
    assert about["labels"] == about["unadapted"]["n"]
    assert "judge-small" in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {"learned"}
    judge = load_judge(str(out))
    assert judge.knows(judge.named("blob"))
    assert open_judge(out).meta.evidence["blob"].subjects == 8


def test_no_image_is_judged_by_the_network_that_learned_it(
    learned: Path, labels: Path, tmp_path: Path
) -> None:
    first, second = open_judge(learned).meta.learned or ((), ())
    assert (len(first), len(second)) == (5, 5)
    assert not set(first) & set(second)
    marked = tmp_path / "marked"
    shutil.copytree(learned, marked)
    rng = np.random.default_rng(0)
    low = Calibration.fit(rng.random(60), rng.random(60), np.full(60, 0.1), ["s"] * 60)
    write_document(marked / "other_calibration.json", low.to_document())
    write_checksums(marked)
    judge = load_judge(str(marked))
    low_scores = 0
    for number in range(10):
        image, label = (labels / kind / f"p{number}.png" for kind in ("images", "labels"))
        by_second = judge.score(image, label, structure="blob").value < 0.3
        low_scores += by_second
        assert by_second == (_content(image) in first)
    assert low_scores == 5
    fresh = write_gold(tmp_path / "fresh", range(70, 71))
    image, label = (fresh / kind / "p70.png" for kind in ("images", "labels"))
    assert judge.score(image, label, structure="blob").value > 0.3


def _content(image: Path) -> str:
    from segassay.images.io import read_image
    from segassay.images.volume import voxel_sha256

    return voxel_sha256(read_image(image).array)


def test_an_audit_with_it_finds_the_fault_and_shows_what_should_be(
    learned: Path, labels: Path, tmp_path: Path
) -> None:
    faulty = tmp_path / "faulty"
    shutil.copytree(labels, faulty)
    path = faulty / "labels" / "p4.png"
    Image.fromarray(np.roll(np.asarray(Image.open(path)), 14, axis=1)).save(path)
    out = tmp_path / "out"
    source: list[str | Path] = [
        "--images",
        faulty / "images",
        "--labels",
        faulty / "labels",
        "--structure",
        "blob",
    ]
    assert run("audit", *source, "-o", out, "--judge", learned, "--jobs", "2", "--quiet") == 0
    ranking = (out / "scores.csv").read_text().splitlines()
    worst = min(ranking[1:], key=lambda line: float(_cell(ranking[0], line, "score")))
    assert _cell(ranking[0], worst, "case_id") == "p4"
    assert Remark.SIMULATED_ERRORS_ONLY in _cell(ranking[0], worst, "remarks").split()
    assert not any("trained on" in line for line in ranking)


def _cell(head: str, line: str, name: str) -> str:
    import csv

    return next(csv.DictReader([head, line]))[name]


def test_labels_off_their_image_are_named_and_empty_ones_are_no_fault(
    labels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(learn_labels, "adapt_network", _taught_nothing)
    mixed = write_gold(tmp_path / "mixed", range(10))
    write_picture(mixed / "labels" / "p0.png", np.full((20, 20), 255, dtype=np.uint8))
    write_picture(mixed / "labels" / "p1.png", np.zeros((64, 64), dtype=np.uint8))
    assert learn(mixed, tmp_path / "out") == 3
    told = capsys.readouterr().err
    assert "p0: p0.png: shape (20, 20, 1)" in told
    assert "p1:" not in told
    sides = open_judge(tmp_path / "out").meta.learned or ()
    assert (
        sum(len(side) for side in sides) == description(tmp_path / "out")["unadapted"]["subjects"]
    )


def test_another_image_of_a_learned_patient_is_not_judged_by_who_learned_him(
    labels: Path,
) -> None:
    cases = [
        Case("a1", "a", (labels / "images" / "p0.png",)),
        Case("a2", "a", (labels / "images" / "p1.png",)),
        Case("a3", "a", (labels / "images" / "gone.png",)),
        Case("b1", "b", (labels / "images" / "p2.png",)),
    ]
    every = {_content(labels / "images" / f"p{n}.png") for n in (0, 1)}
    assert images_of(cases, frozenset({"a"}), {}) == every
    known = {"a1": "of a1", "b1": "of b1"}
    assert images_of(cases, frozenset({"a"}), known) == {
        "of a1",
        _content(labels / "images/p1.png"),
    }


def test_the_card_says_what_it_cannot_see(learned: Path) -> None:
    card = (learned / "card.md").read_text()
    assert "Nobody vouches for these labels" in card
    assert "what most of them get wrong alike was learned" in card
    assert "| | unadapted | this judge |" in card


def test_it_is_no_base_and_a_missing_half_is_one_line(
    learned: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, label = (labels / kind / "p1.png" for kind in ("images", "labels"))
    assert learn(labels, tmp_path / "again", "--judge", learned) == 2
    assert "halves" in capsys.readouterr().err
    bare = tmp_path / "bare"
    shutil.copytree(learned, bare)
    (bare / "other.onnx").unlink()
    assert run("score", image, label, "--judge", bare) == 5
    assert "other.onnx is missing" in capsys.readouterr().err
    write_checksums(bare)
    assert run("score", image, label, "--judge", bare) == 5
    assert "bare" in capsys.readouterr().err


def test_it_can_be_passed_on_whole(learned: Path, labels: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "blobs.zip"
    assert run("models", "export", learned, "-o", bundle) == 0
    assert run("models", "import", bundle, "-o", tmp_path / "again") == 0
    image, label = (labels / kind / "p2.png" for kind in ("images", "labels"))
    first, again = (
        load_judge(str(judge)).score(image, label, structure="blob")
        for judge in (learned, tmp_path / "again")
    )
    assert first == again


def test_too_few_subjects_are_refused(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert learn(labels, tmp_path / "few", "--limit", "7") == 2
    assert "labels of 7 subjects could be used, expected at least 8" in capsys.readouterr().err
    assert not (tmp_path / "few").exists()


def test_of_many_subjects_some_are_drawn_with_all_their_cases() -> None:
    cases = [
        Case(f"s{n}_{visit}", f"s{n}", (Path(f"s{n}_{visit}.nii.gz"),), ())
        for n in range(MOST + 10)
        for visit in (1, 2)
    ]
    cases = [replace(case, labels=(LabelRef("blob", Path("m.nii.gz")),)) for case in cases]
    chosen = drawn(cases, None, 0)
    assert len(chosen) == 2 * MOST
    assert len({case.subject_id for case in chosen}) == MOST
    assert drawn(cases, None, 0) == chosen != drawn(cases, None, 1)
    assert drawn(cases, 17, 0) == tuple(cases[:18]), "a subject was cut in two"
    long = [replace(case, case_id=f"{case.case_id}_{n}") for case in cases for n in range(10)]
    assert len(drawn(long, None, 0)) == FEWEST * 20, "the memory has no end"


def test_subjects_that_share_an_image_are_in_one_half() -> None:
    rows = [row(f"s{n}", f"i{n}") for n in range(12) for _ in range(8)]
    rows += [row("twin", "i3"), row("twin", "i99")]
    for seed in range(8):
        first, second = halved(rows, [], seed)
        assert sorted((*first, *second)) == sorted({r.subject for r in rows})
        assert ("twin" in first) == ("s3" in first)
        assert halved(rows, [], seed) == (first, second)
    with pytest.raises(UsageError, match=r"labels of 7 subjects could be used \(c8: damaged\)"):
        halved(rows[: 8 * (FEWEST - 1)], [("c8", "damaged")], 0)
    with pytest.raises(UsageError, match="6 labels of a half could be measured"):
        halved(rows[:96:8], [], 0)
