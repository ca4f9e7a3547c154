"""The vision-language judge: its loss, its training by the command line, its judge folder."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch", reason="needs the train extra")

from conftest import write_noisy_phantoms  # noqa: E402
from segassay.cli import main  # noqa: E402
from segassay.corruption.phantoms.simple_phantom import (  # noqa: E402
    LABELS,
    SPACING_MM,
    make_phantom,
)
from segassay.errors import UsageError  # noqa: E402
from segassay.judge.documents.description import JudgeKind  # noqa: E402
from segassay.judge.documents.judge_folder import open_judge  # noqa: E402
from segassay.judge.engines.direct_engine import DirectEngine  # noqa: E402
from segassay.judge.inputs.preprocess import JudgePreprocess  # noqa: E402
from segassay.judge.networks.segae_vlm import ExportedSegaeVlm, SegaeVlm  # noqa: E402
from segassay.judge.scoring import Judge, load_judge  # noqa: E402
from segassay.training.learning.export import export_onnx  # noqa: E402
from segassay.training.learning.networks import build_net  # noqa: E402
from segassay.training.learning.number_loss import (  # noqa: E402
    margin_ranking,
    number_loss,
    regression,
)
from segassay.training.material.material import load_material  # noqa: E402
from segassay.training.samples.batches import collate  # noqa: E402
from segassay.training.samples.training_pairs import PairDraw  # noqa: E402
from segassay.training.settings import (  # noqa: E402
    JudgeRecipe,
    NumberLossRecipe,
    PairRecipe,
    read_recipe,
)
from segassay.training.train_judge import train_judge  # noqa: E402
from segassay.types import Remark, Status  # noqa: E402

SMALL = {
    "name": "tiny-vlm",
    "network": "segae_vlm",
    "data": [{"name": "phantoms", "path": "set", "modality": "ct"}],
    "vlm": {"dim": 16, "depth": 1, "heads": 2, "text_dim": 16},
    "minutes": 0.05,
    "calibration_labels": 64,
    "batch": 8,
    "pool": 32,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noisy_phantoms(tmp_path_factory.mktemp("data") / "set", slice(13, 21)).parent


@pytest.fixture(scope="module")
def pairs(root: Path) -> list[Any]:
    material = load_material(JudgeRecipe.model_validate(SMALL), root, say=lambda _: None)
    draw = PairDraw(material.train, JudgePreprocess(), PairRecipe())
    rng = np.random.default_rng(3)
    return [draw(rng) for _ in range(12)]


@pytest.fixture
def net() -> SegaeVlm:
    net = build_net(JudgeRecipe.model_validate(SMALL), tuple(sorted(LABELS)))
    assert isinstance(net, SegaeVlm)
    return net


def test_ranking_by_hand() -> None:
    true = torch.tensor([1.0, 0.2, 0.6, 0.6])
    predicted = torch.tensor([0.5, 0.6, 0.9, 0.1])
    partner = torch.tensor([1, 0, 3, 2])
    # The first two differ by .8 and must be .4 apart: they are -.1, so both lack .5.
    found = margin_ranking(predicted, true, partner, share=0.5)
    assert found.item() == pytest.approx((0.5 + 0.5 + 0 + 0) / 4)
    apart = torch.tensor([0.9, 0.4, 0.0, 0.0])
    assert margin_ranking(apart, true, partner, share=0.5).item() == 0


def test_a_few_steps_make_the_loss_smaller(net: SegaeVlm, pairs: list[Any]) -> None:
    batch, weights = collate(pairs), NumberLossRecipe()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    totals = []
    for _ in range(12):
        parts = number_loss(net, batch, weights, regression)
        optimizer.zero_grad()
        torch.autograd.backward([parts.total])
        optimizer.step()
        totals.append(parts.total.item())
    assert totals[-1] < totals[0] - 0.05


def test_a_batch_of_empty_masks_teaches_size_and_presence(net: SegaeVlm, pairs: list[Any]) -> None:
    batch = collate(pairs)
    empty = batch._replace(
        kind=torch.full_like(batch.kind, -1), dice=torch.full_like(batch.dice, float("nan"))
    )
    parts = number_loss(net, empty, NumberLossRecipe(), regression)
    assert parts.dice.item() == parts.rank.item() == 0
    assert parts.total.item() == pytest.approx(
        0.3 * parts.size.item() + 0.2 * parts.presence.item(), rel=1e-5
    )
    torch.autograd.backward([parts.total])


def test_exported_network_answers_like_torch(
    net: SegaeVlm, pairs: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "judge.onnx"
    export_onnx(net, JudgePreprocess(), path, network="segae_vlm")
    answers = DirectEngine(path, JudgePreprocess(), threads=1)([pair.seen for pair in pairs])
    batch = collate(pairs)
    with torch.no_grad():
        expected = ExportedSegaeVlm(net).eval()(batch.crop, batch.field, batch.condition)
    for name, value in zip(("dice", "size", "presence", "embedding"), expected, strict=True):
        np.testing.assert_allclose(getattr(answers, name), value.numpy(), atol=1e-4)
    assert b"site-packages" not in path.read_bytes()


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge trained for three seconds through the command line."""
    out = tmp_path_factory.mktemp("run")
    recipe = out / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(SMALL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segassay.training.learning.loop._TUNING_PAIRS", 32)
        with pytest.raises(SystemExit) as done:
            main(["train", "judge", "--config", str(recipe), "--data", str(root), "-o", str(out)])
    assert done.value.code == 0
    return out / "tiny-vlm"


@pytest.fixture(scope="module")
def judge(trained: Path) -> Judge:
    return load_judge(str(trained), threads=1)


def test_trained_folder_is_whole_and_says_what_it_is(trained: Path) -> None:
    folder = open_judge(trained)
    assert folder.meta.kind is JudgeKind.DIRECT
    assert set(folder.meta.structures) <= set(LABELS)
    assert "one number" in (trained / "card.md").read_text()
    assert (trained.parent / "curves.svg").is_file()
    digest = hashlib.sha256((trained / "judge.onnx").read_bytes()).hexdigest()
    assert folder.meta.model_id.endswith(digest[:8])


def test_score_depends_on_image_mask_and_name(judge: Judge) -> None:
    phantom = make_phantom(3)
    mask = phantom.labels == LABELS["liver"]
    score = judge.score(phantom.image, mask, "liver", SPACING_MM, "ct")
    assert 0 <= score.low <= score.value <= score.high <= 1
    assert score.slices
    assert all(mask[:, :, s.index].sum() == s.n_pixels for s in score.slices)

    def slices(image: Any, mask: Any, name: str | None) -> list[float]:
        found = judge.score(image, mask, name, SPACING_MM, "ct")
        return [s.score for s in found.slices]

    same = [s.score for s in score.slices]
    assert slices(np.zeros_like(phantom.image), mask, "liver") != same
    assert slices(phantom.image, np.roll(mask, 12, axis=0), "liver") != same
    assert slices(phantom.image, mask, "spleen") != same


def test_unknown_name_is_judged_without_it_and_says_so(judge: Judge) -> None:
    phantom = make_phantom(3)
    mask = phantom.labels == LABELS["liver"]
    strange = judge.score(phantom.image, mask, "left flugelhorn", SPACING_MM)
    assert strange.value == judge.score(phantom.image, mask, None, SPACING_MM).value
    assert Remark.NEVER_LEARNED in strange.remarks


def test_empty_mask_is_judged_by_presence(judge: Judge) -> None:
    phantom = make_phantom(3)
    empty = np.zeros(phantom.labels.shape, dtype=bool)
    score = judge.score(phantom.image, empty, "liver", SPACING_MM, "ct")
    assert score.status in (Status.ABSENT_OK, Status.ABSENT_SUSPECT)
    assert np.isnan(score.value)


def test_it_suggests_nothing_and_says_so_in_one_line(judge: Judge) -> None:
    phantom = make_phantom(3)
    mask = phantom.labels == LABELS["liver"]
    with pytest.raises(UsageError, match="draws no mask") as caught:
        judge.suggest(phantom.image, mask, "liver")
    assert "\n" not in str(caught.value)
    assert not judge.suggests


def test_recipe_of_another_shape_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "vlm": {"dim": 10, "heads": 4}}))
    with pytest.raises(UsageError, match="multiple of heads") as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)


def test_too_few_subjects_are_refused_before_the_training(root: Path, tmp_path: Path) -> None:
    small = tmp_path / "data" / "set"
    for kind in ("images", "labels"):
        for case in sorted((root / "set" / kind).iterdir())[:8]:
            (small / kind).mkdir(parents=True, exist_ok=True)
            (small / kind / case.name).write_bytes(case.read_bytes())
    (small / "labels.json").write_bytes((root / "set" / "labels.json").read_bytes())
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(SMALL))
    with pytest.raises(UsageError, match="keep 1 subjects for calibration"):
        train_judge(recipe, small.parent, tmp_path / "run", say=lambda _: None)
    assert not (tmp_path / "run").exists()
