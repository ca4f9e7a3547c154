"""Quality Sentinel trained here: the slices it sees, its crops and truth, its judge folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from benchmarks.baselines import sentinel_pairs  # noqa: E402
from benchmarks.baselines.sentinel_pairs import (  # noqa: E402
    SentinelDraw,
    sentinel_material,
    sentinel_text,
)
from benchmarks.baselines.sentinel_training import SentinelTraining  # noqa: E402
from benchmarks.baselines.train_sentinel import train_sentinel  # noqa: E402
from conftest import write_noisy_phantoms  # noqa: E402
from segassay.corruption.phantoms.simple_phantom import (  # noqa: E402
    LABELS,
    SPACING_MM,
    make_phantom,
)
from segassay.errors import UsageError  # noqa: E402
from segassay.judge.documents.description import JudgeKind  # noqa: E402
from segassay.judge.documents.judge_folder import open_judge  # noqa: E402
from segassay.judge.inputs.sentinel_input import SIZE, crop_window  # noqa: E402
from segassay.judge.scoring import Judge, load_judge  # noqa: E402
from segassay.training.material.material import Material, load_material  # noqa: E402
from segassay.training.settings import JudgeRecipe, PairRecipe, SetRecipe  # noqa: E402
from segassay.types import Remark, Status  # noqa: E402

SMALL: dict[str, Any] = {
    "name": "tiny-sentinel",
    "network": "quality_sentinel",
    "data": [{"name": "phantoms", "path": "set", "modality": "ct"}],
    "batch": 2,
    "updates": 1,
    "learning_rate": 1e-4,
    "precision": "32-true",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noisy_phantoms(tmp_path_factory.mktemp("data") / "set", slice(15, 19)).parent


@pytest.fixture(scope="module")
def material(root: Path) -> Material:
    return load_material(JudgeRecipe.model_validate(SMALL), root, say=lambda _: None)


def test_what_misses_its_structure_is_never_shown(material: Material) -> None:
    rng = np.random.default_rng(0)
    draw = SentinelDraw(material.train, PairRecipe(absent=0.4, blank_field=0.3), loose=True)
    pairs = [draw(rng) for _ in range(30)]
    assert all(pair.seen.shape == (2, SIZE, SIZE) for pair in pairs)
    assert all(0 < pair.dice <= 1 and pair.seen[1].max() == 1 for pair in pairs)
    assert len({round(pair.dice, 3) for pair in pairs}) > 10


def test_an_untouched_mask_has_dice_1_in_its_crop(material: Material) -> None:
    draw = SentinelDraw(
        material.train, PairRecipe(gold=1, blank_crop=0, absent=0, blank_field=0), loose=False
    )
    assert {draw(np.random.default_rng(seed)).dice for seed in range(8)} == {1.0}


def test_the_truth_is_the_dice_inside_the_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    gold = np.zeros((200, 200), dtype=bool)
    gold[40:50, 40:50] = True
    gold[150:160, 150:160] = True  # lies outside the crop: as published, it does not count
    mask = np.zeros_like(gold)
    mask[40:50, 40:45] = True

    class OneMask:
        def __init__(self, *_: object) -> None:
            self.planes = np.zeros((1, 200, 200), dtype=np.uint8)

        def candidate(self, _: object) -> tuple[Any, Any]:
            place = type("P", (), {"case": self, "structure": "liver"})
            return place, type("C", (), {"gold": gold, "mask": mask, "index": 0})

    monkeypatch.setattr(sentinel_pairs, "PairDraw", OneMask)
    draw = SentinelDraw((), PairRecipe(), loose=False)
    assert draw(np.random.default_rng(0)).dice == pytest.approx(2 * 50 / (100 + 50))
    mask[:] = False
    mask[150:151, 150:160] = True  # ten pixels: too few
    with pytest.raises(UsageError, match="20 pixels") as caught:
        draw(np.random.default_rng(0))
    assert "\n" not in str(caught.value)


def test_margins_widen_the_crop_to_a_square_and_the_border_cuts_it() -> None:
    mask = np.zeros((100, 300), dtype=bool)
    mask[40:61, 140:151] = True
    assert crop_window(mask) == (slice(20, 80), slice(115, 175))
    assert crop_window(mask, (10, 100)) == (slice(0, 100), slice(40, 250))


def test_same_generator_same_crops(material: Material) -> None:
    draw = SentinelDraw(material.train, PairRecipe(), loose=True)
    one, other = (draw.batch(3, np.random.default_rng(5)) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


def test_names_have_vectors_as_long_as_published_and_sides_differ() -> None:
    left, right = sentinel_text("kidney_left"), sentinel_text("kidney_right")
    assert left.shape == (512,)
    assert float(np.linalg.norm(left)) == pytest.approx(10, rel=1e-5)
    assert float(left @ right) / 100 < 0.9


def test_sets_without_names_and_other_planes_are_left_out(material: Material, root: Path) -> None:
    sets = [SetRecipe(**SMALL["data"][0]), SetRecipe(name="x", path="set", named=False)]
    with_more = load_material(
        JudgeRecipe.model_validate({**SMALL, "data": sets}), root, say=lambda _: None
    )
    assert [s.recipe.name for s in sentinel_material(with_more).train] == ["phantoms"]
    assert set(sentinel_material(with_more).splits) == {"phantoms"}
    unnamed = JudgeRecipe.model_validate({**SMALL, "data": sets[1:]})
    with pytest.raises(UsageError, match="none of 1 sets has named structures"):
        sentinel_material(load_material(unnamed, root, say=lambda _: None))


@pytest.fixture(scope="module")
def trained(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One update, then a second one and the export, in the same folder."""
    out = tmp_path_factory.mktemp("run")
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.baselines.sentinel_training._TUNING_CROPS", 4)
        first = JudgeRecipe.model_validate(SMALL)
        SentinelTraining(first, sentinel_material(material), out, say=said.append).run()
        again = JudgeRecipe.model_validate({**SMALL, "updates": 2})
        train_sentinel(again, material, out, say=said.append)
    assert any(line.startswith("continuing after") for line in said)
    return out / "tiny-sentinel"


