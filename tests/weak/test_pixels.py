"""Networks are shown what their authors showed them of a slice, and the way back is right."""

import numpy as np
import pytest
from promptable_slices import slice_of, two_prompts

from segassay.weak.promptable.pixels import Frame, Recipe, show, sigmoid
from segassay.weak.prompts import BoolArray, prompts

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_golden_values_of_a_constant_slice() -> None:
    """128 of 255 through ImageNet's mean and spread, by hand; MedSAM stretches nothing to zero."""
    image = np.full((10, 20, 3), 128 / 255, dtype=np.float32)
    expected = [0.074065, 0.205182, 0.426492]
    assert np.allclose(
        [(128 / 255 - m) / s for m, s in zip(MEAN, STD, strict=True)], expected, atol=1e-5
    )
    pixels, frame = show(image, Recipe.SAM, 64)
    assert frame == Frame((10, 20), (32, 64), 64)
    assert np.allclose(pixels[:, :32], np.array(expected)[:, None, None], atol=1e-5)
    assert (pixels[:, 32:] == 0).all()
    pixels, frame = show(image, Recipe.SAM2, 64)
    assert frame.inner == (64, 64)
    assert np.allclose(pixels, np.array(expected)[:, None, None], atol=1e-5)
    assert (show(image, Recipe.MEDSAM, 64)[0] == 0).all()
    assert (show(image, Recipe.MEDFICIENT, 64)[0] == 0).all()


@pytest.mark.parametrize("shape", [(40, 72), (90, 31), (64, 64), (7, 300)])
def test_sam_sees_what_the_processor_of_transformers_shows(shape: tuple[int, int]) -> None:
    module = pytest.importorskip("transformers.models.sam.image_processing_pil_sam")
    processor = module.SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    )
    image = slice_of(shape)
    picture = np.rint(image * 255).astype(np.uint8)
    theirs = processor(images=picture, return_tensors="np", input_data_format="channels_last")
    pixels, frame = show(image, Recipe.SAM, 64)
    assert frame.inner == tuple(theirs["reshaped_input_sizes"][0])
    assert np.abs(pixels - theirs["pixel_values"][0]).max() < 1e-5


@pytest.mark.parametrize("shape", [(40, 72), (90, 131)])
def test_sam2_sees_a_slice_squashed_with_antialiasing(shape: tuple[int, int]) -> None:
    """As SAM2Transforms does it: torchvision's resize of floats is this function of torch."""
    torch = pytest.importorskip("torch")
    image = slice_of(shape)
    tensor = torch.from_numpy(image.transpose(2, 0, 1))[None]
    resized = torch.nn.functional.interpolate(tensor, (64, 64), mode="bilinear", antialias=True)
    theirs = (resized[0].numpy().transpose(1, 2, 0) - MEAN) / STD
    assert np.abs(show(image, Recipe.SAM2, 64)[0].transpose(1, 2, 0) - theirs).max() < 1e-4


def test_medsam_sees_a_slice_squashed_and_stretched() -> None:
    """A ramp stays one under a cubic spline; bytes are cut off, the ends become 0 and 1."""
    ramp = np.arange(64) * 3 + 20
    image = np.repeat(np.tile(ramp / 255, (32, 1))[..., None], 3, axis=2).astype(np.float32)
    pixels, frame = show(image, Recipe.MEDSAM, 128)
    assert frame.inner == (128, 128)
    assert (pixels.min(), pixels.max()) == (0, 1)
    middle = np.arange(16, 112)
    expected = np.floor(3 * ((middle + 0.5) / 2 - 0.5) + 20 + 1e-6)
    found = pixels[0, 64, middle] * (ramp[-1] - ramp[0]) + ramp[0]
    assert np.abs(found - expected).max() < 1.001
    assert np.abs(pixels - pixels[:, :1]).max() < 0.01
    assert np.array_equal(pixels[0], pixels[2])


def test_medsam_blurs_what_it_reduces() -> None:
    """Stripes finer than the square's pixels become grey, not stripes of another width."""
    image = np.zeros((256, 256, 3), dtype=np.float32)
    image[:, ::2] = 1
    image[:128] = 0.5
    image[0, :2] = [[1.0] * 3, [0.0] * 3]
    pixels, _ = show(image, Recipe.MEDSAM, 32)
    low = pixels[0, 20:, 2:-2]
    assert float(low.std()) < 0.2


def test_points_and_boxes_lie_where_they_lay() -> None:
    shape = (40, 80)
    found = two_prompts(shape)
    frame = Frame.of(shape, 64, squash=False)
    assert frame.inner == (32, 64)
    top, left, bottom, right = found[0].box
    assert frame.boxes(found)[0].tolist() == pytest.approx(
        [left * 0.8, top * 0.8, right * 0.8, bottom * 0.8]
    )
    row, column = found[0].inside
    assert frame.points(found[:1])[0, 0].tolist() == pytest.approx([column * 0.8, row * 0.8])
    squashed = Frame.of(shape, 64, squash=True)
    assert squashed.points(found[:1])[0, 0].tolist() == pytest.approx([column * 0.8, row * 1.6])


@pytest.mark.parametrize("squash", [True, False])
@pytest.mark.parametrize("shape", [(40, 80), (80, 40), (33, 33)])
def test_a_mask_comes_back_from_the_square(shape: tuple[int, int], squash: bool) -> None:
    mask = np.zeros(shape, dtype=np.float32)
    mask[4:20, 6:25] = 1
    frame = Frame.of(shape, 128, squash=squash)
    logits = frame.mask_logits(prompts(mask), 64)
    assert logits.shape == (1, 64, 64)
    assert np.abs(logits).max() == pytest.approx(np.log(999), rel=1e-3)
    back = sigmoid(frame.back(logits))[0]
    assert back.shape == shape
    assert _dice(back >= 0.5, mask > 0) > 0.93


def _dice(a: BoolArray, b: BoolArray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_extreme_proportions_and_nothing_at_all() -> None:
    pixels, frame = show(slice_of((1, 500)), Recipe.SAM, 64)
    assert (pixels.shape, frame.inner) == ((3, 64, 64), (1, 64))
    assert frame.back(np.zeros((0, 16, 16), dtype=np.float32)).shape == (0, 1, 500)
    assert np.array_equal(sigmoid(np.array([-1e9, 0, 1e9], dtype=np.float32)), [0, 0.5, 1])
