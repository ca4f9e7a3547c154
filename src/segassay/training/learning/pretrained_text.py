"""Text vectors of a CLIP or BERT-like tower that lies on this machine. Nothing is downloaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segassay.errors import UsageError
from segassay.extras import offline_transformers

_TOWERS = {"clip": "CLIPModel", "clip_text_model": "CLIPTextModelWithProjection"}
"""What `config.json` calls `model_type`, and the class that reads text; else `AutoModel`."""


def pretrained_vectors(folder: Path, texts: Sequence[str]) -> Tensor:
    """Read texts with the tower in `folder`: `(texts, dim)` float32, not normalised.

    CLIP models answer with their projected text vector, others (such as the PubMedBERT inside
    BiomedCLIP) with the last layer's first token. The folder is in the form of `transformers`, with
    a tokenizer; weights must be safetensors, code in the folder is never run.

    Raises:
        UsageError: The folder is missing, has no safetensors, or cannot be read.
        MissingExtraError: transformers is not installed.
    """
    if not folder.is_dir() or not list(folder.glob("*.safetensors")):
        found = sorted(p.name for p in folder.iterdir())[:5] if folder.is_dir() else "no folder"
        raise UsageError(
            f"text_tower {folder}: expected a local folder with config.json, tokenizer and "
            f"*.safetensors; found {found}"
        )
    try:
        with offline_transformers(extra="text") as transformers:
            return _read(transformers, str(folder), texts)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise UsageError(
            f"text_tower {folder}: transformers cannot load it ({' '.join(str(error).split())})"
        ) from error


@torch.no_grad()
def _read(transformers: Any, folder: str, texts: Sequence[str]) -> Tensor:
    local = {"local_files_only": True, "trust_remote_code": False}
    config = transformers.AutoConfig.from_pretrained(folder, **local)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
    room = getattr(config, "text_config", config).max_position_embeddings
    tokens = tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        max_length=min(room, tokenizer.model_max_length),
        return_tensors="pt",
    )
    kind = config.model_type
    tower, report = getattr(transformers, _TOWERS.get(kind, "AutoModel")).from_pretrained(
        folder, **local, use_safetensors=True, output_loading_info=True
    )
    _require_whole(report)
    tower.eval()
    if kind == "clip":
        return _pooled(tower.get_text_features(**tokens)).float()
    answer = tower(**tokens)
    vectors: Tensor = (
        answer.text_embeds if kind == "clip_text_model" else answer.last_hidden_state[:, 0]
    )
    return vectors.float()


def _pooled(features: Any) -> Tensor:
    """Take the vector out of the answer: newer versions wrap it."""
    vectors: Tensor = features if isinstance(features, Tensor) else features.pooler_output
    return vectors


def _require_whole(report: dict[str, Any]) -> None:
    """Refuse weights that transformers would make up: it only logs that it drew them at random."""
    missing = [key for key in report["missing_keys"] if not key.startswith("pooler.")]
    wrong = [*missing, *report["mismatched_keys"]]
    if wrong:
        raise ValueError(f"{len(wrong)} weights are missing or of another shape: {wrong[0]}")
