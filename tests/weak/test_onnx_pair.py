"""Pairs of ONNX files are understood by what they take, whoever exported them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the train extra")

from promptable_slices import slice_of, two_prompts  # noqa: E402

from segassay.errors import ModelError, UsageError  # noqa: E402
from segassay.types import Engine  # noqa: E402
from segassay.weak.promptable.onnx_pair import OnnxPair  # noqa: E402
from segassay.weak.promptable.open_promptable import open_promptable  # noqa: E402
from segassay.weak.promptable.pixels import Recipe  # noqa: E402
from segassay.weak.promptable.protocol import PromptKind  # noqa: E402
from segassay.weak.prompts import BoolArray, Prompt  # noqa: E402

SHAPE = (40, 80)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'

ENCODER = """
encode (float[1,3,64,64] images) => (float[1,3,4,4] embeddings)
{ embeddings = AveragePool<kernel_shape = [16, 16], strides = [16, 16]>(images) }
"""

BOX = """
    zero = Constant<value = int64 {0}>()
    one = Constant<value = int64 {1}>()
    first = Gather<axis = 0>(corners, zero)
    last = Gather<axis = 0>(corners, one)
    x0 = Gather<axis = 0>(first, zero)
    y0 = Gather<axis = 0>(first, one)
    x1 = Gather<axis = 0>(last, zero)
    y1 = Gather<axis = 0>(last, one)
    a = Sub(gx, x0)
    b = Sub(x1, gx)
    c = Sub(gy, y0)
    d = Sub(y1, gy)
    e = Min(a, b)
    f = Min(c, d)
    inside = Min(e, f)
"""
"""How far a pixel lies inside the rectangle of two corners (2, 2): x and y; gx, gy are middles."""


def grid(size: str, step: str) -> str:
    """Middles of `size` pixels, each `step` wide, in the units of the prompt."""
    return f"""
    none = Constant<value = int64 {{0}}>()
    unit = Constant<value = int64 {{1}}>()
    count = Constant<value = int64 {{{size}}}>()
    whole = Range(none, count, unit)
    numbers = Cast<to = 1>(whole)
    half = Constant<value = float {{0.5}}>()
    step = Constant<value = float {{{step}}}>()
    middles = Add(numbers, half)
    places = Mul(middles, step)
    shape_x = Constant<value = int64[4] {{1, 1, 1, -1}}>()
    shape_y = Constant<value = int64[4] {{1, 1, -1, 1}}>()
    gx = Reshape(places, shape_x)
    gy = Reshape(places, shape_y)
