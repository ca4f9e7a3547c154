"""The SAM family through transformers: opened from disk alone, drawn as the library draws."""

import os
import pickle
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the sam extra")
transformers = pytest.importorskip("transformers", reason="needs the sam extra")

from promptable_samples import HIERA, folder_of, original_layout, tiny  # noqa: E402
from promptable_slices import slice_of, two_prompts  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from segassay.errors import MissingExtraError, ModelError, UsageError  # noqa: E402
from segassay.weak.promptable import original_checkpoint, sam  # noqa: E402
from segassay.weak.promptable.open_promptable import open_promptable  # noqa: E402
from segassay.weak.promptable.pixels import Recipe, show, sigmoid  # noqa: E402
from segassay.weak.promptable.protocol import PromptKind  # noqa: E402
from segassay.weak.promptable.sam import SamSegmenter  # noqa: E402

SHAPE = (40, 72)
KINDS = ["sam", "sam_hq", "sam2"]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a segmenter is read from disk alone")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("transformers")
    return {kind: folder_of(tiny(kind), root / f"tiny-{kind}") for kind in KINDS}


def opened(path: Path, prefix: str = "") -> SamSegmenter:
    found = open_promptable(f"{prefix}{path}")
    assert isinstance(found, SamSegmenter)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_drawn_together_are_drawn_as_alone(kind: str, folders: dict[str, Path]) -> None:
    segmenter = opened(folders[kind])
    assert segmenter.kinds == (PromptKind.BOX, PromptKind.MASK, PromptKind.POINTS)
    seen = segmenter.open_slice(slice_of(SHAPE))
    both = two_prompts(SHAPE)
    drawings = []
    for prompt_kind in segmenter.kinds:
        together = seen.draw(both, prompt_kind)
        assert together.shape == (2, *SHAPE)
        assert together.dtype == np.float32
        assert 0 <= together.min() < together.max() <= 1
        alone = [seen.draw([one], prompt_kind)[0] for one in both]
        assert np.abs(together - alone).max() < 1e-4
        assert np.abs(together[0] - together[1]).max() > 2e-4
        assert seen.draw([], prompt_kind).shape == (0, *SHAPE)
        drawings.append(together)
    assert np.abs(drawings[0] - drawings[1]).max() > 1e-3
    assert np.abs(drawings[0] - drawings[2]).max() > 1e-3


def test_many_prompts_cost_one_embedding(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = opened(folders["sam"])
    embed, calls = segmenter._model.get_image_embeddings, []

    def counting(pixels: Any) -> Any:
        calls.append(pixels.shape)
        return embed(pixels)

    monkeypatch.setattr(segmenter._model, "get_image_embeddings", counting)
    seen = segmenter.open_slice(slice_of(SHAPE))
    first = two_prompts(SHAPE)
    drawn = seen.draw(first * 6, PromptKind.BOX)
    seen.draw(first, PromptKind.POINTS)
    assert calls == [(1, 3, 64, 64)]
    assert np.abs(drawn - np.tile(drawn[:2], (6, 1, 1))).max() < 1e-4


@pytest.mark.parametrize("kind", ["sam", "sam_hq"])
def test_sam_draws_what_transformers_draws(kind: str, folders: dict[str, Path]) -> None:
    """Its processor, its forward pass on the picture, its way back."""
    module = pytest.importorskip("transformers.models.sam.image_processing_pil_sam")
    processor = module.SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    )
    model = tiny(kind)
    image, one = slice_of(SHAPE), two_prompts(SHAPE)[0]
    shown = processor(images=np.rint(image * 255).astype(np.uint8), return_tensors="pt")
    scale = np.array([64 / 72, 36 / 40] * 2)
    top, left, bottom, right = one.box
    box = torch.tensor(np.array([left, top, right, bottom]) * scale, dtype=torch.float32)
    with torch.no_grad():
        answer = model(
            pixel_values=shown["pixel_values"], input_boxes=box[None, None], multimask_output=False
        )
    theirs = processor.post_process_masks(
        answer.pred_masks, shown["original_sizes"], shown["reshaped_input_sizes"], binarize=False
    )
    ours = opened(folders[kind]).open_slice(image).draw([one], PromptKind.BOX)
    assert np.abs(ours - torch.sigmoid(theirs[0][:, 0]).numpy()).max() < 1e-4


