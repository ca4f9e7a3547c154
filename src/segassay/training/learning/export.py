"""From a trained network to a judge folder: ONNX, description, calibration, card, checksums."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segassay.images.slicing import Sampling
from segassay.judge.context.context_inputs import FIELDS, LOOKS_PX, MAPS, NUMBERS
from segassay.judge.context.votes import Voting
from segassay.judge.documents.description import JudgeMeta
from segassay.judge.documents.judge_folder import model_id
from segassay.judge.inputs.preprocess import (
    CONDITION_DIM,
    CROP_CHANNELS,
    FIELD_CHANNELS,
    JudgePreprocess,
)
from segassay.judge.networks.context_net import ContextNet
from segassay.judge.networks.onnx_file import write_onnx
from segassay.training.learning.networks import NETWORKS, network_of
from segassay.training.material.material import Material
from segassay.training.settings import JudgeRecipe


def export_onnx(
    net: nn.Module, preprocess: JudgePreprocess, path: Path, *, network: str = "map"
) -> None:
    """Write a network of the kind `network` (`networks.NETWORKS`): one file, weights inside."""
    exported, outputs = NETWORKS[network].exported
    crop, field = preprocess.crop_px, preprocess.field_px
    shapes: dict[str, tuple[int, ...]] = {
        "crop": (2, CROP_CHANNELS, crop, crop),
        "field": (2, FIELD_CHANNELS, field, field),
        "condition": (2, CONDITION_DIM),
    }
    if isinstance(net, ContextNet):
        shapes = {
            "crop": (2, CROP_CHANNELS + MAPS, crop, crop),
            "field": (2, FIELD_CHANNELS + FIELDS, field, field),
            "condition": (2, CONDITION_DIM + NUMBERS),
            "looks": (2, net.looks.in_channels, LOOKS_PX, LOOKS_PX),
        }
    write_onnx(
        exported(net),
        tuple(torch.zeros(shape) for shape in shapes.values()),
        path,
        names=(tuple(shapes), outputs),
    )


def describe(
    recipe: JudgeRecipe,
    material: Material,
    preprocess: JudgePreprocess,
    *,
    pairs: int,
    weights: Path,
) -> JudgeMeta:
    """Collect what a score needs to know about the judge besides its weights.

    Args:
        recipe: What was trained.
        material: On what.
        preprocess: How inputs are made.
        pairs: Number of pairs shown.
        weights: The exported network; part of its checksum makes two exports of a day differ.
    """
    return JudgeMeta.of(
        **provenance(recipe, material, pairs=pairs, weights=weights),
        kind=network_of(recipe).judge,
        preprocess=preprocess.as_json(),
        sampling=asdict(Sampling()),
        context=None
        if recipe.context is None
        else {"n_looks": recipe.context.n_looks, "voting": asdict(Voting()), "version": 1},
    )


def provenance(
    recipe: JudgeRecipe, material: Material, *, pairs: int, weights: Path
) -> dict[str, Any]:
    """Say what a judge of any kind is called and what it learned from; arguments as in `describe`.

    Returns fields of `JudgeMeta`.

    Training images are named by the checksum of their voxels, training subjects by set and id, so
    that an audit can say "the judge has seen this" and an experiment can refuse to cheat.
    """
    return {
        "model_id": model_id(f"{recipe.name}-{datetime.now(UTC):%Y%m%d}", weights),
        "structures": list(material.structures),
        "training_voxels": sorted(
            {case.voxels_sha256 for s in (*material.train, *material.tuning) for case in s.cases}
        ),
        "training_images": (),
        "training_subjects": {
            name: {"train": list(split.train), "tuning": list(split.tuning)}
            for name, split in material.splits.items()
        },
        "pairs_seen": pairs,
        "recipe": json.loads(recipe.model_dump_json()),
        "evidence": {},
    }
