"""Text vectors of a CLIP or BERT-like tower that lies on this machine. Nothing is downloaded."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segassay.errors import UsageError
from segassay.extras import require

_CLIP = frozenset({"clip", "clip_text_model"})


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
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    transformers = require("transformers", extra="text")
    try:
        return _read(transformers, str(folder), texts)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"text_tower {folder}: transformers cannot load it ({' '.join(str(error).split())})"
        ) from error


@torch.no_grad()
def _read(transformers: Any, folder: str, texts: Sequence[str]) -> Tensor:
    local = {"local_files_only": True, "trust_remote_code": False}
    tokens = transformers.AutoTokenizer.from_pretrained(folder, **local)(
        list(texts), padding=True, truncation=True, return_tensors="pt"
    )
    clip = transformers.AutoConfig.from_pretrained(folder, **local).model_type in _CLIP
    kind = transformers.CLIPTextModelWithProjection if clip else transformers.AutoModel
    tower = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    answer = tower(**tokens)
    vectors: Tensor = answer.text_embeds if clip else answer.last_hidden_state[:, 0]
    return vectors.float()