"""


SAM_DECODER = f"""
decode (float[1,3,4,4] image_embeddings, float[1,n,2] point_coords, float[1,n] point_labels,
        float[1,1,16,16] mask_input, float[1] has_mask_input, float[2] orig_im_size)
    => (float[a,b,c,d] masks, float[1,1] iou_predictions, float[1,1,16,16] low_res_masks)
{{
    {grid("16", "4.0")}
    flat = Constant<value = int64[2] {{-1, 2}}>()
    corners = Reshape(point_coords, flat)
    {BOX}
    hundred = Constant<value = float {{100.0}}>()
    told = Mul(has_mask_input, hundred)
    of_mask = Mul(mask_input, told)
    low_res_masks = Add(inside, of_mask)
    masks = Identity(low_res_masks)
    iou_predictions = ReduceMean<axes = [1, 2, 3], keepdims = 0>(inside)
}}
"""

CONSTANT_DECODER = """
decode (float[1,3,4,4] image_embeddings, float[1,n,2] point_coords, float[1,n] point_labels)
    => (float[1,1,4,4] masks)
{ masks = ReduceMean<axes = [1], keepdims = 1>(image_embeddings) }
"""

EFFICIENT_ENCODER = """
encode (float[1,3,h,w] batched_images) => (float[1,3,1,1] image_embeddings)
{ image_embeddings = ReduceMax<axes = [2, 3], keepdims = 1>(batched_images) }
"""

EFFICIENT_DECODER = f"""
decode (float[1,3,1,1] image_embeddings, float[1,q,p,2] batched_point_coords,
        float[1,q,p] batched_point_labels, int64[2] orig_im_size)
    => (float[1,1,3,h,w] output_masks, float[1,1,3] iou_predictions)
{{
    none = Constant<value = int64 {{0}}>()
    unit = Constant<value = int64 {{1}}>()
    rows = Gather<axis = 0>(orig_im_size, none)
    columns = Gather<axis = 0>(orig_im_size, unit)
    all_y = Range(none, rows, unit)
    all_x = Range(none, columns, unit)
    float_y = Cast<to = 1>(all_y)
    float_x = Cast<to = 1>(all_x)
    shape_x = Constant<value = int64[4] {{1, 1, 1, -1}}>()
    shape_y = Constant<value = int64[4] {{1, 1, -1, 1}}>()
    gx = Reshape(float_x, shape_x)
    gy = Reshape(float_y, shape_y)
    flat = Constant<value = int64[2] {{-1, 2}}>()
    corners = Reshape(batched_point_coords, flat)
    {BOX}
    less = Constant<value = float {{50.0}}>()
    half = Constant<value = float {{0.5}}>()
    right = Add(inside, half)
    wrong = Sub(inside, less)
    axis = Constant<value = int64[1] {{1}}>()
    three = Concat<axis = 1>(wrong, right, wrong)
    output_masks = Unsqueeze(three, axis)
    iou_predictions = Constant<value = float[1,1,3] {{0.2, 0.9, 0.3}}>()
}}
"""

MEDFICIENT_ENCODER = """
encode (uint8[h,w,3] image, int16[2] original_size) => (float[1,1,1,1] image_embeddings)
{
    seen = Cast<to = 1>(image)
    mean = ReduceMean<axes = [0, 1, 2], keepdims = 0>(seen)
    size = Cast<to = 1>(original_size)
    nothing = Constant<value = float {0.0}>()
    sum = ReduceSum<keepdims = 0>(size)
    none = Mul(sum, nothing)
    both = Add(mean, none)
    shape = Constant<value = int64[4] {1, 1, 1, 1}>()
    image_embeddings = Reshape(both, shape)
}
"""

MEDFICIENT_DECODER = f"""
decode (float[1,1,1,1] image_embeddings, float[4] boxes) => (float[1,1,64,64] masks)
{{
    {grid("64", "0.015625")}
    flat = Constant<value = int64[2] {{2, 2}}>()
    corners = Reshape(boxes, flat)
    {BOX}
    thousand = Constant<value = float {{1000.0}}>()
    zero_float = Constant<value = float {{0.0}}>()
    drawn = Mul(inside, thousand)
    no_image = Mul(image_embeddings, zero_float)
    masks = Add(drawn, no_image)
}}
"""


def pair(folder: Path, encoder: str, decoder: str) -> Path:
    """Write a pair under the names that MobileSAM's have."""
    folder.mkdir(exist_ok=True)
    for name, text in (("encoder", encoder), ("decoder", decoder)):
        model = onnx.parser.parse_model(HEAD + text)
        onnx.save(model, str(folder / f"mobile_sam.{name}.onnx"))
    return folder


