"""A judge that reads the context, fitted to reference cases or given some: from files to scores."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.stats import spearmanr

from conftest import write_picture
from segassay import open_dataset
from segassay.cli import main
from segassay.errors import ModelError, UsageError
from segassay.judge.documents.description import ContextKept
from segassay.judge.documents.judge_folder import CONTEXT, open_judge, write_checksums
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.metrics.overlap import dice
from segassay.types import DEFAULT_BASE, Remark
from tiny_context import write_set

STEM = "jane-doe-"


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


def fit(gold: Path, out: Path, judge: Path, *more: str | Path) -> int:
    source: list[str | Path] = ["--images", gold / "images", "--labels", gold / "masks"]
    return run("fit", *source, "-o", out, "--judge", judge, "--quiet", *more)


def kept(folder: Path) -> ContextKept | None:
    made = open_judge(folder).meta.adaptation
    assert made is not None
    return made.context


def as_context(folder: Path) -> ContextJudge:
    judge = load_judge(str(folder))
    assert isinstance(judge, ContextJudge)
    return judge


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("gold") / "set", 10, stem=STEM)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Subjects that no judge here was fitted to."""
    return write_set(tmp_path_factory.mktemp("others") / "set", 5, first=100)


@pytest.fixture(scope="module")
def fitted(gold: Path, tiny_context_judge: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judges") / "blobs"
    assert fit(gold, out, tiny_context_judge) == 0
    return out


@pytest.fixture(scope="module")
def private(gold: Path, tiny_context_judge: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judges") / "private"
    assert fit(gold, out, tiny_context_judge, "--private") == 0
    return out


def ranked(judge: ContextJudge, data: Path) -> tuple[float, float]:
    """Return Spearman's correlation and mean absolute error of scores of errors moved in."""
    true, said = [], []
    for path in sorted((data / "masks" / "blob").iterdir()):
        right = np.asarray(Image.open(path)) > 0
        image = np.asarray(Image.open(data / "images" / path.name))
        for step in (0, 3, 7, 12, 20):
            for axis in (0, 1):
                wrong = np.roll(right, step, axis=axis)
                true.append(dice(wrong, right))
                said.append(judge.score(image, wrong, structure="blob").value)
    correlation = spearmanr(true, said, nan_policy="omit").statistic
    return float(correlation), float(np.abs(np.array(true) - said).mean())


def test_errors_of_subjects_left_out_are_ranked_better_than_without_memory(
    fitted: Path, tiny_context_judge: Path, others: Path
) -> None:
    judge = as_context(fitted)
    rank, error = ranked(judge, others)
    alone, blind_error = ranked(judge.with_reference(None), others)
    before, _ = ranked(as_context(tiny_context_judge), others)
    assert rank > 0.9
    assert rank > alone + 0.02
    assert rank > before + 0.2
    assert error < blind_error - 0.1


def test_the_folder_says_what_it_keeps(fitted: Path) -> None:
    found = kept(fitted)
    assert found is not None
    assert found == ContextKept(subjects=10, slices=10, features=8, named=True)
    folder = open_judge(fitted)
    assert folder.context is not None
    assert CONTEXT in folder.files
    assert folder.typical is None, "no traits are asked for"
    assert folder.gold is None, "no images are kept"
    made = folder.meta.adaptation
    assert made is not None
    assert made.fitted is not None
    assert made.fitted["mae"] < made.unadapted["mae"]  # type: ignore[operator]


def test_scores_say_in_whose_context_they_were_made(fitted: Path, gold: Path, others: Path) -> None:
    judge = load_judge(str(fitted))
    new, own = (
        judge.score(data / "images" / name, data / "masks" / "blob" / name, structure="blob")
        for data, name in ((others, "p101.png"), (gold, f"{STEM}1.png"))
    )
    assert new.n_context_subjects == 10
    assert own.n_context_subjects == 9, "known by its voxels: nobody vouches for himself"
    assert Remark.IN_REFERENCE_CONTEXT in new.remarks
    unknown = judge.score(
        others / "images" / "p101.png", others / "masks" / "blob" / "p101.png", structure="ring"
    )
    assert unknown.n_context_subjects == 0
    assert not {Remark.IN_CONTEXT, Remark.IN_REFERENCE_CONTEXT} & unknown.remarks


def test_an_audit_asks_reference_labels_first_and_its_own_for_the_rest(
    fitted: Path, others: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(others, data)
    shutil.copytree(data / "masks" / "blob", data / "masks" / "ring")
    source: list[str | Path] = ["--images", data / "images", "--labels", data / "masks"]
    assert run("audit", *source, "-o", tmp_path / "out", "--judge", fitted, "--quiet") == 0
    table = pl.read_csv(tmp_path / "out" / "scores.csv")
    counts = {(row["structure"], row["n_context_subjects"]) for row in table.iter_rows(named=True)}
    assert counts == {("blob", 10), ("ring", 4)}
    for structure, remark in (
        ("blob", Remark.IN_REFERENCE_CONTEXT),
        ("ring", Remark.IN_CONTEXT),
    ):
        own = table.filter(pl.col("structure") == structure)
        assert all(remark in cell.split() for cell in own["remarks"])
    alone: list[str | Path] = ["--peers", "0", "--quiet", "--judge", fitted]
    assert run("audit", *source, "-o", tmp_path / "without", *alone) == 0
    table = pl.read_csv(tmp_path / "without" / "scores.csv")
    found = table.group_by("structure").agg(pl.col("n_context_subjects").max()).rows()
    assert dict(found) == {"blob": 10, "ring": 0}


def test_a_private_folder_names_nobody_and_shows_no_image(
    private: Path, fitted: Path, gold: Path, others: Path
) -> None:
    found = kept(private)
    assert found is not None
    assert not found.named
    names = [path.stem for path in (gold / "images").iterdir()]
    assert len(names) == 10
    for path in private.iterdir():
        content = path.read_bytes()
        assert STEM.encode() not in content, path.name
    with np.load(private / CONTEXT, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        assert set(about["subjects"]) == {str(n) for n in range(1, 11)}
        sizes = {name: arrays[name].shape for name in arrays.files}
    pixels = np.asarray(Image.open(gold / "images" / f"{names[0]}.png")).size
    assert all(np.prod(shape[1:]) < 10_000 for shape in sizes.values())
    assert sizes["patches"][1:] == (1024, 8)
    assert sizes["shares"][1:] == (1, 1024)
    assert pixels > 1024
    image, mask = (others / part / "p103.png" for part in ("images", "masks/blob"))
    one, other = (
        load_judge(str(f)).score(image, mask, structure="blob") for f in (private, fitted)
    )
    assert one.value == pytest.approx(other.value, abs=1e-4)
    own = gold / "images" / f"{STEM}4.png", gold / "masks" / "blob" / f"{STEM}4.png"
    assert load_judge(str(private)).score(*own, structure="blob").n_context_subjects == 9


def test_what_does_not_go_together_is_refused(
    gold: Path, tiny_context_judge: Path, tmp_path: Path
) -> None:
    assert fit(gold, tmp_path / "a", tiny_context_judge, "--atlas", "3") == 2
    assert fit(gold, tmp_path / "b", Path(DEFAULT_BASE), "--atlas", "3", "--private") == 2
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


def test_two_subjects_are_no_context(gold: Path, tiny_context_judge: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    assert fit(gold, out, tiny_context_judge, "--limit", "2") == 0
    assert kept(out) is None
    assert open_judge(out).context is None


def test_a_damaged_memory_is_refused(fitted: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(fitted, copy)
    (copy / CONTEXT).write_bytes((copy / CONTEXT).read_bytes()[:999])
    with pytest.raises(ModelError):
        load_judge(str(copy))
    write_checksums(copy)
    with pytest.raises(ModelError):
        load_judge(str(copy))


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_score_in_the_context_of_a_folder(
    tiny_context_judge: Path, gold: Path, others: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, mask = (others / part / "p102.png" for part in ("images", "masks/blob"))
    words: list[str | Path] = [
        "score",
        image,
        mask,
        "--structure",
        "blob",
        "--json",
        "--judge",
        tiny_context_judge,
    ]
    assert run(*words) == 0
    alone = told(capsys)
    assert run(*words, "--context", gold) == 0
    among = told(capsys)
    assert (alone["n_context_subjects"], among["n_context_subjects"]) == (0, 10)
    assert Remark.IN_CONTEXT in among["remarks"]
    assert Remark.IN_CONTEXT not in alone["remarks"]
    assert among["expected_nsd"] != alone["expected_nsd"]
    assert run(*words, "--context", others) == 0
    assert told(capsys)["n_context_subjects"] == 4, "the image is one of them"


def test_a_context_that_cannot_be_used_is_refused(
    tiny_context_judge: Path, gold: Path, others: Path, tmp_path: Path
) -> None:
    image, mask = (others / part / "p102.png" for part in ("images", "masks/blob"))
    words: list[str | Path] = ["score", image, mask, "--structure", "blob", "--judge"]
    few = write_set(tmp_path / "few", 2)
    empty = tmp_path / "empty"
    empty.mkdir()
    for place in (few, empty, tmp_path / "missing"):
        assert run(*words, tiny_context_judge, "--context", place) == 2
    assert run(*words, DEFAULT_BASE, "--context", gold) == 2
    words[4] = "liver"
    assert run(*words, tiny_context_judge, "--context", gold) == 2


def test_cases_are_given_in_three_ways(tiny_context_judge: Path, gold: Path, others: Path) -> None:
    judge = load_judge(str(tiny_context_judge))
    dataset = open_dataset(gold)
    image, mask = (others / part / "p102.png" for part in ("images", "masks/blob"))
    found = [
        judge.with_context(cases).score(image, mask, structure="blob")
        for cases in (gold, str(gold), dataset, dataset.cases, list(dataset.cases))
    ]
    assert len({(one.value, one.expected_nsd) for one in found}) == 1
    assert {one.n_context_subjects for one in found} == {10}
    assert judge.score(image, mask, structure="blob").n_context_subjects == 0
    assert judge.context_structures == ()
    assert judge.with_context(dataset).context_structures == ("blob",)
    for n_few in (0, 2):
        with pytest.raises(UsageError):
            judge.with_context(dataset.cases[:n_few])
    with pytest.raises(UsageError):
        load_judge("judge-small").with_context(dataset)


def test_a_fitted_judge_is_calibrated_with_its_context(
    fitted: Path, others: Path, tmp_path: Path
) -> None:
    lines = ["image,mask,gold,structure,subject"]
    for path in sorted((others / "masks" / "blob").iterdir()):
        right = np.asarray(Image.open(path))
        for step in range(10):
            moved = write_picture(tmp_path / f"{step}_{path.name}", np.roll(right, 2 * step, 0))
            lines.append(f"{others / 'images' / path.name},{moved},{path},blob,{path.stem}")
    table = tmp_path / "own.csv"
    table.write_text("\n".join(lines) + "\n")
    out = tmp_path / "calibrated"
    assert run("calibrate", table, "-o", out, "--judge", fitted, "--quiet") == 0
    assert (out / CONTEXT).read_bytes() == (fitted / CONTEXT).read_bytes()
    assert open_judge(out).adapter == open_judge(fitted).adapter
