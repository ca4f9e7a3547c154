"""Tiny networks of the SAM family with random weights, also in their authors' own layout."""

import re
from pathlib import Path
from typing import Any

import torch
import transformers

_DECODER = {"hidden_size": 32, "mlp_dim": 16, "iou_head_hidden_dim": 16, "num_hidden_layers": 1}
_VISION = {
    "hidden_size": 16,
    "output_channels": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 64,
    "patch_size": 16,
    "window_size": 2,
    "global_attn_indexes": [1],
    "mlp_dim": 24,
    "num_pos_feats": 16,
}
HIERA = {
    "blocks_per_stage": [1, 1, 2, 1],
    "global_attention_blocks": [3],
    "num_attention_heads_per_stage": [1, 1, 2, 2],
    "window_size_per_stage": [4, 2, 2, 2],
}


def tiny(kind: str) -> Any:
    """A model of transformers: `sam`, `sam_hq` or `sam2`, with weights that are not all tiny."""
    torch.manual_seed(3)
    if kind == "sam2":
        config = transformers.Sam2Config(
            vision_config={
                "backbone_config": {
                    "model_type": "sam2_hiera_det_model",
                    "hidden_size": 8,
                    "embed_dim_per_stage": [8, 16, 32, 64],
                    "image_size": [64, 64],
                    **HIERA,
                },
                "backbone_channel_list": [64, 32, 16, 8],
                "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
                "fpn_hidden_size": 32,
            },
            prompt_encoder_config={"hidden_size": 32, "image_size": 64},
            mask_decoder_config={**_DECODER, "num_hidden_layers": 2},
        )
        model: Any = transformers.Sam2Model(config)
    else:
        names = {"sam": "Sam", "sam_hq": "SamHQ"}
        config = getattr(transformers, f"{names[kind]}Config")(
            vision_config=_VISION,
            prompt_encoder_config={"hidden_size": 32, "image_size": 64},
            mask_decoder_config={**_DECODER, **({"vit_dim": 16} if kind == "sam_hq" else {})},
        )
        model = getattr(transformers, f"{names[kind]}Model")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
        # One tensor in the authors' layout; transformers ties the two in SAM, not in SAM 2.
        model.shared_image_embedding.positional_embedding.copy_(
            model.prompt_encoder.shared_embedding.positional_embedding
        )
    return model.eval()


def folder_of(model: Any, folder: Path) -> Path:
    """Save a model as transformers does."""
    model.save_pretrained(folder)
    return folder


_SAM = (
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.neck\.conv1", "image_encoder.neck.0"),
    (r"^vision_encoder\.neck\.layer_norm1", "image_encoder.neck.1"),
    (r"^vision_encoder\.neck\.conv2", "image_encoder.neck.2"),
    (r"^vision_encoder\.neck\.layer_norm2", "image_encoder.neck.3"),
    (r"^vision_encoder\.", "image_encoder."),
)
_SAM2 = (
    (r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"^vision_encoder\.neck\.convs\.(\d)\.", r"image_encoder.neck.convs.\1.conv."),
    (r"mlp\.proj_in", "mlp.layers.0"),
    (r"mlp\.proj_out", "mlp.layers.1"),
    (r"o_proj", "out_proj"),
    (r"^no_memory_embedding$", "no_mem_embed"),
    (r"^(prompt_encoder|mask_decoder)\.", r"sam_\1."),
)
_BOTH = (
    (r"mask_embed\.conv1", "mask_downscaling.0"),
    (r"mask_embed\.layer_norm1", "mask_downscaling.1"),
    (r"mask_embed\.conv2", "mask_downscaling.3"),
    (r"mask_embed\.layer_norm2", "mask_downscaling.4"),
    (r"mask_embed\.conv3", "mask_downscaling.6"),
    (r"upscale_conv1", "output_upscaling.0"),
    (r"upscale_layer_norm", "output_upscaling.1"),
    (r"upscale_conv2", "output_upscaling.3"),
    (r"(head|mlps\.\d)\.layers\.0", r"\1.layers.1"),
    (r"(head|mlps\.\d)\.proj_in", r"\1.layers.0"),
    (r"(head|mlps\.\d)\.proj_out", r"\1.layers.2"),
    (r"(?<!a_)point_embed\.", "point_embeddings."),
    (r"shared_embedding\.positional_embedding", "pe_layer.positional_encoding_gaussian_matrix"),
    (r"patch_embed\.projection", "patch_embed.proj"),
    (r"layer_norm", "norm"),
)


def original_layout(model: Any) -> dict[str, Any]:
    """The tensors of a SAM or SAM 2 under the names that their authors gave them."""
    sam2 = model.config.model_type == "sam2"
    state = dict(model.state_dict())
    del state["shared_image_embedding.positional_embedding"]
    if sam2:
        points = state.pop("prompt_encoder.point_embed.weight")
        rows = {f"prompt_encoder.point_embed.{n}.weight": points[n : n + 1] for n in range(4)}
        state |= rows
        state |= {"memory_encoder.out_proj.weight": torch.zeros(1), "no_obj_ptr": torch.zeros(1)}
    found = {}
    for name, value in state.items():
        for pattern, by in (*(_SAM2 if sam2 else _SAM), *_BOTH):
            name = re.sub(pattern, by, name)
        found[name] = value.clone()
    return found
