"""A pack holds what a judge learns from, small enough to travel."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from conftest import write_phantoms  # noqa: E402
from segassay.cli.app import main  # noqa: E402
from segassay.corruption.network_masks import NetworkMasks  # noqa: E402
from segassay.errors import ReadError, UsageError  # noqa: E402
from segassay.judge.inputs.preprocess import JudgePreprocess  # noqa: E402
from segassay.training.material.material import Material, load_material  # noqa: E402
from segassay.training.material.pack import read_pack, write_pack  # noqa: E402
from segassay.training.samples.training_pairs import PairDraw  # noqa: E402
from segassay.training.settings import JudgeRecipe, PairRecipe, read_recipe  # noqa: E402

RECIPE = (
    "{name: tiny, data: [{name: phantoms, path: set, modality: ct}], widths: [8, 16], batch: 4, "
    "pool: 8, updates: 2, calibration_labels: 20}"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty phantoms, so that two are kept to calibrate on, and a recipe."""
    root = tmp_path_factory.mktemp("data")
    write_phantoms(root / "set", range(1, 21))
    (root / "tiny.yaml").write_text(RECIPE)
    return root


@pytest.fixture(scope="module")
def recipe(root: Path) -> JudgeRecipe:
    return read_recipe(root / "tiny.yaml")


@pytest.fixture(scope="module")
def material(root: Path, recipe: JudgeRecipe) -> Material:
    """What the phantoms give, with the masks of one network for the first case."""
    found = load_material(recipe, root, say=lambda _: None)
    (store,) = found.train
    rng = np.random.default_rng(0)
    masks = NetworkMasks(
        ("unet-0-0",),
        ("liver",),
        np.array([[0, 0, 3], [0, 0, 4]], np.int32),
        rng.integers(0, 256, (2, 32, 32), dtype=np.uint8),
        np.array([0.5, 0.9], np.float32),
    )
    first = replace(store.cases[0], networks=masks)
    return replace(found, train=(replace(store, cases=(first, *store.cases[1:])),))


def test_what_is_read_is_what_was_packed(
    material: Material, recipe: JudgeRecipe, tmp_path: Path
) -> None:
    path = tmp_path / "a.pack"
    assert write_pack(material, path, most_mib=60) == 256
    again = read_pack(path, recipe)
    assert again.splits == material.splits
    for store, other in zip(
        (*material.train, *material.tuning), (*again.train, *again.tuning), strict=True
    ):
        assert store.recipe == other.recipe
        assert store.holders == other.holders
        for case, back in zip(store.cases, other.cases, strict=True):
            every = np.concatenate([label.filled for label in case.labels.values()])
            start = max(0, every.min() - 4)  # what is far from all labels is left out
            kept = slice(start, every.max() + 5)
            np.testing.assert_array_equal(case.planes[kept], back.planes)
            assert case.voxels_sha256 == back.voxels_sha256
            for name, label in case.labels.items():
                np.testing.assert_array_equal(label.areas[kept], back.labels[name].areas)
    masks, back_masks = material.train[0].cases[0].networks, again.train[0].cases[0].networks
    assert masks is not None
    assert back_masks is not None
    assert (back_masks.networks, back_masks.structures) == (masks.networks, masks.structures)
    first = material.train[0].cases[0]
    start = max(0, min(int(label.filled[0]) for label in first.labels.values()) - 4)
    np.testing.assert_array_equal(back_masks.places[:, 2], masks.places[:, 2] - start)
    far = np.abs(masks.probability.astype(int) - back_masks.probability.astype(int))
    assert far.max() <= 43
    assert again.train[0].cases[1].networks is None


def test_a_smaller_pack_has_smaller_slices_that_still_teach(
    material: Material, recipe: JudgeRecipe, tmp_path: Path
) -> None:
    path = tmp_path / "b.pack"
    write_pack(material, path, most_mib=60)
    most = 0.6 * path.stat().st_size
    side = write_pack(material, path, most_mib=most / 2**20)
    assert side < max(material.train[0].cases[0].planes.shape[1:])
    assert path.stat().st_size <= most
    again = read_pack(path, recipe)
    case, small = material.train[0].cases[1], again.train[0].cases[1]
    assert max(small.planes.shape[1:]) <= side
    extent = [n * mm for n, mm in zip(case.planes.shape[1:], case.pixel_mm, strict=True)]
    reduced = [n * mm for n, mm in zip(small.planes.shape[1:], small.pixel_mm, strict=True)]
    assert reduced == pytest.approx(extent)
    areas = case.labels["liver"].areas * np.prod(case.pixel_mm)
    small_areas = small.labels["liver"].areas * np.prod(small.pixel_mm)
    assert np.corrcoef(areas, small_areas)[0, 1] > 0.99
    draw = PairDraw(again.train, JudgePreprocess(), PairRecipe(network=0.5))
    assert draw(np.random.default_rng(1)).seen.crop.shape == (5, 96, 96)


def test_what_does_not_fit_is_refused_and_leaves_nothing(
    material: Material, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="leave sets out"):
        write_pack(material, tmp_path / "c.pack", most_mib=0.01)
    assert not list(tmp_path.iterdir())


def test_a_pack_without_a_set_and_a_damaged_one_are_one_line(
    material: Material, recipe: JudgeRecipe, tmp_path: Path
) -> None:
    path = tmp_path / "d.pack"
    write_pack(material, path, most_mib=60)
    more = recipe.model_copy(update={"data": (*recipe.data, recipe.data[0].model_copy(
        update={"name": "hearts"}
    ))})  # fmt: skip
    with pytest.raises(UsageError, match="lacks hearts, which tiny names"):
        read_pack(path, more)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ReadError, match="not a pack"):
        read_pack(path, recipe)
    with pytest.raises(ReadError, match="not a pack"):
        read_pack(tmp_path / "nowhere.pack", recipe)


def code_of(*words: str) -> object:
    """Run the command line and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code


def test_learning_away_and_finishing_at_home(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("segassay.training.learning.loop._TUNING_PAIRS", 8)
    config, home, away = str(root / "tiny.yaml"), tmp_path / "home", tmp_path / "away"
    data, pack = str(root), str(tmp_path / "tiny.pack")
    told = ["--config", config, "--data", data, "-o", str(home)]
    assert code_of("train", "pack", *told, "--to", pack) == 0
    assert code_of("train", "judge", "--config", config, "--pack", pack, "-o", str(away)) == 0
    assert not (away / "tiny").exists()
    (home / "checkpoint.pt").write_bytes((away / "checkpoint.pt").read_bytes())
    assert code_of("train", "judge", *told) == 0
    assert (home / "tiny" / "judge.onnx").exists()
    assert "2 updates" in capsys.readouterr().err
    assert code_of("train", "judge", *told, "--pack", pack) == 2
    assert code_of("train", "judge", "--config", config, "-o", str(away)) == 2