def box_of(one: Prompt) -> BoolArray:
    """The pixels of a prompt's box."""
    mask = np.zeros(SHAPE, dtype=np.bool_)
    top, left, bottom, right = one.box
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def overlap(a: BoolArray, b: BoolArray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("engine", list(Engine))
def test_a_pair_exported_as_sam_draws_boxes_where_they_are(tmp_path: Path, engine: Engine) -> None:
    if engine is Engine.OPENVINO:
        pytest.importorskip("openvino", reason="needs the fast extra")
    segmenter = open_promptable(str(pair(tmp_path / "p", ENCODER, SAM_DECODER)), engine=engine)
    assert isinstance(segmenter, OnnxPair)
    assert segmenter.recipe is Recipe.SAM
    assert segmenter.kinds == (PromptKind.BOX, PromptKind.MASK, PromptKind.POINTS)
    both = two_prompts(SHAPE)
    seen = segmenter.open_slice(slice_of(SHAPE))
    drawn = seen.draw(both, PromptKind.BOX)
    assert drawn.shape == (2, *SHAPE)
    assert overlap(drawn[0] >= 0.5, box_of(both[0])) > 0.8
    assert drawn[1].argmax() in np.flatnonzero(box_of(both[1]))
    assert seen.draw([], PromptKind.BOX).shape == (0, *SHAPE)


def test_a_mask_prompt_reaches_the_decoder(tmp_path: Path) -> None:
    segmenter = open_promptable(str(pair(tmp_path / "p", ENCODER, SAM_DECODER)))
    one = two_prompts(SHAPE)[0]
    component = np.roll(one.component, 4, axis=0)
    drawn = segmenter.open_slice(slice_of(SHAPE)).draw(
        [replace(one, component=component)], PromptKind.MASK
    )
    assert overlap(drawn[0] >= 0.5, component) > 0.8


def test_points_come_with_their_labels_and_one_of_none(tmp_path: Path) -> None:
    decoder = SAM_DECODER.replace(
        "low_res_masks = Add(inside, of_mask)",
        """nothing = Constant<value = float {0.0}>()
    zeros = Mul(inside, nothing)
    squares = Mul(point_labels, point_labels)
    of_labels = ReduceSum<keepdims = 0>(squares)
    low_res_masks = Add(zeros, of_labels)""",
    )
    segmenter = open_promptable(str(pair(tmp_path / "p", ENCODER, decoder)))
    one = two_prompts(SHAPE)[0]
    seen = segmenter.open_slice(slice_of(SHAPE))
    logits = {
        kind: float(np.log(p / (1 - p)))
        for kind in (PromptKind.POINTS, PromptKind.BOX)
        for p in [seen.draw([one], kind)[0, 0, 0]]
    }
    assert logits[PromptKind.POINTS] == pytest.approx(2, abs=1e-3)  # one inside, one of none
    assert logits[PromptKind.BOX] == pytest.approx(4 + 9, abs=0.2)


GREY = float(np.mean([(128 / 255 - m) / s for m, s in zip(MEAN, STD, strict=True)]))


@pytest.mark.parametrize(("prefix", "expected"), [("", GREY), ("medsam:", 0.0)])
def test_the_encoder_is_shown_the_recipe(prefix: str, expected: float, tmp_path: Path) -> None:
    """The decoder gives back the mean of what the encoder saw; the slice is one grey."""
    folder = pair(tmp_path / "p", ENCODER, CONSTANT_DECODER)
    segmenter = open_promptable(f"{prefix}{folder}")
    image = np.full((64, 64, 3), 128 / 255, dtype=np.float32)
    one = two_prompts((64, 64))[:1]
    p = segmenter.open_slice(image).draw(one, PromptKind.BOX)
    assert np.allclose(np.log(p / (1 - p)), expected, atol=1e-4)


def test_a_folder_named_after_medsam_is_shown_its_pixels(tmp_path: Path) -> None:
    names = {
        "medsam-onnx": Recipe.MEDSAM,
        "LiteMedSAM": Recipe.MEDFICIENT,
        "mobile-sam": Recipe.SAM,
    }
    for name, recipe in names.items():
        segmenter = open_promptable(str(pair(tmp_path / name, ENCODER, CONSTANT_DECODER)))
        assert isinstance(segmenter, OnnxPair)
        assert segmenter.recipe is recipe
        assert (PromptKind.POINTS in segmenter.kinds) is (recipe is Recipe.SAM)


def test_a_pair_of_sam2_has_several_embeddings(tmp_path: Path) -> None:
    encoder = """
    encode (float[1,3,64,64] image)
        => (float[1,3,4,4] image_embed, float[1,3,16,16] high_res_feats_0)
    {
        image_embed = AveragePool<kernel_shape = [16, 16], strides = [16, 16]>(image)
        high_res_feats_0 = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(image)
    }
    """
    decoder = """
    decode (float[1,3,16,16] high_res_feats_0, float[1,3,4,4] image_embed,
            float[1,n,2] point_coords, float[1,n] point_labels) => (float[1,1,16,16] masks)
    { masks = ReduceMean<axes = [1], keepdims = 1>(high_res_feats_0) }
    """
    segmenter = open_promptable(str(pair(tmp_path / "p", encoder, decoder)))
    assert isinstance(segmenter, OnnxPair)
    assert segmenter.recipe is Recipe.SAM2
    drawn = segmenter.open_slice(slice_of(SHAPE)).draw(two_prompts(SHAPE), PromptKind.BOX)
    assert drawn.std() > 0.01


def test_efficientsam_takes_the_slice_as_it_is(tmp_path: Path) -> None:
    folder = pair(tmp_path / "p", EFFICIENT_ENCODER, EFFICIENT_DECODER)
    segmenter = open_promptable(str(folder))
    both = two_prompts(SHAPE)
    drawn = segmenter.open_slice(slice_of(SHAPE)).draw(both, PromptKind.BOX)
    for one, p in zip(both, drawn, strict=True):
        assert np.array_equal(p >= 0.5, box_of(one))


def test_one_point_is_all_that_some_take(tmp_path: Path) -> None:
    """EfficientSAM's own export fixes the number of points at one."""
    decoder = EFFICIENT_DECODER.replace("q,p,2", "q,1,2").replace("q,p]", "q,1]")
    decoder = decoder.replace(
        "one = Constant<value = int64 {1}>()", "one = Constant<value = int64 {0}>()"
    )
    folder = pair(tmp_path / "p", EFFICIENT_ENCODER, decoder)
    segmenter = open_promptable(str(folder))
    assert segmenter.kinds == (PromptKind.POINTS,)
    with pytest.raises(UsageError):
        segmenter.open_slice(slice_of(SHAPE)).draw(two_prompts(SHAPE), PromptKind.BOX)
    drawn = segmenter.open_slice(slice_of(SHAPE)).draw(two_prompts(SHAPE), PromptKind.POINTS)
    assert drawn.shape == (2, *SHAPE)


@pytest.mark.parametrize("engine", list(Engine))
def test_medficientsam_takes_boxes_in_shares_of_the_longer_side(
    tmp_path: Path, engine: Engine
) -> None:
    if engine is Engine.OPENVINO:
        pytest.importorskip("openvino", reason="needs the fast extra")
    folder = pair(tmp_path / "p", MEDFICIENT_ENCODER, MEDFICIENT_DECODER)
    segmenter = OnnxPair(
        folder / "mobile_sam.encoder.onnx", folder / "mobile_sam.decoder.onnx", "p", engine=engine
    )
    assert segmenter.kinds == (PromptKind.BOX,)
    assert segmenter.recipe is Recipe.MEDFICIENT
    one = two_prompts(SHAPE)[0]
    drawn = segmenter.open_slice(slice_of(SHAPE)).draw([one], PromptKind.BOX)
    assert overlap(drawn[0] >= 0.5, box_of(one)) > 0.8


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        (ENCODER, "decode (float[1,3,4,4] x) => (float[1,3,4,4] masks) { masks = Identity(x) }"),
        (
            ENCODER,
            CONSTANT_DECODER.replace("masks", "nothing")
            .replace(
                "=> (float[1,1,4,4] nothing)", "=> (float[1,1,4,4] nothing, float[1,3,4,4] other)"
            )
            .replace("{ nothing", "{ other = Identity(image_embeddings) nothing"),
        ),
        ("encode (float[5] x) => (float[5] y) { y = Identity(x) }", CONSTANT_DECODER),
        (
            ENCODER,
            CONSTANT_DECODER.replace("image_embeddings, ", "image_embeddings, float[1] more, "),
        ),
    ],
)
def test_what_is_no_pair_is_refused_in_one_line(encoder: str, decoder: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        open_promptable(str(pair(tmp_path / "odd", encoder, decoder)))
    assert "\n" not in str(caught.value)
    assert "odd" in str(caught.value)


def test_a_pair_that_does_not_run_is_refused_in_one_line(tmp_path: Path) -> None:
    decoder = CONSTANT_DECODER.replace("float[1,n,2]", "float[1,n,3]")
    segmenter = open_promptable(str(pair(tmp_path / "odd", ENCODER, decoder)))
    seen = segmenter.open_slice(slice_of(SHAPE))
    with pytest.raises(ModelError) as caught:
        seen.draw(two_prompts(SHAPE), PromptKind.BOX)
    assert "\n" not in str(caught.value)


def test_a_folder_without_both_files_is_refused(tmp_path: Path) -> None:
    folder = pair(tmp_path / "p", ENCODER, SAM_DECODER)
    (folder / "mobile_sam.encoder.onnx").unlink()
    with pytest.raises(ModelError):
        open_promptable(str(folder))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    folder = pair(tmp_path / "p", ENCODER, SAM_DECODER)
    (folder / "mobile_sam.decoder.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError) as caught:
        open_promptable(str(folder))
    assert "\n" not in str(caught.value)


def test_many_prompts_cost_one_embedding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = open_promptable(str(pair(tmp_path / "p", ENCODER, SAM_DECODER)))
    assert isinstance(segmenter, OnnxPair)
    calls = []
    session = segmenter._encoder

    class Counting:
        get_outputs = session.get_outputs

        def run(self, *arguments: object) -> object:
            calls.append(1)
            return session.run(*arguments)

    monkeypatch.setattr(segmenter, "_encoder", Counting())
    seen = segmenter.open_slice(slice_of(SHAPE))
    for kind in segmenter.kinds:
        seen.draw(two_prompts(SHAPE), kind)
    assert calls == [1]
