"""A judge that learns to read the context, from pictures to an audit with it."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from segassay.cli import main
from segassay.datasets.opening import open_dataset
from segassay.errors import UsageError
from segassay.judge.context.closeups import CLOSE_GRID, CloseContext
from segassay.judge.context.context_cases import ContextReader
from segassay.judge.context.votes import PATCHES
from segassay.judge.documents.judge_folder import open_judge
from segassay.judge.inputs.arrays_and_files import image_and_mask
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.records.table import read_table
from segassay.runs.result_folder import FEATURES
from segassay.training.material.context_worlds import WORLDS, SetWorlds
from segassay.training.material.store import StoredSet, load_case, open_recipe
from segassay.training.samples.training_pairs import PairDraw
from segassay.training.settings import PairRecipe, read_recipe
from segassay.types import Modality, Remark
from tiny_context import RECIPE, write_set


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_worlds_hold_votes_for_every_slice(tiny_context_judge: Path) -> None:
    worlds = SetWorlds.load(tiny_context_judge.parent / "worlds" / "blobs.npz")
    assert worlds.votes.shape[1:] == (1, len(WORLDS), PATCHES)
    assert worlds.n_worlds == len(WORLDS)
    row = next(iter(worlds.rows.values()))
    seen = worlds.context(row, "blob", 0, mirrored=False)
    mirrored = worlds.context(row, "blob", 0, mirrored=True)
    assert seen is not None
    assert mirrored is not None
    grids = (seen.expected.reshape(32, 32), mirrored.expected.reshape(32, 32))
    np.testing.assert_array_equal(grids[0][:, ::-1], grids[1])
    assert 2 <= seen.n_slices <= 24


def test_worlds_hold_close_ups_of_every_label(tiny_context_judge: Path) -> None:
    worlds = SetWorlds.load(tiny_context_judge.parent / "worlds" / "blobs.npz")
    right, half_wrong = worlds.close[0], worlds.close[2]
    assert (right.rows >= 0).all(), "no expert label is empty"
    assert right.close_ups is half_wrong.close_ups
    assert 0 < (right.rows != half_wrong.rows).mean() < 1
    (case, _), row = next(iter(worlds.rows.items()))
    mask = np.asarray(
        Image.open(tiny_context_judge.parents[1] / "set" / "masks" / "blob" / f"{case}.png")
    )

    def said(shown: np.ndarray, *, mirrored: bool) -> CloseContext:
        found = worlds.close_context(
            row, "blob", 0, shown, (1.0, 1.0), np.random.default_rng(0), mirrored=mirrored
        )
        assert found is not None
        return found

    seen, flipped = said(mask > 0, mirrored=False), said(mask[:, ::-1] > 0, mirrored=True)
    grids = [one.expected.reshape(CLOSE_GRID, CLOSE_GRID) for one in (seen, flipped)]
    np.testing.assert_array_equal(grids[0][:, ::-1], grids[1])
    nothing = np.zeros_like(mask, dtype=np.bool_)
    rng = np.random.default_rng(0)
    assert worlds.close_context(row, "blob", 0, nothing, (1.0, 1.0), rng, mirrored=False) is None


def test_the_folder_says_what_the_judge_reads(tiny_context_judge: Path) -> None:
    folder = open_judge(tiny_context_judge)
    assert folder.encoder is not None
    assert folder.meta.context is not None
    assert folder.meta.context.n_looks == 5
    assert folder.meta.evidence["blob"].labels > 0


def test_an_audit_asks_the_other_labels(tiny_context_judge: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = write_set(tmp_path / "new", 6)
    sources: list[str | Path] = ["--images", data / "images", "--labels", data / "masks"]
    assert run("audit", *sources, "-o", out, "--judge", tiny_context_judge, "--quiet") == 0
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    assert {row["structure"] for row in rows} == {"blob"}
    assert not any(Remark.INTERNAL_ERROR in row["remarks"].split() for row in rows)
    assert not (out / FEATURES).exists()


def test_features_and_context_are_kept_until_a_run_ends(
    tiny_context_judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_set(tmp_path / "new", 6)
    sources: list[str | Path] = ["--images", data / "images", "--labels", data / "masks"]
    words: list[str | Path] = ["audit", *sources, "--judge", tiny_context_judge, "--quiet"]
    parts: list[str | Path] = ["-o", tmp_path / "parts", "--num-parts", "2"]
    assert run(*words, *parts, "--part-id", "1") == 0
    # Of each of six pictures the whole and, at twice the resolution, four quarters; the context.
    assert len(list((tmp_path / "parts" / FEATURES).iterdir())) == 31
    with monkeypatch.context() as patched:
        patched.setattr(ContextReader, "gather", None)
        assert run(*words, *parts, "--part-id", "2") == 0
    assert not (tmp_path / "parts" / FEATURES).exists()
    assert run(*words, "-o", tmp_path / "whole") == 0
    in_parts, whole = (read_table(tmp_path / name)["score"] for name in ("parts", "whole"))
    assert in_parts.to_list() == whole.to_list()


def test_the_context_changes_what_is_said(tiny_context_judge: Path) -> None:
    judge = load_judge(str(tiny_context_judge))
    assert isinstance(judge, ContextJudge)

    data = tiny_context_judge.parents[1] / "set"
    cases = open_dataset(images=data / "images", labels=data / "masks").cases
    memory = judge.reader.gather(cases)
    assert memory is not None
    assert memory.n_subjects == 20
    image, mask = cases[0].images[0], cases[0].labels[0].path
    alone = judge.score(image, mask, structure="blob")
    among = judge.with_memory(memory).score(image, mask, structure="blob")
    assert alone.expected_nsd != among.expected_nsd
    assert alone.preprocess == among.preprocess
    again = judge.score(image, mask, structure="blob")
    assert again.expected_nsd == alone.expected_nsd


def test_too_few_subjects_are_no_context(tiny_context_judge: Path) -> None:

    judge = load_judge(str(tiny_context_judge))
    assert isinstance(judge, ContextJudge)
    data = tiny_context_judge.parents[1] / "set"
    cases = open_dataset(images=data / "images", labels=data / "masks").cases
    assert judge.reader.gather(cases[:2]) is None
    assert judge.reader.gather(cases, structures=["liver"]) is None


def test_a_name_is_known_in_images_like_the_tested_ones(tiny_context_judge: Path) -> None:
    judge = load_judge(str(tiny_context_judge))
    assert isinstance(judge, ContextJudge)
    data = tiny_context_judge.parents[1] / "set"
    cases = open_dataset(images=data / "images", labels=data / "masks").cases
    image, mask = (np.asarray(Image.open(p)) for p in (cases[0].images[0], cases[0].labels[0].path))
    noise = np.random.default_rng(0).integers(0, 256, image.shape).astype(np.uint8)

    def is_known(asked: ContextJudge, picture: np.ndarray) -> bool:
        volume, voxels = image_and_mask(picture, mask > 0)
        (label,) = asked.asked(volume, [("blob", voxels)], modality=Modality.ULTRASOUND)
        return label.name.known == "blob"

    among = judge.with_context(cases)
    for one in (judge, among):
        assert is_known(one, image)
        assert not is_known(one, noise)
        assert not is_known(one.distrusted(), image)
    strange = judge.score(noise, mask > 0, "blob", modality="ultrasound")
    assert Remark.NEVER_LEARNED in strange.remarks


def test_a_pair_of_a_part_is_answered_for_its_crop_alone(tmp_path: Path) -> None:
    write_set(tmp_path / "set", 12)
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("ENCODER", "none"))
    entry = read_recipe(path).data[0].model_copy(update={"predictions": None})
    cases = tuple(load_case(entry, case) for case in open_recipe(entry, tmp_path).cases)
    shares = PairRecipe(parts=1.0, blank_crop=0, absent=0, blank_field=0, gold=0)
    draw = PairDraw((StoredSet.of(entry, cases),), JudgePreprocess(), shares)
    rng = np.random.default_rng(0)
    n_parts = 0
    for _ in range(40):
        pair = draw(rng)
        marked = pair.seen.crop[3]
        at_edge = marked[0].sum() + marked[-1].sum() + marked[:, 0].sum() + marked[:, -1].sum()
        if at_edge > 4:  # a mask seen as a whole has a margin
            n_parts += 1
            expected = 2 * np.minimum(marked, pair.gold).sum() / (marked.sum() + pair.gold.sum())
            assert pair.dice == pytest.approx(expected, abs=1e-4)
            assert pair.outside == 0
    assert n_parts > 5


def test_network_and_section_go_together(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("network: context", "network: map"))
    with pytest.raises(UsageError):
        read_recipe(path)
