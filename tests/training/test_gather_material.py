"""What a judge learns from, and the errors of which networks: none that knows the case."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from conftest import write_nifti
from segassay.errors import UsageError
from segassay.training.error_networks.folds import fold_of
from segassay.training.error_networks.network_errors import (
    MASKS,
    train_segmenters,
    with_network_errors,
)
from segassay.training.gather_material import SEGMENTERS, gather_material, with_shapes
from segassay.training.material.material import load_material
from segassay.training.settings import JudgeRecipe, SegmenterRecipe, ShapeRecipe

SMALL = SegmenterRecipe(kinds=("unet",), folds=2, updates=1, snapshots=(1.0,), size=32, batch=2)


def write_set(root: Path, n: int) -> None:
    """Write `n` subjects: a bright block, and one unlabelled subject beside them."""
    rng = np.random.default_rng(n)
    for number in range(n + 1):
        image = rng.normal(0, 10, (24, 24, 3)).astype(np.float32)
        labels = np.zeros(image.shape, dtype=np.uint8)
        labels[6:18, 5:17, 1:] = 1
        write_nifti(root / "images" / f"p{number:02d}.nii.gz", image + 100 * labels)
        if number < n:
            write_nifti(root / "labels" / f"p{number:02d}.nii.gz", labels)
    (root / "labels.json").write_text('{"1": "liver"}')


def recipe(*names: str, segmenters: SegmenterRecipe | None = None, **more: object) -> JudgeRecipe:
    data = [{"name": name, "path": name, "modality": "ct"} for name in names]
    return JudgeRecipe.model_validate({"name": "x", "data": data, "segmenters": segmenters, **more})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, n in (("one", 8), ("two", 8), ("few", 3)):
        write_set(folder / name, n)
    return folder


def quiet(_: str) -> None:
    """Say nothing."""


def test_sets_are_split_by_subject_and_the_test_is_never_opened(root: Path, tmp_path: Path) -> None:
    broken = root / "one" / "labels" / "p07.nii.gz"  # one of the last fifth: the frozen test's
    content = broken.read_bytes()
    broken.write_bytes(b"not to be opened")
    said: list[str] = []
    try:
        used = recipe("one", "two", "few")
        found = gather_material(tmp_path / "x.yaml", used, root, tmp_path / "out", say=said.append)
    finally:
        broken.write_bytes(content)
    assert [len(store.cases) for store in found.train] == [5, 5, 3]
    assert [store.recipe.name for store in found.tuning] == ["one", "two"]
    assert [len(store.cases) for store in found.tuning] == [1, 1]
    assert found.structures == ("liver",)
    assert found.splits["few"].test == ()
    assert len(found.splits["one"].test) == 2
    assert len(said) == 3  # a line for each set, and nothing was left out
    assert list((tmp_path / "out").iterdir()) == []


def test_too_few_subjects_to_calibrate_on_are_refused_before_anything_is_made(
    root: Path, tmp_path: Path
) -> None:
    for names in (("one",), ("few",)):
        with pytest.raises(UsageError):
            gather_material(tmp_path / "x", recipe(*names), root, tmp_path / "out", say=quiet)
    coronal = {"name": "b", "path": "one", "plane": "coronal"}
    twice = recipe("one").model_dump() | {"data": [{"name": "a", "path": "one"}, coronal]}
    with pytest.raises(UsageError):  # the same subject in two planes is one subject
        gather_material(
            tmp_path / "x", JudgeRecipe.model_validate(twice), root, tmp_path / "out", say=quiet
        )
    assert not (tmp_path / "out").exists()


def test_shapes_are_added_to_what_is_learned_from(root: Path) -> None:
    plain = recipe("few")
    material = load_material(plain, root, say=quiet)
    assert with_shapes(plain, material) is material
    shaped = recipe("few", shapes=ShapeRecipe(images=2, weight=0.5))
    found = with_shapes(shaped, material)
    assert found.train[:-1] == material.train
    assert len(found.train[-1].cases) == 2
    assert found.train[-1].recipe.weight == 0.5
    assert found.tuning == material.tuning
    again = with_shapes(shaped, material).train[-1].cases
    assert all(
        (a.planes == b.planes).all() for a, b in zip(again, found.train[-1].cases, strict=True)
    )


def test_no_case_meets_errors_of_a_network_that_learned_from_it(root: Path, tmp_path: Path) -> None:
    used = recipe("one", "two", segmenters=SMALL)
    out = tmp_path / "out"
    found = gather_material(tmp_path / "x.yaml", used, root, out, say=quiet)
    made = sorted((out / SEGMENTERS / MASKS).rglob("*.npz"))
    assert len(made) == 12  # five to learn from and one to tune with, of each set
    assert len(list((out / SEGMENTERS / "networks").glob("*.safetensors"))) == 2
    for store in found.train:
        folds = fold_of(store, SMALL.folds)
        for case in store.cases:
            assert case.networks is not None
            assert case.networks.networks == (f"unet-{1 - folds[case.subject_id]}-0",)
    for store in found.tuning:
        (case,) = store.cases
        assert case.networks is not None
        assert case.networks.networks == ("unet-0-0", "unet-1-0")
    before = {path: path.stat().st_mtime_ns for path in (out / SEGMENTERS).rglob("*.*")}
    gather_material(tmp_path / "x.yaml", used, root, out, say=quiet)
    assert {path: path.stat().st_mtime_ns for path in (out / SEGMENTERS).rglob("*.*")} == before
    config = tmp_path / "x.yaml"
    config.write_text(used.model_dump_json())  # JSON is YAML
    assert train_segmenters(config, root, out / SEGMENTERS, say=quiet) == 12


def test_without_segmenters_there_is_nothing_to_train(root: Path, tmp_path: Path) -> None:
    plain = recipe("few")
    material = load_material(plain, root, say=quiet)
    with pytest.raises(UsageError):
        with_network_errors(plain, material, tmp_path / "out", say=quiet)
    assert not (tmp_path / "out").exists()
