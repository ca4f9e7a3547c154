"""A segmenter learns from few labels and many images, stops and goes on, and draws."""

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("monai", reason="needs the train extra")

from conftest import write_nifti, write_picture
from segassay.cli.app import main
from segassay.datasets.opening import open_dataset, open_images
from segassay.errors import DatasetError, UsageError
from segassay.segment.model_folder import open_model
from segassay.segment.predict import predict
from segassay.segment.recipe import read_recipe
from segassay.segment.segmenter_training import CURVES
from segassay.semisup.semi_recipe import SemiRecipe
from segassay.semisup.train_semisup import train_semisup
from segassay.types import ExitCode

QUICK = {"width": 8, "patch": 32, "batch": 2, "updates": 8, "look_every": 4, "save_every": 4}
SOON = {"warm_up": 0.0, "ramp": 0.0, "qar_warm_up": 0.0, "qar_ramp": 0.0}


def discs(root: Path, n: int, *, colour: bool = False) -> Path:
    """Pictures of a bright disc on noise, with its mask."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :40]
    for number in range(n):
        row, column = rng.integers(10, 22), rng.integers(10, 28)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < 36
        image = (rng.normal(90, 5, (32, 40)) + 90 * disc).clip(0, 255).astype(np.uint8)
        picture = np.stack([image, image // 2, 255 - image], axis=2) if colour else image
        write_picture(root / "images" / f"s{number}.png", picture)
        write_picture(root / "masks" / "disc" / f"s{number}.png", 255 * disc.astype(np.uint8))
    return root


def recipe(**options: object) -> SemiRecipe:
    return read_recipe(SemiRecipe, None, **{**QUICK, **SOON, **options})


def quiet(line: str) -> None:
    del line


def test_the_command_trains_and_the_model_draws(tmp_path: Path) -> None:
    data = discs(tmp_path / "data", 8)
    (tmp_path / "labelled.txt").write_text("\n".join(f"s{n}.png" for n in range(5)))
    said = "\n".join(f"{key}: {value}" for key, value in {**QUICK, **SOON}.items())
    (tmp_path / "recipe.yaml").write_text(said)
    out = tmp_path / "model"
    words = ["train", "ssl", "--labelled", data, "--split", tmp_path / "labelled.txt", "-o", out]
    words += ["--config", tmp_path / "recipe.yaml", "--method", "mean-teacher", "--quality", "both"]
    words += ["--judge", "judge-small", "--quiet"]
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == ExitCode.DONE
    meta = open_model(out)
    assert meta.noted is not None
    assert meta.noted["method"] == "mean-teacher"
    assert meta.noted["unlabelled_images"] == 3
    assert str(meta.noted["judge_id"]).startswith("judge-small")
    assert "judge" not in meta.noted
    assert meta.training_cases == 4
    rows = list(csv.DictReader((out / CURVES).read_text().splitlines()))
    assert [row["updates"] for row in rows] == ["4", "8"]
    assert all(float(row["unlabelled_loss"]) >= 0 for row in rows)
    found = predict(out, open_images(data / "images"), tmp_path / "drawn")
    assert found.exit_code is ExitCode.DONE


@pytest.mark.parametrize("method", ["cps", "unimatch"])
def test_a_training_that_was_stopped_goes_on(method: str, tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data", 5, colour=True))
    said = recipe(method=method, quality="pl-qw", by_pixel=method == "cps", select="last")

    def stop(line: str) -> None:
        if line.startswith("updates 8"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_semisup(data, data, said, tmp_path / "model", say=stop)
    lines: list[str] = []
    found = train_semisup(data, data, said, tmp_path / "model", say=lines.append)
    assert found.updates == QUICK["updates"]
    assert sum(line.startswith("updates ") for line in lines) == 1
    assert open_model(found.folder).noted is not None
    with pytest.raises(UsageError):
        train_semisup(data, data, recipe(method="ict"), tmp_path / "model", say=quiet)


def test_images_of_validation_subjects_are_not_learned_from(tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data", 5))
    lines: list[str] = []
    said = recipe(method="pseudo-labels", updates=1)
    found = train_semisup(data, data, said, tmp_path / "model", say=lines.append)
    noted = open_model(found.folder).noted
    assert noted is not None
    assert (noted["unlabelled_images"], found.n_validation) == (4, 1)


def test_blocks_are_learned_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        array = rng.normal(0, 1, (32, 32, 32)).astype(np.float32)
        label = np.zeros(array.shape, dtype=np.uint8)
        label[10:20, 8 : 18 + number, 12:22] = 1
        write_nifti(tmp_path / "data" / "images" / f"v{number}.nii.gz", array + 6 * label)
        write_nifti(tmp_path / "data" / "labels" / f"v{number}.nii.gz", label)
    data = open_dataset(
        images=tmp_path / "data" / "images", labels=tmp_path / "data" / "labels", structure="box"
    )
    said = recipe(axes=3, batch=1, updates=2, method="mean-teacher", quality="both", spacing_mm=1.5)
    found = train_semisup(data, data, said, tmp_path / "model", say=quiet)
    assert found.updates == 2


def test_without_images_there_is_nothing_to_add(tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data", 4))
    (tmp_path / "none").mkdir()
    write_picture(tmp_path / "none" / "a.png", np.full((8, 8), 9, dtype=np.uint8))
    none = open_images(tmp_path / "none")
    (tmp_path / "none" / "a.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError):
        train_semisup(data, none, recipe(), tmp_path / "model", say=quiet)
    with pytest.raises(SystemExit) as ended:
        main(["train", "ssl", "--labelled", str(tmp_path / "data"), "-o", str(tmp_path / "model")])
    assert ended.value.code == ExitCode.USAGE
