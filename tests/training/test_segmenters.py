"""Errors of real networks: who learns from whom, what is kept, and the way back to the grid."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from segassay.corruption.network_masks import NetworkMasks  # noqa: E402
from segassay.judge.inputs.letterbox import letterbox  # noqa: E402
from segassay.judge.inputs.preprocess import JudgePreprocess  # noqa: E402
from segassay.training.error_networks.architectures import (  # noqa: E402
    FEATURES,
    NEVER_TRAINED_ON,
    SEGMENTERS,
    Segmenter,
)
from segassay.training.error_networks.folds import (  # noqa: E402
    fold_of,
    known_structures,
    load_segmenter,
    predict_set,
    structures_of,
    train_folds,
)
from segassay.training.error_networks.square_slices import square_case  # noqa: E402
from segassay.training.material.random_shape_sets import shape_set  # noqa: E402
from segassay.training.material.store import StoredSet  # noqa: E402
from segassay.training.samples.training_pairs import PairDraw  # noqa: E402
from segassay.training.settings import PairRecipe, SegmenterRecipe, ShapeRecipe  # noqa: E402

FAST = SegmenterRecipe(kinds=("unet",), updates=10, snapshots=(0.3, 1.0), size=32, batch=4)


@pytest.fixture(scope="module")
def shapes() -> StoredSet:
    return shape_set(ShapeRecipe(images=4), seed=1)


@pytest.fixture(scope="module")
def masks(shapes: StoredSet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, NetworkMasks]:
    out = tmp_path_factory.mktemp("segmenters")
    trained = train_folds((shapes,), FAST, out / "networks", say=print)
    folds = fold_of(shapes, FAST.folds)
    structures = structures_of([shapes])["random_shapes"]
    assert known_structures(trained[0].path) == {"random_shapes": structures}
    done = predict_set(
        shapes,
        structures,
        trained,
        FAST,
        out / "masks",
        seen_fold=lambda case: folds[case.subject_id],
    )
    return {case.subject_id: kept for case, kept in done}


@pytest.mark.parametrize("kind", SEGMENTERS)
def test_every_kind_answers_for_every_structure_of_a_set(kind: str) -> None:
    net = Segmenter(kind, {"a": 3, "b": 1}).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 3, 64, 64), "a").shape == (2, 3, 64, 64)
        assert net(torch.zeros(2, 3, 64, 64), "b").shape == (2, 1, 64, 64)
    assert net.heads["a"].in_channels == FEATURES


def test_every_set_is_segmented_with_averages_of_its_own() -> None:
    torch.manual_seed(0)
    net = Segmenter("unet", {"dark": 1, "bright": 1})
    dark, bright = torch.randn(4, 3, 32, 32), 5 + 3 * torch.randn(4, 3, 32, 32)
    net.settle("dark", [dark])
    net.settle("bright", [bright])
    with torch.no_grad():
        net.train()
        batchwise = net(dark, "dark")
        net.prepare("dark")
        settled = net(dark, "dark")
        net.prepare("bright")
        confused = net(dark, "dark")
    # Averages of a batch give what the batch itself gives, up to the n / (n - 1) of variance.
    assert (settled - batchwise).abs().max() < 0.05 * batchwise.abs().max()
    assert (confused - batchwise).abs().max() > 0.2 * batchwise.abs().max()


def test_the_frozen_tests_architecture_is_not_what_judges_learn_from() -> None:
    assert NEVER_TRAINED_ON in SEGMENTERS
    assert NEVER_TRAINED_ON not in SegmenterRecipe().kinds


def test_no_case_gets_masks_of_a_network_that_saw_its_subject(
    shapes: StoredSet, masks: dict[str, NetworkMasks]
) -> None:
    folds = fold_of(shapes, FAST.folds)
    assert set(folds.values()) == {0, 1}
    for subject, kept in masks.items():
        assert kept.networks
        assert all(int(name.split("-")[1]) != folds[subject] for name in kept.networks)


def test_finished_networks_and_masks_are_not_made_again(shapes: StoredSet, tmp_path: Path) -> None:
    first = train_folds((shapes,), FAST, tmp_path, say=print)
    before = [one.path.stat().st_mtime_ns for one in first]
    assert [
        one.path.stat().st_mtime_ns for one in train_folds((shapes,), FAST, tmp_path, say=print)
    ] == before
    assert load_segmenter(first[0]).kind == "unet"


def test_masks_survive_the_file(masks: dict[str, NetworkMasks], tmp_path: Path) -> None:
    kept = next(iter(masks.values()))
    kept.save(tmp_path / "set" / "case.npz")
    again = NetworkMasks.load(tmp_path / "set" / "case.npz")
    assert again.networks == kept.networks
    assert np.array_equal(again.probability, kept.probability)
    assert np.array_equal(again.places, kept.places)


def test_a_letterboxed_mask_finds_its_way_back(shapes: StoredSet) -> None:
    case = shapes.cases[0]
    structure = next(iter(case.labels))
    index = int(case.labels[structure].filled[0])
    gold = case.mask(structure, index)
    small = np.rint(
        255 * letterbox((gold.shape[0], gold.shape[1]), case.pixel_mm, 96)(gold[None])[0]
    ).astype(np.uint8)
    kept = NetworkMasks(
        ("net",),
        (structure,),
        np.array([[0, 0, index]], dtype=np.int32),
        small[None],
        np.ones(1, dtype=np.float32),
    )
    back = kept.mask(0, gold.shape, case.pixel_mm, 0.5)
    assert 2 * (back & gold).sum() / (back.sum() + gold.sum()) > 0.95
    planes = kept.volume(0, structure, case.planes.shape, case.pixel_mm, 0.5)
    assert np.array_equal(planes[index], back)
    assert planes.sum() == back.sum()
    assert kept.candidates(structure, index) == [0]
    assert kept.candidates("another", index) == []


def test_square_cases_keep_their_slices(shapes: StoredSet) -> None:
    case = shapes.cases[0]
    structures = tuple(sorted(shapes.holders))
    square = square_case(case, structures, 48)
    assert square.planes.shape == (len(case.planes), 48, 48)
    assert square.gold.shape == (len(structures), len(case.planes), 48, 48)
    assert set(square.filled) == {int(k) for label in case.labels.values() for k in label.filled}


def test_pairs_hold_masks_of_networks(shapes: StoredSet, masks: dict[str, NetworkMasks]) -> None:
    from dataclasses import replace

    cases = tuple(replace(case, networks=masks[case.subject_id]) for case in shapes.cases)
    recipe = PairRecipe(network=1.0, gold=0, blank_crop=0, absent=0, blank_field=0, augment=0)
    draw = PairDraw((StoredSet.of(shapes.recipe, cases),), JudgePreprocess(), recipe)
    rng = np.random.default_rng(0)
    dices = np.array([draw(rng).dice for _ in range(40)])
    assert np.nanstd(dices) > 0.05
    assert np.nanmin(dices) < 0.9