def test_of_one_point_the_best_of_three_counts(folders: dict[str, Path]) -> None:
    segmenter = opened(folders["sam"])
    image, one = slice_of(SHAPE), replace(two_prompts(SHAPE)[0], outside=())
    pixels, frame = show(image, Recipe.SAM, 64)
    with torch.no_grad():
        answer = segmenter._model(
            pixel_values=torch.from_numpy(pixels)[None],
            input_points=torch.from_numpy(frame.points([one]))[None],
            multimask_output=True,
        )
    assert answer.pred_masks.shape[2] == 3
    best = answer.pred_masks[0, :, int(answer.iou_scores[0, 0].argmax())].numpy()
    ours = segmenter.open_slice(image).draw([one], PromptKind.POINTS)
    assert np.abs(ours - sigmoid(frame.back(best))).max() < 1e-4


def test_medsam_is_told_by_its_name_or_by_a_prefix(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    named = folder_of(tiny("sam"), tmp_path / "MedSAM-vit")
    for segmenter in (opened(named), opened(folders["sam"], "medsam:")):
        assert segmenter.recipe is Recipe.MEDSAM
        assert segmenter.kinds == (PromptKind.BOX,)
    assert segmenter.name == "medsam-tiny-sam"
    assert opened(folders["sam"], "medsam-points:").kinds == (PromptKind.POINTS,)
    assert opened(named, "sam:").recipe is Recipe.SAM
    with pytest.raises(UsageError):
        opened(named).open_slice(slice_of(SHAPE)).draw(two_prompts(SHAPE), PromptKind.MASK)
    for wrong in (f"medsam:{folders['sam2']}", f"sam:{folders['sam2']}", f"sam2:{folders['sam']}"):
        with pytest.raises(ModelError):
            open_promptable(wrong)


def test_medsam_draws_as_its_authors_do(folders: dict[str, Path]) -> None:
    """Box on the squashed square, one mask, probabilities resized, not logits."""
    image, one = slice_of(SHAPE), two_prompts(SHAPE)[0]
    pixels, _ = show(image, Recipe.MEDSAM, 64)
    top, left, bottom, right = one.box
    box = torch.tensor([left / 72 * 64, top / 40 * 64, right / 72 * 64, bottom / 40 * 64])
    with torch.no_grad():
        answer = tiny("sam")(
            pixel_values=torch.from_numpy(pixels)[None],
            input_boxes=box[None, None],
            multimask_output=False,
        )
    theirs = torch.nn.functional.interpolate(
        torch.sigmoid(answer.pred_masks[0]), SHAPE, mode="bilinear", align_corners=False
    )
    ours = opened(folders["sam"], "medsam:").open_slice(image).draw([one], PromptKind.BOX)
    assert np.abs(ours - theirs[0].numpy()).max() < 1e-4


def test_sam2_draws_what_transformers_draws(folders: dict[str, Path]) -> None:
    image, one = slice_of(SHAPE), two_prompts(SHAPE)[0]
    pixels, frame = show(image, Recipe.SAM2, 64)
    box = torch.from_numpy(frame.boxes([one]))[None]
    with torch.no_grad():
        answer = tiny("sam2")(
            pixel_values=torch.from_numpy(pixels)[None], input_boxes=box, multimask_output=False
        )
    theirs = torch.nn.functional.interpolate(
        answer.pred_masks[0], SHAPE, mode="bilinear", align_corners=False
    )
    ours = opened(folders["sam2"]).open_slice(image).draw([one], PromptKind.BOX)
    assert np.abs(ours - torch.sigmoid(theirs[0]).numpy()).max() < 1e-4


def test_a_folder_of_sam2_for_videos_draws_slices(folders: dict[str, Path], tmp_path: Path) -> None:
    """Facebook's folders say `sam2_video` and hold a memory that slices have no use for."""
    folder = folder_of(tiny("sam2"), tmp_path / "video")
    config = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(
        config.replace('"model_type": "sam2"', '"model_type": "sam2_video"'), encoding="utf-8"
    )
    state = load_file(folder / "model.safetensors")
    save_file(
        {**state, "memory_encoder.projection.weight": torch.zeros(1)}, folder / "model.safetensors"
    )
    image, both = slice_of(SHAPE), two_prompts(SHAPE)
    drawn = [
        opened(f).open_slice(image).draw(both, PromptKind.BOX) for f in (folder, folders["sam2"])
    ]
    assert np.array_equal(drawn[0], drawn[1])


ORIGINAL_NAMES = {
    "sam": (
        "image_encoder.blocks.0.norm1.weight",
        "image_encoder.blocks.1.attn.rel_pos_h",
        "image_encoder.neck.3.bias",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "prompt_encoder.point_embeddings.3.weight",
        "prompt_encoder.mask_downscaling.6.bias",
        "mask_decoder.transformer.layers.0.cross_attn_token_to_image.out_proj.weight",
        "mask_decoder.transformer.norm_final_attn.weight",
        "mask_decoder.output_upscaling.1.weight",
        "mask_decoder.output_hypernetworks_mlps.3.layers.2.weight",
        "mask_decoder.iou_prediction_head.layers.0.weight",
    ),
    "sam2": (
        "image_encoder.trunk.blocks.0.mlp.layers.1.weight",
        "image_encoder.trunk.pos_embed_window",
        "image_encoder.neck.convs.3.conv.weight",
        "sam_prompt_encoder.not_a_point_embed.weight",
        "sam_mask_decoder.conv_s0.weight",
        "sam_mask_decoder.transformer.layers.1.mlp.layers.0.weight",
        "sam_mask_decoder.transformer.layers.0.self_attn.out_proj.bias",
        "sam_mask_decoder.pred_obj_score_head.layers.2.weight",
        "no_mem_embed",
    ),
}
"""Names in the published checkpoints."""


@pytest.mark.parametrize("kind", ["sam", "sam2"])
def test_the_authors_layout_gives_the_same_drawings(
    kind: str, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(original_checkpoint.HIERAS, (8, 5), HIERA)
    state = original_layout(tiny(kind))
    assert set(ORIGINAL_NAMES[kind]) <= set(state)
    path = tmp_path / f"{kind}_tiny.pth"
    torch.save({"model": state} if kind == "sam2" else state, path)
    size = 64 if kind == "sam2" else None
    original = original_checkpoint.read_original(path, size=size)
    assert original.model_type == kind
    segmenter = _with_size(path, 64, monkeypatch) if kind == "sam2" else opened(path)
    image, both = slice_of(SHAPE), two_prompts(SHAPE)
    for prompt_kind in segmenter.kinds:
        theirs = opened(folders[kind]).open_slice(image).draw(both, prompt_kind)
        ours = segmenter.open_slice(image).draw(both, prompt_kind)
        assert np.abs(ours - theirs).max() < 1e-6


def _with_size(path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> SamSegmenter:
    """Open a SAM 2 whose square is neither 1024 nor 512."""
    read = original_checkpoint.read_original
    monkeypatch.setattr(sam, "read_original", lambda path, **_: read(path, size=size))
    return opened(path)


@pytest.mark.parametrize(
    ("prefix", "name", "size"),
    [("", "MedSAM2_latest.pt", 512), ("medsam2:", "other.pt", 512), ("", "sam2.1_tiny.pt", 1024)],
)
def test_checkpoints_of_medsam2_are_shown_512_pixels(
    prefix: str, name: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(original_checkpoint.HIERAS, (8, 5), HIERA)
    torch.save({"model": original_layout(tiny("sam2"))}, tmp_path / name)
    segmenter = opened(tmp_path / name, prefix)
    assert (segmenter.size, segmenter.recipe) == (size, Recipe.SAM2)
    assert (PromptKind.POINTS in segmenter.kinds) is (size == 1024)


def test_the_names_of_medsam_files_tell_what_they_are(tmp_path: Path) -> None:
    state = original_layout(tiny("sam"))
    for name, kind in (
        ("medsam_vit_b.pth", PromptKind.BOX),
        ("medsam_point_prompt_flare22.pth", PromptKind.POINTS),
    ):
        torch.save(state, tmp_path / name)
        segmenter = opened(tmp_path / name)
        assert (segmenter.recipe, segmenter.kinds) == (Recipe.MEDSAM, (kind,))
    assert segmenter.name == "medsam_point_prompt_flare22"


class Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_hostile_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "medsam_vit_b.pth", tmp_path / "ran"
    torch.save({"model": Hostile(mark)}, path)
    with pytest.raises(ModelError) as caught:
        open_promptable(str(path))
    assert not mark.exists()
    assert "\n" not in str(caught.value)
    path.write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(ModelError):
        open_promptable(str(path))
    assert not mark.exists()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def of_another_network(path: Path) -> None:
    torch.save({"layer.weight": torch.zeros(2)}, path)


def with_a_tensor_of_another_shape(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    state["mask_decoder.iou_token.weight"] = torch.zeros(1, 7)
    torch.save(state, path)


def without_a_tensor(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    del state["image_encoder.blocks.0.attn.proj.bias"]
    torch.save(state, path)


def with_one_too_many(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    torch.save({**state, "mask_decoder.hf_token.weight": torch.zeros(1, 32)}, path)


def without_its_encoder(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    torch.save({k: v for k, v in state.items() if not k.startswith("image_encoder")}, path)


def a_number(path: Path) -> None:
    torch.save(7, path)


@pytest.mark.parametrize(
    "spoil",
    [
        truncated,
        of_another_network,
        with_a_tensor_of_another_shape,
        without_a_tensor,
        with_one_too_many,
        without_its_encoder,
        a_number,
        Path.unlink,
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_spoilt_checkpoint_is_refused_in_one_line(spoil: Any, tmp_path: Path) -> None:
    path = tmp_path / "sam_tiny.pth"
    torch.save(original_layout(tiny("sam")), path)
    spoil(path)
    with pytest.raises(ModelError) as caught:
        open_promptable(str(path))
    assert "\n" not in str(caught.value)
    assert "sam_tiny.pth" in str(caught.value)


def lose_a_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state.pop("mask_decoder.iou_token.weight")
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def add_a_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file(
        {**state, "head.weight": torch.zeros(2)}, folder / "model.safetensors", {"format": "pt"}
    )


def cut_weights(folder: Path) -> None:
    truncated(folder / "model.safetensors")


def rename_the_type(folder: Path) -> None:
    text = (folder / "config.json").read_text(encoding="utf-8")
    text = text.replace('"model_type": "sam"', '"model_type": "bert"')
    (folder / "config.json").write_text(text, encoding="utf-8")


def widen_the_config(folder: Path) -> None:
    text = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(
        text.replace('"mlp_dim": 24', '"mlp_dim": 48'), encoding="utf-8"
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lose_a_tensor,
        add_a_tensor,
        cut_weights,
        rename_the_type,
        widen_the_config,
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "config.json").write_text("[1]", encoding="utf-8"),
        lambda folder: (folder / "config.json").write_text("{", encoding="utf-8"),
    ],
)
def test_a_spoilt_folder_is_refused_in_one_line(spoil: Any, tmp_path: Path) -> None:
    folder = folder_of(tiny("sam"), tmp_path / "spoilt")
    spoil(folder)
    with pytest.raises(ModelError) as caught:
        open_promptable(str(folder))
    assert "\n" not in str(caught.value)
    assert "spoilt" in str(caught.value)


def test_without_transformers_one_line_says_what_to_install(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError):
        open_promptable(str(folders["sam"]))


@pytest.mark.parametrize(
    "spec", ["prompt-nobody", "medsam:", "sam:/nowhere/at-all", "C:\\no\\where"]
)
def test_a_name_that_is_not_known_is_refused(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError):
        open_promptable(spec)


def test_sizes_of_published_networks_are_read_from_tensors() -> None:
    """SAM's ViT-B, by the shapes that its checkpoint has, is transformers' own default."""
    with torch.device("meta"):
        model = transformers.SamModel(transformers.SamConfig())
    state = original_layout(model)
    config = transformers.SamConfig(**original_checkpoint._sam_config(state)).to_dict()
    default = transformers.SamConfig().to_dict()
    for part in ("vision_config", "prompt_encoder_config", "mask_decoder_config"):
        assert config[part] | {"global_attn_indexes": ()} == default[part] | {
            "global_attn_indexes": ()
        }
    assert list(config["vision_config"]["global_attn_indexes"]) == [2, 5, 8, 11]


def test_medsam2_is_hiera_tiny_at_512(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        model = transformers.Sam2Model(transformers.Sam2Config())
    found = original_checkpoint._as_sam2(original_layout(model), 512)
    assert found.config["vision_config"]["backbone_feature_sizes"] == [
        [128, 128],
        [64, 64],
        [32, 32],
    ]
    with torch.device("meta"):
        built = transformers.Sam2Model(transformers.Sam2Config(**found.config))
    shapes = {name: value.shape for name, value in built.state_dict().items()}
    assert shapes == {name: value.shape for name, value in found.state.items()}
    assert built.config.prompt_encoder_config.image_size == 512
