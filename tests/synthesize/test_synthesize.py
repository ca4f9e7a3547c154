"""A diffusion model learns, stops and goes on, and draws images that the house opens as its own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("monai", reason="needs the train extra")
pytest.importorskip("einops", reason="needs the train extra")

import torch
from monai.networks.schedulers import DDPMScheduler
from PIL import Image

from conftest import write_nifti, write_picture
from segassay.cli.app import main
from segassay.datasets.opening import open_dataset, open_images
from segassay.errors import DatasetError, ModelError, UsageError
from segassay.images.io import read_image, read_label
from segassay.segment.recipe import read_recipe
from segassay.synthesize.denoiser import Denoiser, sample
from segassay.synthesize.make_images import SynthesisResult, synthesize
from segassay.synthesize.masks import varied
from segassay.synthesize.model_folder import CHECKPOINT, open_synthesizer
from segassay.synthesize.nearest import Nearest, TrainingDistances
from segassay.synthesize.recipe import SynthesisRecipe
from segassay.synthesize.train_synthesizer import train_synthesizer
from segassay.synthesize.training_images import INSIDE, OUTSIDE, UNKNOWN, gather_images
from segassay.types import ExitCode, say_nothing

QUICK = {
    "size": 16,
    "widths": (8, 16),
    "batch": 4,
    "updates": 4,
    "sampling_steps": 2,
    "save_every": 2,
    "least_ratio": 0,
}


def recipe(**options: Any) -> SynthesisRecipe:
    return read_recipe(SynthesisRecipe, None, **{**QUICK, **options})


def discs(root: Path, n: int = 6, *, colour: bool = False) -> Path:
    """Pictures of 32 x 24 pixels with a bright disc, each a subject's."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:24, :32]
    for number in range(n):
        row, column = rng.integers(8, 16), rng.integers(8, 24)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < 36
        image = (rng.normal(90, 10, disc.shape) + 80 * disc).clip(0, 255).astype(np.uint8)
        if colour:
            image = np.stack([image, image // 2, 255 - image], axis=-1)
        write_picture(root / "images" / f"s{number}.png", image)
        write_picture(root / "masks" / "lesion" / f"s{number}.png", 255 * disc.astype(np.uint8))
    return root


def drawn(data: Path, out: Path, n: int = 3, **options: Any) -> SynthesisResult:
    return synthesize(open_dataset(data), recipe(**options), out, n, say=say_nothing)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.png")}


def test_images_and_their_masks_open_as_a_data_set(tmp_path: Path) -> None:
    data, out = discs(tmp_path / "data", colour=True), tmp_path / "out"
    result = drawn(data, out, with_masks=True)
    assert (result.exit_code, result.n_before, result.undrawn) == (ExitCode.DONE, 0, ())
    found = open_dataset(out)
    assert found.structures == ("lesion",)
    assert [case.case_id for case in found.cases] == [f"synthetic_{n:05d}" for n in (1, 2, 3)]
    for case in found.cases:
        image = read_image(case.images[0])
        with Image.open(case.images[0]) as file:
            assert (file.mode, file.size) == ("RGB", (16, 12))
        mask = np.asarray(read_label(case.labels[0], image).mask(case.labels[0]))
        assert mask.shape == image.grid.shape
        assert 0 < mask.mean() < 0.6
    record = json.loads((out / "synthetic.json").read_text())
    assert record["n_images"] == 3
    assert record["model"]["training_subjects"] == 6
    assert set(record["images"]["synthetic_00002"]) >= {"sha256", "ratio", "nearest", "masks_of"}


def test_more_images_leave_those_before_and_one_missing_is_drawn_as_it_was(tmp_path: Path) -> None:
    data, out = discs(tmp_path / "data"), tmp_path / "out"
    drawn(data, out, 2)
    before = contents(out)
    (out / "images" / "synthetic_00001.png").unlink()
    result = drawn(data, out, 3)
    assert (result.n_images, result.n_before) == (3, 1)
    after = contents(out)
    assert len(after) == 3
    assert before.items() <= after.items()
    assert not (tmp_path / "out" / "masks").exists()
    assert len({bytes(one) for one in after.values()}) == 3


def test_a_training_that_was_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    data = open_dataset(discs(tmp_path / "data"))
    training = gather_images(data, recipe(), say=say_nothing)

    def stop(line: str) -> None:
        if line.startswith("updates 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_synthesizer("data", training, recipe(), tmp_path / "stopped", say=stop)
    lines: list[str] = []
    train_synthesizer("data", training, recipe(), tmp_path / "stopped", say=lines.append)
    assert sum(line.startswith("updates ") for line in lines) == 1
    train_synthesizer("data", training, recipe(), tmp_path / "whole", say=say_nothing)
    (meta, one), (_, other) = (open_synthesizer(tmp_path / name) for name in ("stopped", "whole"))
    assert meta.updates == QUICK["updates"]
    assert not (tmp_path / "stopped" / CHECKPOINT).exists()
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name]), name


def test_what_another_recipe_or_other_images_made_is_left_alone(tmp_path: Path) -> None:
    data, out = discs(tmp_path / "data"), tmp_path / "out"
    drawn(data, out, 1)
    before = contents(out)
    with pytest.raises(UsageError):
        drawn(data, out, 2, seed=1)
    write_picture(data / "images" / "s0.png", np.arange(768, dtype=np.uint8).reshape(24, 32))
    with pytest.raises(UsageError):
        drawn(data, out, 2)
    with pytest.raises(UsageError):  # the images of patients are no folder for synthetic ones
        drawn(data, data, 2)
    card = out / "model" / "card.md"
    card.write_text(card.read_text() + "!")
    discs(data)
    with pytest.raises(ModelError):
        drawn(data, out, 2)
    assert contents(out) == before


def test_the_network_sees_masks_and_images_follow_from_noise() -> None:
    settings = recipe(with_masks=True)
    torch.manual_seed(0)
    net = Denoiser(settings, channels=3, structures=2).eval()
    torch.nn.init.normal_(net.net.out[-1].conv.weight)  # MONAI begins with zeros
    noise = torch.randn(2, 3, 16, 12)
    masks = torch.ones(2, 2, 16, 12)
    images = sample(net, settings, noise, masks)
    assert images.shape == noise.shape
    assert images.abs().max() <= 1
    assert torch.equal(images, sample(net, settings, noise, masks))
    assert not torch.equal(images, sample(net, settings, noise, -masks))


def test_before_any_update_the_velocity_is_what_a_pixel_tells_by_itself() -> None:
    """Least squares of the velocity on noisy pixels of the assumed spread give the same line."""
    torch.manual_seed(0)
    net, level = Denoiser(recipe(), channels=1, structures=0), torch.tensor([500])
    scheduler = DDPMScheduler(1000)
    image, noise = torch.randn(1, 1, 128, 128) / 2, torch.randn(1, 1, 128, 128)
    noisy = scheduler.add_noise(image, noise, level)
    velocity = scheduler.get_velocity(image, noise, level)
    slope = float((velocity * noisy).sum() / (noisy**2).sum())
    assert torch.allclose(net(noisy, level), slope * noisy, atol=0.1)
    left = (velocity - net(noisy, level)).detach()
    assert float(left.std()) == pytest.approx(float(net.rest[500]), rel=0.05)


def test_masks_are_varied_together_and_keep_their_values() -> None:
    rows, columns = np.mgrid[:32, :32]
    outer = (rows - 16) ** 2 + (columns - 16) ** 2 < 100
    inner = (rows - 16) ** 2 + (columns - 16) ** 2 < 25
    masks = np.where(np.stack([outer, inner, inner & False]), INSIDE, OUTSIDE).astype(np.int8)
    masks[2] = UNKNOWN
    several = [varied(masks, np.random.default_rng(n)) for n in range(4)]
    assert len({one.tobytes() for one in several}) == 4
    for one in several:
        assert one.dtype == np.int8
        assert set(np.unique(one[:2])) == {INSIDE, OUTSIDE}
        assert (one[2] == UNKNOWN).all()
        assert not ((one[1] == INSIDE) & (one[0] == OUTSIDE)).any()
    assert np.array_equal(several[1], varied(masks, np.random.default_rng(1)))


def smooth(seed: int, n: int) -> np.ndarray[Any, Any]:
    """Random images of a few large blobs, grey."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 1, 4, 3)).astype(np.uint8)
    return coarse.repeat(8, axis=2).repeat(8, axis=3)


def test_copies_are_near_and_further_images_are_not() -> None:
    training = smooth(0, 30)
    distances = TrainingDistances(training, [str(n) for n in range(30)])
    noise = np.random.default_rng(5).normal(0, 8, (3, 1, 32, 24))
    copies = np.stack([training[3], training[4][..., ::-1], training[5][:, ::-1]])
    copies = (copies * 0.8 + 20 + noise).clip(0, 255).astype(np.uint8)
    found = distances.nearest(copies)
    assert [one.index for one in found] == [3, 4, 5]
    assert max(one.ratio for one in found) < 0.4
    assert min(one.ratio for one in distances.nearest(smooth(1, 20))) > 0.6
    assert distances.ratios.min() > 0.5


def test_slices_of_one_subject_are_not_its_own_neighbours() -> None:
    """Two nearly equal slices of a subject would make every copy of one look usual."""
    pairs = smooth(0, 10).repeat(2, axis=0)
    pairs[1::2] = (pairs[1::2] * 0.98).astype(np.uint8)
    subjects = [str(n // 2) for n in range(20)]
    copy = pairs[6:7]
    assert TrainingDistances(pairs, subjects).nearest(copy)[0].ratio < 0.1
    blank = np.zeros((1, 1, 32, 24), dtype=np.uint8)
    near = TrainingDistances(pairs, subjects).nearest(blank)[0]
    assert near.distance == pytest.approx(1)
    assert near.ratio > 0.6


def test_what_is_too_near_is_drawn_again_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first draw of the second image, and every draw of the third, is a copy."""
    calls: list[int] = []

    def nearest(self: object, images: np.ndarray[Any, Any]) -> list[Nearest]:
        calls.append(len(images))
        ratios = {3: [0.9, 0.1, 0.1], 2: [0.7, 0.2], 1: [0.0]}[len(images)]
        return [Nearest(0, ratio, ratio) for ratio in ratios]

    monkeypatch.setattr(TrainingDistances, "nearest", nearest)
    data, out = discs(tmp_path / "data"), tmp_path / "out"
    result = drawn(data, out, least_ratio=0.5)
    assert calls == [3, 2, *[1] * 8]
    assert result.undrawn == ("synthetic_00003",)
    assert (result.too_near, result.exit_code) == (11, ExitCode.CASES_FAILED)
    record = json.loads((out / "synthetic.json").read_text())
    assert (record["n_images"], record["too_near"]) == (2, 11)
    assert [one["too_near"] for one in record["images"].values()] == [0, 1, 10]
    assert set(contents(out / "images")) == {"synthetic_00001.png", "synthetic_00002.png"}


def test_volumes_give_slices_and_what_nobody_labelled_is_unknown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        volume = rng.integers(0, 1000, (20, 20, 6)).astype(np.int16)
        liver = np.zeros(volume.shape, dtype=np.uint8)
        liver[5:12, 5:12, 2:5] = 1
        write_nifti(tmp_path / "images" / f"{name}.nii.gz", volume)
        write_nifti(tmp_path / "labels" / "liver" / f"{name}.nii.gz", liver)
    write_nifti(tmp_path / "labels" / "spleen" / "a.nii.gz", liver)
    data = open_dataset(images=tmp_path / "images", labels=tmp_path / "labels")
    found = gather_images(data, recipe(with_masks=True, slices=2), say=say_nothing)
    assert found.images.shape == (4, 1, 16, 16)
    assert found.structures == ("liver", "spleen")
    assert found.subjects == ("a", "a", "b", "b")
    assert set(np.unique(found.masks[:2])) == {INSIDE, OUTSIDE}
    assert (found.masks[2:, 1] == UNKNOWN).all()
    assert (found.masks[:, 0] == INSIDE).any(axis=(1, 2)).all()
    every = gather_images(data, recipe(), say=say_nothing)
    assert every.images.shape == (12, 1, 16, 16)
    assert every.masks.shape == (12, 0, 16, 16)
    assert every.sha256 != found.sha256


@pytest.mark.parametrize(
    "said",
    [{"size": 20, "patch": 4}, {"widths": (12, 24)}, {"updates": 0}, {"predicts": "x"}, {"no": 1}],
)
def test_recipes_that_cannot_be_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        recipe(**said)


def test_the_published_recipe_is_one() -> None:
    path = Path(__file__).parents[2] / "recipes" / "synthesize-256.yaml"
    found = read_recipe(SynthesisRecipe, path)
    assert (found.size, found.batch, found.learning_rate, found.predicts) == (256, 4, 1e-4, "noise")


def test_data_that_nothing_can_be_learned_from_is_refused(tmp_path: Path) -> None:
    data = discs(tmp_path / "data", 2)
    with pytest.raises(DatasetError):
        synthesize(
            open_dataset(data),
            recipe(with_masks=True),
            tmp_path / "out",
            1,
            structures=["spleen"],
            say=say_nothing,
        )
    (data / "images" / "s1.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError):
        synthesize(open_images(data), recipe(), tmp_path / "out", 1, say=say_nothing)
    assert not (tmp_path / "out").exists()


def test_a_broken_image_costs_itself_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, config = discs(tmp_path / "data"), tmp_path / "recipe.yaml"
    (data / "images" / "s3.png").write_bytes(b"no picture")
    config.write_text(json.dumps({**QUICK, "widths": [8, 16]}))
    words = ["synthesize", "--images", str(data / "images"), "-o", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main([*words, "-n", "2", "--config", str(config), "--updates", "2", "--json"])
    assert ended.value.code == ExitCode.CASES_FAILED
    told = json.loads(capsys.readouterr().out)
    assert (told["images"], list(told["failed"])) == (2, ["s3"])
    assert len(open_images(tmp_path / "out" / "images").cases) == 2
