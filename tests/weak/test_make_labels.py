"""Reference cases in, weak labels out: chosen, explained, resumed, and learned from."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("monai", reason="needs the train extra")

from conftest import write_picture
from segassay.cli.app import main
from segassay.datasets.case import Dataset
from segassay.datasets.opening import open_dataset, open_images
from segassay.errors import DatasetError, UsageError
from segassay.files.strict_json import strict_json
from segassay.images.io import read_image
from segassay.judge.scoring import Judge, load_judge
from segassay.metrics.overlap import dice
from segassay.segment.recipe import read_segmentation_recipe
from segassay.types import ExitCode
from segassay.weak.gate import Status
from segassay.weak.make_labels import (
    PROVENANCE,
    WEIGHTS,
    WeakResult,
    WeakSettings,
    make_weak_labels,
    train_on_weak_labels,
    weak_dataset,
)
from segassay.weak.promptable import open_promptable
from segassay.weak.promptable.protocol import OpenedSlice, PromptKind
from segassay.weak.prompts import Prompt

RECIPE = read_segmentation_recipe(
    None, width=8, patch=32, batch=4, updates=80, augment=False, learning_rate=1e-2
)
HOW = WeakSettings(RECIPE, threads=1)
Floats = NDArray[np.float32]


class BrightPart:
    """Draws what is bright in the box of a prompt: right for a bright disc."""

    name = "bright-part"
    kinds = (PromptKind.BOX,)

    def open_slice(self, image: Floats) -> OpenedSlice:
        """Keep the slice."""
        return _Opened(image)


class _Opened:
    def __init__(self, image: Floats) -> None:
        self.image = image

    def draw(self, prompts: Sequence[Prompt], kind: PromptKind) -> Floats:
        """Draw by a threshold within each box."""
        del kind
        drawn = np.zeros((len(prompts), *self.image.shape[:2]), dtype=np.float32)
        for number, prompt in enumerate(prompts):
            top, left, bottom, right = prompt.box
            part = (slice(top, bottom + 1), slice(left, right + 1))
            drawn[(number, *part)] = self.image[(*part, 0)] > 0.65
        return drawn


def discs(root: Path, first: int, n: int, *, masks: bool = True) -> Path:
    """Pictures of a bright disc on noise."""
    rows, columns = np.mgrid[:48, :56]
    for number in range(first, first + n):
        rng = np.random.default_rng(number)
        row, column = rng.integers(16, 32), rng.integers(16, 40)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < rng.integers(50, 110)
        image = rng.normal(90, 8, (48, 56)) + 90 * disc
        write_picture(root / "images" / f"s{number}.png", image.clip(0, 255).astype(np.uint8))
        if masks:
            write_picture(root / "masks" / "disc" / f"s{number}.png", 255 * disc.astype(np.uint8))
    return root


def quiet(line: str) -> None:
    del line


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge("judge-small", threads=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weak")
    discs(root / "gold", 0, 8)
    discs(root / "new", 6, 8)  # two of them are reference cases
    return root


def run(data: Path, out: Path, judge: Judge, gold: Dataset | None = None) -> WeakResult:
    return make_weak_labels(
        open_images(data / "new" / "images"),
        gold or open_dataset(data / "gold"),
        out,
        HOW,
        judge=judge,
        segmenters=[BrightPart()],
        say=quiet,
    )


@pytest.fixture(scope="module")
def made(data: Path, judge: Judge) -> tuple[Path, WeakResult]:
    return data / "out", run(data, data / "out", judge)


def test_labels_are_right_explained_and_open_as_a_data_set(
    made: tuple[Path, WeakResult], data: Path
) -> None:
    out, result = made
    assert (result.n_images, result.n_reference, result.failed) == (6, 8, ())
    opened = open_dataset(images=data / "new" / "images", labels=out / "labels")
    labelled = [case for case in opened.cases if case.labels]
    n_good = result.statuses.get(Status.KEPT, 0) + result.statuses.get(Status.REPAIRED, 0)
    assert len(labelled) == n_good >= 4
    for case in labelled:
        drawn = read_image(case.labels[0].path).array > 0
        true = read_image(data / "new" / "masks" / "disc" / f"{case.case_id}.png").array > 0
        assert dice(drawn, true) > 0.85
    record = json.loads((out / PROVENANCE / "s9.json").read_bytes())
    names = {candidate["name"] for candidate in record["labels"][0]["candidates"]}
    assert {"coarse", "bright-part:box", "consensus"} <= names


def test_reference_cases_among_the_images_get_no_weak_label(
    made: tuple[Path, WeakResult],
) -> None:
    out, _ = made
    assert not (out / "labels" / "disc" / "s6.png").exists()
    assert json.loads((out / PROVENANCE / "s6.json").read_bytes())["reference"] is True


def test_the_table_of_weights_says_what_each_label_counts(made: tuple[Path, WeakResult]) -> None:
    out, result = made
    with (out / WEIGHTS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result.n_images
    assert all(0 <= float(row["weight"]) <= 1 for row in rows)
    assert (out / "preview.html").stat().st_size > 500


def test_a_second_run_does_nothing_anew_and_a_lost_label_is_made_again(
    made: tuple[Path, WeakResult], data: Path, judge: Judge
) -> None:
    out, first = made
    labels = sorted((out / "labels" / "disc").iterdir())
    before = {path: path.read_bytes() for path in labels}
    labels[0].unlink()
    again = run(data, out, judge)
    assert again.statuses == first.statuses
    assert again.n_before == 7  # of 8 records, those of two reference cases among them
    assert {path: path.read_bytes() for path in labels} == before


def test_other_reference_cases_need_another_folder(
    made: tuple[Path, WeakResult], data: Path, judge: Judge, tmp_path: Path
) -> None:
    out, _ = made
    other = open_dataset(discs(tmp_path / "gold", 30, 6))
    with pytest.raises(UsageError):
        run(data, out, judge, other)


def test_too_few_reference_subjects_are_refused(data: Path, judge: Judge, tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        run(data, tmp_path / "out", judge, open_dataset(discs(tmp_path / "gold", 30, 2)))
    assert not (tmp_path / "out").exists()


def test_a_damaged_image_costs_itself(data: Path, judge: Judge, tmp_path: Path) -> None:
    images = discs(tmp_path / "new", 50, 2, masks=False) / "images"
    (images / "s99.png").write_bytes(b"no picture")
    result = make_weak_labels(
        open_images(images),
        open_dataset(data / "gold"),
        data / "out",
        HOW,
        judge=judge,
        segmenters=[BrightPart()],
        say=quiet,
    )
    assert [case_id for case_id, _ in result.failed] == ["s99"]
    assert result.exit_code is ExitCode.CASES_FAILED
    assert result.n_images == 3


def test_reference_and_weak_labels_train_together(
    made: tuple[Path, WeakResult], data: Path
) -> None:
    out, _ = made
    images, gold = open_images(data / "new" / "images"), open_dataset(data / "gold")
    both, weights = weak_dataset(out, images, gold)
    weak = [case for case in both.cases if case.labels[0].source == "weak"]
    assert len(both.cases) == 8 + len(weak)
    assert {(case.case_id, "disc") for case in weak} == set(weights)
    found = train_on_weak_labels(images, gold, out, HOW, say=quiet)
    assert found.n_validation == 2  # a fifth of the reference subjects
    assert found.n_training == 6 + len(weak)
    assert found.dice > 0.8


def test_the_command_goes_on_and_says_what_was_made(
    made: tuple[Path, WeakResult],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, result = made
    monkeypatch.setattr(open_promptable, "open_promptable", lambda *_, **__: BrightPart())
    config = tmp_path / "recipe.yaml"
    config.write_text(strict_json(RECIPE.model_dump(mode="json")))  # JSON is YAML
    command = ["weak", str(data / "new" / "images"), "--gold", str(data / "gold")]
    options = ["--segmenter", "bright-part", "--json", "-q"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "-o", str(out), "--config", str(config), *options])
    assert ended.value.code == ExitCode.DONE
    said = json.loads(capsys.readouterr().out)
    assert said["before"] == 8
    assert said["labels"] == {status.value: n for status, n in result.statuses.items()}
