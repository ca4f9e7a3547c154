"""A judge that learns to read the context, from pictures to an audit with it."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from segassay.cli import main
from segassay.context.closeups import CLOSE_GRID, CloseContext
from segassay.context.votes import PATCHES
from segassay.data.readers import open_dataset
from segassay.errors import UsageError
from segassay.models.folder import open_judge
from segassay.scoring import load_judge
from segassay.scoring.context_judge import ContextJudge
from segassay.training.context_worlds import WORLDS, SetWorlds
from segassay.training.settings import read_recipe
from segassay.types import Remark
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


def test_network_and_section_go_together(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("network: context", "network: map"))
    with pytest.raises(UsageError):
        read_recipe(path)