@pytest.fixture(scope="module")
def judge(trained: Path) -> Judge:
    return load_judge(str(trained), threads=1)


def test_a_training_continues_and_its_folder_says_what_it_is(trained: Path) -> None:
    meta = open_judge(trained).meta
    assert meta.kind is JudgeKind.QUALITY_SENTINEL
    assert meta.pairs_seen == 4
    assert set(meta.structures) == set(LABELS)
    assert meta.training_subjects["phantoms"]["train"]
    assert "without pretraining" in (trained / "card.md").read_text()
    curves = (trained.parent / "curves.csv").read_text().splitlines()
    assert len(curves) == 3
    assert curves[0].startswith("updates,pairs,seconds,restarts,total,error,rank,tuning_pearson")


def test_it_scores_images_of_any_range_without_calling_itself_imported(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "segassay.judge.scoring.sentinel_judge._cut", float
    )  # hardly trained: below 0
    phantom = make_phantom(3)
    mask = phantom.labels == LABELS["liver"]
    score = judge.score(phantom.image, mask, "liver", SPACING_MM, "ct")
    assert score.status is Status.SCORED
    assert Remark.NO_INTERVAL in score.remarks
    assert Remark.IMPORTED not in score.remarks
    window = np.clip(phantom.image, -200, 300).astype(np.float32)
    as_bytes = judge.score(window * 0.4 + 80, mask, "liver", SPACING_MM, "mr")
    assert as_bytes.value == pytest.approx(score.value, abs=1e-4)
    black = judge.score(np.zeros_like(phantom.image), mask, "liver", SPACING_MM, "ct")
    assert abs(black.value - score.value) > 1e-3
    spleen = judge.score(phantom.image, mask, "spleen", SPACING_MM, "ct")
    assert abs(spleen.value - score.value) > 1e-3
