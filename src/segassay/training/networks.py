"""The kinds of network that a judge can be: how each is built, taught, asked and exported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segassay.data.preprocess import CONDITION_DIM, CROP_CHANNELS, FIELD_CHANNELS
from segassay.models.judge_net import ExportedJudge, JudgeNet, JudgeNetConfig, expected_dice
from segassay.models.segae_vlm import ExportedSegaeVlm, SegaeVlm, SegaeVlmConfig
from segassay.models.text_tower import GivenText, NameTable, NgramTower
from segassay.training.batches import PairBatch
from segassay.training.loss import LossParts, judge_loss
from segassay.training.pretrained_text import pretrained_vectors
from segassay.training.settings import JudgeRecipe
from segassay.training.vlm_loss import VlmLossParts, vlm_loss
from segassay.vocabulary.describe import describe
from segassay.vocabulary.names import mirrored


@dataclass(frozen=True, slots=True)
class NetworkKind:
    """One kind of network.

    Attributes:
        judge: What `meta.json` calls the kind of judge that runs the exported file.
        build: The untrained network of a recipe that learns structures of these names.
        loss: Runs the network on a batch and scores its answers.
        verdict: Expected Dice and probability of presence, `(b,)` each, of a batch.
        exported: The module that the ONNX file holds, and the names of its outputs.
    """

    judge: str
    build: Callable[[JudgeRecipe, tuple[str, ...]], nn.Module]
    loss: Callable[[Any, PairBatch, JudgeRecipe], LossParts | VlmLossParts]
    verdict: Callable[[Any, PairBatch], tuple[Tensor, Tensor]]
    exported: tuple[Callable[[Any], nn.Module], tuple[str, ...]]


def build_net(recipe: JudgeRecipe, names: tuple[str, ...] = ()) -> nn.Module:
    """Build the untrained network of a recipe; `names` are those of the structures it learns."""
    torch.manual_seed(recipe.seed)
    return NETWORKS[recipe.network].build(recipe, names)


def _map_net(recipe: JudgeRecipe, names: tuple[str, ...]) -> JudgeNet:
    del names  # any name has a vector of its own
    return JudgeNet(JudgeNetConfig(CROP_CHANNELS, FIELD_CHANNELS, CONDITION_DIM, recipe.widths))


def _map_verdict(net: JudgeNet, batch: PairBatch) -> tuple[Tensor, Tensor]:
    logits, outside, presence, _, _ = net(batch.crop, batch.field, batch.condition)
    probability = logits[:, 0].float().sigmoid() * batch.crop[:, 4]
    dice = expected_dice(probability, outside.float(), batch.crop[:, 3])
    return dice, presence.float().sigmoid()


def _vlm(recipe: JudgeRecipe, names: tuple[str, ...]) -> SegaeVlm:
    """Build the vision-language judge; mirrored pairs may bring the other side's name."""
    vlm = recipe.vlm
    every = sorted({*names, *map(mirrored, names)})
    texts = [describe(name) for name in every]
    tower: NgramTower | GivenText
    if vlm.text_tower is None:
        tower = NgramTower(texts)
    else:
        tower = GivenText(pretrained_vectors(vlm.text_tower, texts))
    config = SegaeVlmConfig(
        CROP_CHANNELS,
        FIELD_CHANNELS,
        CONDITION_DIM,
        dim=vlm.dim,
        depth=vlm.depth,
        heads=vlm.heads,
        text_dim=vlm.text_dim,
    )
    return SegaeVlm(config, NameTable(every, tower, vlm.text_dim))


def _vlm_verdict(net: SegaeVlm, batch: PairBatch) -> tuple[Tensor, Tensor]:
    score, _, presence, _ = net(batch.crop, batch.field, batch.condition)
    return score.float().sigmoid(), presence.float().sigmoid()


NETWORKS: dict[str, NetworkKind] = {
    "map": NetworkKind(
        judge="map",
        build=_map_net,
        loss=lambda net, batch, recipe: judge_loss(net, batch, recipe.loss),
        verdict=_map_verdict,
        exported=(ExportedJudge, ("map", "outside", "presence", "kind", "embedding")),
    ),
    "segae_vlm": NetworkKind(
        judge="direct",
        build=_vlm,
        loss=lambda net, batch, recipe: vlm_loss(net, batch, recipe.vlm),
        verdict=_vlm_verdict,
        exported=(ExportedSegaeVlm, ("dice", "size", "presence", "embedding")),
    ),
}
"""What a recipe calls `network`."""
