"""Checkpoints in the layout of the original SAM and SAM 2, as transformers' models want them.

MedSAM (`medsam_vit_b.pth`) and MedSAM2 (`MedSAM2_latest.pt`) are published in these layouts. A file
is read as plain tensors: what else its pickle asks for is refused by torch, and not run.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segassay.errors import ModelError

State = dict[str, Tensor]
Rules = tuple[tuple[str, str], ...]

HIERAS: dict[tuple[int, int], dict[str, Any]] = {
    (96, 12): {},
    (96, 16): {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    (112, 24): {
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    (144, 48): {
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    },
}
"""SAM 2's encoders, tiny, small, base+ and large, by their width and number of blocks: what of
them is not transformers' default. Heads and windows leave no trace in the tensors."""

# fmt: off
_HEADS: Rules = tuple(
    (rf"({heads})\.layers\.{layer}\.", rf"\1.{name}.")
    for heads in ["iou_prediction_head|output_hypernetworks_mlps\\.\\d+|pred_obj_score_head"]
    for layer, name in ((0, "proj_in"), (1, "layers.0"), (2, "proj_out"))
)
_BOTH: Rules = (
    *_HEADS,
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"point_embeddings\.", "point_embed."),
    (r"pe_layer\.positional_encoding_gaussian_matrix", "shared_embedding.positional_embedding"),
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"\.norm", ".layer_norm"),
)
_SAM: Rules = (
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.", "vision_encoder."),
)
_SAM2: Rules = (
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^sam_(prompt_encoder|mask_decoder)\.", r"\1."),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"mlp\.layers\.0\.", "mlp.proj_in."),
    (r"mlp\.layers\.1\.", "mlp.proj_out."),
    (r"out_proj\.", "o_proj."),
)
# fmt: on
_OF_VIDEOS = re.compile(r"^(memory_|maskmem_|mask_downsample|obj_ptr_|no_obj_|no_mem_pos_enc)")


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A checkpoint in transformers' words.

    Attributes:
        model_type: `sam` or `sam2`, as `config.json` would call it.
        config: Arguments of `SamConfig` or `Sam2Config`.
        state: All tensors, by the names they have in transformers.
    """

    model_type: str
    config: dict[str, Any]
    state: State


def read_original(path: Path, *, size: int | None = None) -> Original:
    """Read a `.pth` or `.pt` file of SAM, MedSAM, SAM 2 or MedSAM2.

    Args:
        path: What `torch.save` wrote: tensors by name, or a dictionary with them as `model`.
        size: Rows and columns that a SAM 2 takes, which its tensors do not tell; 1024 by default.

    Raises:
        ModelError: The file is missing, damaged, more than tensors, or no such network.
    """
    state = _tensors(path)
    try:
        if "sam_mask_decoder.mask_tokens.weight" in state:
            return _as_sam2(state, size or 1024)
        if "mask_decoder.mask_tokens.weight" in state:
            return Original("sam", _sam_config(state), _as_sam(state))
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise ModelError(
            f"{path.name}: lacks what a SAM has ({type(error).__name__}: {error}); expected the "
            "checkpoint as its authors publish it"
        ) from error
    first = next(iter(state), "none")
    raise ModelError(
        f"{path.name}: {len(state)} tensors, the first {first[:80]!r}; expected a checkpoint of "
        "SAM, MedSAM, SAM 2 or MedSAM2 as its authors publish it"
    )


def _tensors(path: Path) -> State:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; expected a checkpoint of SAM or MedSAM")
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle's, zip's and torch's errors share no class
        why = " ".join(str(error).split())[:160]
        raise ModelError(
            f"{path.name}: damaged, or not weights alone ({type(error).__name__}: {why}); nothing "
            "of it was run; download it again from its authors"
        ) from error
    if isinstance(found, Mapping) and isinstance(found.get("model"), Mapping):
        found = found["model"]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ModelError(f"{path.name}: holds a {type(found).__name__}; expected tensors by name")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def _renamed(names: Iterable[str], rules: Rules) -> dict[str, str]:
    renamed = {}
    for name in names:
        new = name
        for pattern, by in rules:
            new = re.sub(pattern, by, new)
        renamed[name] = new
    return renamed


def _as_sam(state: State) -> State:
    kept = {name: value for name, value in state.items() if not name.startswith("pixel_")}
    new = {b: kept[a] for a, b in _renamed(kept, _SAM + _BOTH).items()}
    place = "shared_embedding.positional_embedding"
    new["shared_image_embedding.positional_embedding"] = new[f"prompt_encoder.{place}"]
    return new


def _as_sam2(state: State, size: int) -> Original:
    kept = {name: value for name, value in state.items() if not _OF_VIDEOS.match(name)}
    new = {b: kept[a] for a, b in _renamed(kept, _SAM2 + _BOTH).items()}
    place = "prompt_encoder.shared_embedding.positional_embedding"
    new["shared_image_embedding.positional_embedding"] = new[place]
    points = [new.pop(f"prompt_encoder.point_embed.{n}.weight") for n in range(4)]
    new["prompt_encoder.point_embed.weight"] = torch.cat(points)
    return Original("sam2", _sam2_config(new, size), new)


def _sam_config(state: State) -> dict[str, Any]:
    """Read the sizes of a SAM out of its tensors: ViT-B, -L, -H, and slimmer ones.

    A block's relative positions tell how far it looks: as far as the image is wide, or a window.
    """
    encoder, decoder = "image_encoder.", "mask_decoder.transformer.layers."
    grid, hidden = state[f"{encoder}pos_embed"].shape[1], state[f"{encoder}pos_embed"].shape[3]
    patch = state[f"{encoder}patch_embed.proj.weight"].shape[-1]
    blocks = _count(state, rf"{encoder}blocks\.(\d+)\.")
    reach = [state[f"{encoder}blocks.{n}.attn.rel_pos_h"].shape[0] for n in range(blocks)]
    width = state["mask_decoder.mask_tokens.weight"].shape[1]
    head = state[f"{encoder}blocks.0.attn.rel_pos_h"].shape[1]
    return {
        "vision_config": {
            "hidden_size": hidden,
            "output_channels": state[f"{encoder}neck.0.weight"].shape[0],
            "num_hidden_layers": blocks,
            "num_attention_heads": state[f"{encoder}blocks.0.attn.qkv.weight"].shape[0]
            // (3 * head),
            "image_size": grid * patch,
            "patch_size": patch,
            "mlp_dim": state[f"{encoder}blocks.0.mlp.lin1.weight"].shape[0],
            "window_size": (min(reach) + 1) // 2,
            "global_attn_indexes": [n for n in range(blocks) if reach[n] == 2 * grid - 1],
            "num_pos_feats": width // 2,
        },
        "prompt_encoder_config": {
            "hidden_size": width,
            "image_size": grid * patch,
            "patch_size": patch,
        },
        "mask_decoder_config": {
            "hidden_size": width,
            "mlp_dim": state[f"{decoder}0.mlp.lin1.weight"].shape[0],
            "num_hidden_layers": _count(state, rf"{decoder}(\d+)\."),
            "iou_head_hidden_dim": state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[
                0
            ],
        },
    }


def _sam2_config(state: State, size: int) -> dict[str, Any]:
    """Look up the encoder of a SAM 2 by its width and number of blocks (in transformers' names)."""
    wide = state["vision_encoder.backbone.patch_embed.projection.weight"].shape[0]
    blocks = _count(state, r"vision_encoder\.backbone\.blocks\.(\d+)\.")
    if (wide, blocks) not in HIERAS:
        raise ValueError(f"an encoder {wide} wide with {blocks} blocks is none of SAM 2's")
    stages = [wide * 2**n for n in range(4)]
    width = state["mask_decoder.mask_tokens.weight"].shape[1]
    return {
        "vision_config": {
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": wide,
                "embed_dim_per_stage": stages,
                "image_size": [size, size],
                **HIERAS[wide, blocks],
            },
            "backbone_channel_list": stages[::-1],
            "backbone_feature_sizes": [[size // by, size // by] for by in (4, 8, 16)],
            "fpn_hidden_size": width,
        },
        "prompt_encoder_config": {"hidden_size": width, "image_size": size},
        "mask_decoder_config": {
            "hidden_size": width,
            "mlp_dim": state["mask_decoder.transformer.layers.0.mlp.proj_in.weight"].shape[0],
            "iou_head_hidden_dim": state["mask_decoder.iou_prediction_head.proj_in.weight"].shape[
                0
            ],
        },
    }


def _count(state: State, pattern: str) -> int:
    """Return how many numbered parts there are: the largest number and one."""
    numbers = [int(found[1]) for name in state if (found := re.match(pattern, name))]
    return 1 + max(numbers)
