"""The judge in a training loop says what the judge in its ONNX file says."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from segassay.errors import UsageError  # noqa: E402
from segassay.geometry.grid import Grid  # noqa: E402
from segassay.images.slicing import as_planes  # noqa: E402
from segassay.images.volume import Volume  # noqa: E402
from segassay.judge.engines.onnx_engine import OnnxEngine  # noqa: E402
from segassay.judge.inputs.preprocess import JudgePreprocess, plane_stack  # noqa: E402
from segassay.judge.scoring import load_judge  # noqa: E402
from segassay.semisup.torch_judge import Scene, TorchJudge  # noqa: E402
from segassay.types import Modality  # noqa: E402

CLOSE = 1e-4
"""Parity that is promised."""


def pictures(n: int = 4, shape: tuple[int, int] = (70, 90)) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs on noise, and masks beside them, one off centre at the border."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    images, masks = [], []
    for _ in range(n):
        row, column, radius = rng.integers(0, shape[0]), rng.integers(15, 70), rng.integers(6, 22)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        images.append(rng.normal(100, 8, shape) + 60 * disc)
        masks.append((rows - row - 3) ** 2 + (columns - column + 2) ** 2 < (radius + 2) ** 2)
    return np.stack(images).astype(np.float32), np.stack(masks)


def asked(judge: TorchJudge, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    found = judge(torch.from_numpy(images)[:, None], torch.from_numpy(masks).float()[:, None])
    return np.asarray(found.dice[:, 0])


@pytest.mark.parametrize(
    ("name", "modality", "spacing"),
    [
        (None, None, None),
        ("skin_lesion", Modality.DERMOSCOPY, None),
        ("liver", Modality.CT, (0.8, 1.3)),
    ],
)
def test_scores_of_pictures_are_those_of_the_judge(
    name: str | None, modality: Modality | None, spacing: tuple[float, float] | None
) -> None:
    judge = load_judge("judge-small")
    twin = TorchJudge(judge, [name], Scene(modality, spacing))
    images, masks = pictures()
    found = asked(twin, images, masks)
    for image, mask, own in zip(images, masks, found, strict=True):
        volume, voxels = _volume(image, mask, spacing)
        (expected,) = judge.raw_scores(volume, [(name, voxels)], modality=modality)
        assert own == pytest.approx(expected, abs=CLOSE)


def _volume(
    image: np.ndarray, mask: np.ndarray, spacing: tuple[float, float] | None
) -> tuple[Volume, np.ndarray]:
    from segassay.judge.inputs.arrays_and_files import image_and_mask

    return image_and_mask(image, mask, spacing)


def test_slices_of_volumes_are_seen_between_their_neighbours() -> None:
    """What the network draws of a slice, and its presence, are those of the ONNX file."""
    judge = load_judge("judge-small")
    rng = np.random.default_rng(1)
    array = rng.normal(50, 20, (60, 48, 5)).astype(np.float32)
    mask = np.zeros(array.shape, dtype=np.bool_)
    mask[20:34, 10:30, 1:4] = True
    array[mask] += 80
    grid = Grid(array.shape, np.diag([0.9, 1.1, 4.0, 1.0]))
    volume = Volume(array, grid, anatomical=True, spacing_known=True)
    settings = JudgePreprocess(**judge.folder.meta.preprocess.model_dump())
    stack = plane_stack(volume)
    planes = as_planes(mask, stack.axis)
    seen = settings(
        stack, planes[2], 2, settings.frame(planes[2], stack.pixel_mm), name="liver",
        modality=Modality.MR,
    )  # fmt: skip
    answer = OnnxEngine(judge.folder.onnx, settings)([seen])
    scene = Scene(Modality.MR, stack.pixel_mm, stack.thickness_mm, in_volume=True)
    twin = TorchJudge(judge, ["liver"], scene)
    image = torch.from_numpy(stack.every()[1:4].copy())[None]
    marked = torch.from_numpy(planes[2].copy()).float()[None, None]
    (look,) = [
        twin._look(image, marked[0], marked[0], torch.zeros(1, dtype=torch.long), 1.0,
                   full_gradient=False)
    ]  # fmt: skip
    np.testing.assert_allclose(look.map.numpy(), answer.map, atol=CLOSE)
    found = twin(image, marked)
    assert float(found.presence) == pytest.approx(float(answer.presence[0]), abs=CLOSE)


def test_blocks_are_judged_by_some_of_their_slices() -> None:
    images, masks = pictures(1)
    block = torch.from_numpy(images)[:, None, None].expand(-1, -1, 5, -1, -1)
    marked = torch.zeros(1, 1, 5, *images.shape[1:])
    marked[0, 0, 1:4] = torch.from_numpy(masks[0]).float()
    twin = TorchJudge("judge-small", scene=Scene(in_volume=True))
    slices = twin(block[:, 0, :1], marked[:, :, 2])
    assert float(twin(block, marked).dice) == pytest.approx(float(slices.dice), abs=1e-3)


def test_scores_are_calibrated_as_the_judge_does() -> None:
    judge = load_judge("judge-small")
    curve = judge.folder.calibration
    assert curve is not None
    twin = TorchJudge(judge)
    raw = torch.tensor([[0.0, 0.2, 0.731, 0.95, 1.0, torch.nan]])
    found = twin._calibrated(raw)[0].numpy()
    expected = np.interp(raw[0].numpy(), curve.raw, curve.expected)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_empty_masks_have_no_dice_and_only_known_names_a_presence() -> None:
    images, _ = pictures(2)
    nothing = torch.zeros(2, 2, *images.shape[1:])
    found = TorchJudge("judge-small", [None, "liver"])(torch.from_numpy(images)[:, None], nothing)
    assert found.dice.isnan().all()
    assert found.presence[:, 0].isnan().all()
    assert ((found.presence[:, 1] >= 0) & (found.presence[:, 1] <= 1)).all()
    assert not found.absent_ok[:, 0].any()


def test_wrong_pixels_are_found_where_the_mask_is_wrong() -> None:
    images, _ = pictures(1, (64, 64))
    rows, columns = np.mgrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 24) ** 2 < 100
    images = (np.random.default_rng(0).normal(100, 5, (1, 64, 64)) + 90 * disc).astype(np.float32)
    extra = (rows > 28) & (rows < 36) & (columns > 33) & (columns < 56)
    twin = TorchJudge("judge-small")
    marked = torch.from_numpy((disc | extra)[None, None]).float()
    wrong = twin.errors(torch.from_numpy(images)[:, None], marked)[0, 0].numpy()
    assert wrong.min() >= 0
    assert wrong.max() <= 1
    assert wrong[extra & ~disc].mean() > wrong[disc].mean() + 0.3


def test_the_gradient_flows_through_the_mask_alone_unless_it_is_asked_for() -> None:
    images, masks = pictures(2)
    image = torch.from_numpy(images)[:, None]
    twin = TorchJudge("judge-small")
    slopes = []
    for full in (False, True):
        m = (0.2 + 0.6 * torch.from_numpy(masks).float())[:, None].requires_grad_()
        twin(image, m, soft=True, full_gradient=full).dice.sum().backward()
        assert m.grad is not None
        assert m.grad.isfinite().all()
        slopes.append(m.grad)
    assert not torch.allclose(*slopes)
    assert all(p.grad is None for p in twin.parameters())
    assert not twin(image, m).dice.requires_grad


def test_the_judge_never_learns() -> None:
    twin = TorchJudge("judge-small")
    holder = torch.nn.Sequential(twin).train()
    assert not any(part.training for part in holder[0].modules())
    assert not any(p.requires_grad for p in holder.parameters())


@pytest.mark.parametrize("shape", [(2, 2, 8, 8), (2, 1, 8, 9), (1, 1, 8, 8)])
def test_images_and_masks_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        TorchJudge("judge-small")(torch.zeros(2, 1, 8, 8), torch.zeros(shape))


def test_judges_of_other_kinds_are_refused() -> None:
    weights = Path(__file__).parents[2] / "weights"
    with pytest.raises(UsageError):
        TorchJudge(weights / "judge-context")
