"""A judge that learns to read the context, from pictures to an audit with it."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from blobs import blob  # noqa: E402
from segassay.cli import main  # noqa: E402
from segassay.context.votes import PATCHES  # noqa: E402
from segassay.errors import UsageError  # noqa: E402
from segassay.models.folder import open_judge  # noqa: E402
from segassay.models.patch_encoder import PatchEncoder  # noqa: E402
from segassay.pipelines.train_judge import train_judge  # noqa: E402
from segassay.scoring import load_judge  # noqa: E402
from segassay.scoring.context_judge import ContextJudge  # noqa: E402
from segassay.training.context_worlds import WORLDS, SetWorlds  # noqa: E402
from segassay.training.export import write_onnx  # noqa: E402
from segassay.training.settings import read_recipe  # noqa: E402
from segassay.types import Remark  # noqa: E402

RECIPE = """
name: tiny
network: context
context: {encoder: ENCODER, n_looks: 5}
updates: 4
batch: 8
widths: [8, 16]
precision: 32-true
calibration_labels: 60
pairs: {network: 0.4}
data:
  - name: blobs
    images: set/images
    labels: set/masks
    predictions: set/predictions
    modality: ultrasound
"""


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def write_set(root: Path, n: int) -> Path:
    """Write pictures with masks by structure and, for half of them, a network's predictions."""
    for part in ("images", "masks/blob", "predictions/blob"):
        (root / part).mkdir(parents=True)
    for number in range(n):
        grey, inside = blob(number)
        Image.fromarray(grey.astype(np.uint8)).save(root / "images" / f"p{number}.png")
        mask = np.asarray(255 * inside, dtype=np.uint8)
        Image.fromarray(mask).save(root / "masks" / "blob" / f"p{number}.png")
        if number % 2:
            Image.fromarray(np.roll(mask, 9, axis=1)).save(
                root / "predictions" / "blob" / f"p{number}.png"
            )
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge trained for a few updates; its data lie beside it."""
    root = tmp_path_factory.mktemp("context")
    write_set(root / "set", 20)
    torch.manual_seed(0)
    encoder = PatchEncoder(8).eval()
    names = (("picture",), ("patches", "summary"))
    write_onnx(encoder, (torch.zeros(2, 3, 256, 256),), root / "encoder.onnx", names=names)
    recipe = root / "tiny.yaml"
    recipe.write_text(RECIPE.replace("ENCODER", str(root / "encoder.onnx")))
    made = train_judge(recipe, root, root / "out", say=lambda _: None)
    assert made is not None
    return made.folder


def test_worlds_hold_votes_for_every_slice(trained: Path) -> None:
    worlds = SetWorlds.load(trained.parent / "worlds" / "blobs.npz")
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


def test_the_folder_says_what_the_judge_reads(trained: Path) -> None:
    folder = open_judge(trained)
    assert folder.encoder is not None
    assert folder.meta.context is not None
    assert folder.meta.context.n_looks == 5
    assert folder.meta.evidence["blob"].labels > 0


def test_an_audit_asks_the_other_labels(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = write_set(tmp_path / "new", 6)
    sources: list[str | Path] = ["--images", data / "images", "--labels", data / "masks"]
    assert run("audit", *sources, "-o", out, "--judge", trained, "--quiet") == 0
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    assert {row["structure"] for row in rows} == {"blob"}
    assert not any(Remark.INTERNAL_ERROR in row["remarks"].split() for row in rows)


def test_the_context_changes_what_is_said(trained: Path) -> None:
    judge = load_judge(str(trained))
    assert isinstance(judge, ContextJudge)
    from segassay.data.readers import open_dataset
    from segassay.pipelines.context_cases import gather_context

    cases = open_dataset(
        images=trained.parents[1] / "set" / "images", labels=trained.parents[1] / "set" / "masks"
    ).cases
    memory = gather_context(cases, judge, 60)
    assert memory is not None
    assert memory.n_subjects == 20
    image, mask = cases[0].images[0], cases[0].labels[0].path
    alone = judge.score(image, mask, structure="blob")
    among = judge.with_context(memory).score(image, mask, structure="blob")
    assert alone.expected_nsd != among.expected_nsd
    assert alone.preprocess == among.preprocess
    again = judge.score(image, mask, structure="blob")
    assert again.expected_nsd == alone.expected_nsd


def test_too_few_subjects_are_no_context(trained: Path) -> None:
    from segassay.data.readers import open_dataset
    from segassay.pipelines.context_cases import gather_context

    judge = load_judge(str(trained))
    assert isinstance(judge, ContextJudge)
    cases = open_dataset(
        images=trained.parents[1] / "set" / "images", labels=trained.parents[1] / "set" / "masks"
    ).cases
    assert gather_context(cases[:2], judge, 60) is None
    assert gather_context(cases, judge, 60, ["liver"]) is None


def test_network_and_section_go_together(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("network: context", "network: map"))
    with pytest.raises(UsageError):
        read_recipe(path)
