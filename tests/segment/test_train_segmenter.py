"""A segmenter learns, stops and goes on, and draws labels that an audit opens."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("monai", reason="needs the train extra")

from conftest import write_nifti, write_picture
from segassay.cli.app import main
from segassay.datasets.opening import open_dataset, open_images
from segassay.errors import DatasetError, ModelError, UsageError
from segassay.images.io import read_label
from segassay.metrics.overlap import dice
from segassay.segment.model_folder import CHECKPOINT, META, open_model
from segassay.segment.predict import predict
from segassay.segment.recipe import SegmentationRecipe, read_segmentation_recipe
from segassay.segment.train_segmenter import train_segmenter
from segassay.types import ExitCode

QUICK = {"width": 8, "patch": 32, "batch": 4, "updates": 60, "look_every": 20, "augment": False}


def discs(root: Path, n: int = 8, *, overlap: bool = False) -> Path:
    """Pictures of a bright disc on noise, beside it a dark one; each a structure."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :48]
    for number in range(n):
        row, column = rng.integers(12, 28), rng.integers(12, 20)
        bright = (rows - row) ** 2 + (columns - column) ** 2 < 64
        dark = (rows - row) ** 2 + (columns - column - (6 if overlap else 20)) ** 2 < 36
        image = rng.normal(100, 6, (40, 48)) + 80 * bright - 60 * (dark & ~bright)
        write_picture(root / "images" / f"s{number}.png", image.clip(0, 255).astype(np.uint8))
        for name, mask in (("bright", bright), ("dark", dark)):
            write_picture(root / "masks" / name / f"s{number}.png", 255 * mask.astype(np.uint8))
    return root


def recipe(**options: object) -> SegmentationRecipe:
    return read_segmentation_recipe(None, learning_rate=1e-2, **{**QUICK, **options})


def quiet(line: str) -> None:
    del line


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("discs")
    discs(root / "data")
    found = train_segmenter(open_dataset(root / "data"), recipe(), root / "model", say=quiet)
    assert found.dice > 0.7
    assert (found.n_training, found.n_validation) == (6, 2)
    return root / "data", root / "model"


def test_a_model_describes_itself_and_refuses_to_be_changed(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    _, model = trained
    meta = open_model(model)
    assert meta.structures == ("bright", "dark")
    assert meta.exclusive
    assert meta.updates == QUICK["updates"]
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / CHECKPOINT).unlink()
    assert open_model(tmp_path) == meta
    (tmp_path / META).write_text((model / META).read_text().replace("dark", "dusk"))
    with pytest.raises(ModelError):
        open_model(tmp_path)


def test_what_it_draws_opens_as_a_data_set_and_is_right(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    data, model = trained
    images = open_images(data / "images")
    found = predict(model, images, tmp_path / "drawn")
    assert found.exit_code is ExitCode.DONE
    assert not found.empty
    drawn = open_dataset(images=data / "images", labels=tmp_path / "drawn")
    assert drawn.structures == ("bright", "dark")
    gold = {case.case_id: case for case in open_dataset(data).cases}
    scores = []
    for case in drawn.cases:
        for own, other in zip(case.labels, gold[case.case_id].labels, strict=True):
            one, two = (np.asarray(read_label(ref).mask(ref)) for ref in (own, other))
            scores.append(dice(one, two))
    assert np.mean(scores) > 0.7


def test_a_second_run_draws_nothing_anew_and_another_model_is_refused(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    data, model = trained
    images, out = open_images(data / "images"), tmp_path / "drawn"
    predict(model, images, out)
    (out / "s3.png").unlink()
    again = predict(model, images, out)
    assert again.n_before == again.n_cases - 1
    record = json.loads((out / "predicted.json").read_text())
    (out / "predicted.json").write_text(json.dumps({**record, "sha256": "0"}))
    with pytest.raises(UsageError):
        predict(model, images, out)


def test_a_broken_image_costs_itself(trained: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = trained
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("s0.png", "s1.png"):
        (folder / name).write_bytes((data / "images" / name).read_bytes())
    (folder / "s0.png").write_bytes(b"no picture")
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(model), str(folder), "-o", str(tmp_path / "out"), "--quiet"])
    assert ended.value.code == ExitCode.CASES_FAILED
    assert [p.name for p in (tmp_path / "out").glob("*.png")] == ["s1.png"]


def test_a_training_that_was_stopped_goes_on(tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data"))

    def stop(line: str) -> None:
        if line.startswith("updates 40"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_segmenter(data, recipe(save_every=20), tmp_path / "model", say=stop)
    lines: list[str] = []
    found = train_segmenter(data, recipe(save_every=20), tmp_path / "model", say=lines.append)
    assert found.updates == QUICK["updates"]
    assert sum(line.startswith("updates ") for line in lines) <= 2
    with pytest.raises(UsageError):
        train_segmenter(data, recipe(seed=5), tmp_path / "model", say=quiet)


def test_structures_that_overlap_get_maps_of_their_own(tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data", 5, overlap=True))
    with pytest.raises(UsageError):
        train_segmenter(data, recipe(loss="dice+ce"), tmp_path / "other", say=quiet)
    train_segmenter(data, recipe(updates=4), tmp_path / "model", say=quiet)
    assert not open_model(tmp_path / "model").exclusive
    predict(tmp_path / "model", data, tmp_path / "drawn")
    assert open_dataset(
        images=tmp_path / "data" / "images", labels=tmp_path / "drawn"
    ).structures == ("bright", "dark")


@pytest.mark.parametrize("network", ["unet++", "attention-unet", "segresnet", "unet-lite0"])
def test_every_network_learns_and_draws(network: str, tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data", 4))
    train_segmenter(data, recipe(network=network, updates=2), tmp_path / "model", say=quiet)
    assert predict(tmp_path / "model", data, tmp_path / "drawn").exit_code is ExitCode.DONE


def test_volumes_are_learned_in_blocks_and_in_slices_with_neighbours(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(3):
        label = np.zeros((20, 24, 10), dtype=np.uint8)
        label[4:12, 6:14, 2:7] = 1
        image = (rng.normal(0, 5, label.shape) + 50 * label).astype(np.float32)
        write_nifti(
            tmp_path / "data" / "images" / f"v{number}.nii.gz", image, np.diag([2, 1, 3, 1])
        )
        write_nifti(
            tmp_path / "data" / "labels" / f"v{number}.nii.gz", label, np.diag([2, 1, 3, 1])
        )
    (tmp_path / "data" / "labels.json").write_text('{"liver": 1}')
    data = open_dataset(tmp_path / "data")
    kinds: dict[str, dict[str, object]] = {
        "blocks": {"axes": 3, "network": "dynunet"},
        "slices": {"neighbours": 1},
    }
    for name, options in kinds.items():
        model = tmp_path / name
        train_segmenter(data, recipe(updates=2, **options), model, say=quiet)
        found = predict(model, data, tmp_path / f"{name}-drawn")
        assert not found.failed
        drawn = open_dataset(images=data.root / "images", labels=tmp_path / f"{name}-drawn")
        (ref,) = drawn.cases[0].labels
        assert read_label(ref).grid.shape == (20, 24, 10)


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data", 3))
    nothing = {(case.case_id, name): 0.0 for case in data.cases for name in ("bright", "dark")}
    with pytest.raises(DatasetError):
        train_segmenter(data, recipe(), tmp_path / "model", weights=nothing, say=quiet)
    with pytest.raises(DatasetError):
        train_segmenter(data, recipe(), tmp_path / "model", structures=["liver"], say=quiet)
