"""The kinds of network that a judge can be: how each is built, taught, asked and exported."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from segassay.judge.context.context_inputs import FIELDS, MAPS, NUMBERS
from segassay.judge.documents.description import JudgeKind
from segassay.judge.inputs.preprocess import CONDITION_DIM, CROP_CHANNELS, FIELD_CHANNELS
from segassay.judge.networks.context_net import ContextNet, ExportedContext
from segassay.judge.networks.direct_net import DirectNet, ExportedDirect
from segassay.judge.networks.hypotheses_net import HypothesesNet
from segassay.judge.networks.judge_net import ExportedJudge, JudgeNet, JudgeNetConfig, expected_dice
from segassay.judge.networks.segae_vlm import ExportedSegaeVlm, SegaeVlm, SegaeVlmConfig
from segassay.judge.networks.text_tower import GivenText, NameTable, NgramTower
from segassay.training.learning.loss import (
    LossParts,
    context_loss,
    hypotheses_loss,
    judge_loss,
    mixed_dice,
)
from segassay.training.learning.number_loss import (
    NumberLossParts,
    as_published,
    number_loss,
    regression,
)
from segassay.training.learning.pretrained_text import pretrained_vectors
from segassay.training.learning.seeded import seeded
from segassay.training.samples.batches import PairBatch
from segassay.training.settings import JudgeRecipe
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

    judge: JudgeKind
    build: Callable[[JudgeRecipe, tuple[str, ...]], nn.Module]
    loss: Callable[[Any, PairBatch, JudgeRecipe], LossParts | NumberLossParts]
    verdict: Callable[[Any, PairBatch], tuple[Tensor, Tensor]]
    exported: tuple[Callable[[Any], nn.Module], tuple[str, ...]]


def build_net(recipe: JudgeRecipe, names: tuple[str, ...] = ()) -> nn.Module:
    """Build the untrained network of a recipe; `names` are those of the structures it learns."""
    with seeded(recipe.seed):
        return NETWORKS[recipe.network].build(recipe, names)


def _sizes(recipe: JudgeRecipe) -> JudgeNetConfig:
    return JudgeNetConfig(CROP_CHANNELS, FIELD_CHANNELS, CONDITION_DIM, recipe.widths)


def _map_verdict(net: JudgeNet, batch: PairBatch) -> tuple[Tensor, Tensor]:
    logits, outside, presence, _, _ = net(batch.crop, batch.field, batch.condition)
    probability = logits[:, 0].float().sigmoid() * batch.crop[:, 4]
    dice = expected_dice(probability, outside.float(), batch.crop[:, 3])
    return dice, presence.float().sigmoid()


def _context_net(recipe: JudgeRecipe) -> ContextNet:
    sizes = JudgeNetConfig(
        CROP_CHANNELS + MAPS, FIELD_CHANNELS + FIELDS, CONDITION_DIM + NUMBERS, recipe.widths
    )
    return ContextNet(sizes, 1 if recipe.context is None else recipe.context.n_looks)


def _context_verdict(net: ContextNet, batch: PairBatch) -> tuple[Tensor, Tensor]:
    _, _, presence, _, _, dice, _ = net.judge(batch.crop, batch.field, batch.condition, batch.looks)
    return dice, presence.float().sigmoid()


def _mixed_verdict(net: HypothesesNet, batch: PairBatch) -> tuple[Tensor, Tensor]:
    logits, trust, outside, presence, _ = net.hypotheses(batch.crop, batch.field, batch.condition)
    maps = logits.float().sigmoid() * batch.crop[:, 4:5]
    weights = trust.float().softmax(dim=1)
    return mixed_dice(maps, weights, outside.float(), batch.crop[:, 3]), presence.float().sigmoid()


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


def _logit_verdict(net: nn.Module, batch: PairBatch) -> tuple[Tensor, Tensor]:
    score, _, presence, _ = net(batch.crop, batch.field, batch.condition)
    return score.float().sigmoid(), presence.float().sigmoid()


def _number_verdict(net: nn.Module, batch: PairBatch) -> tuple[Tensor, Tensor]:
    score, _, presence, _ = net(batch.crop, batch.field, batch.condition)
    return score.float().clamp(0, 1), presence.float().sigmoid()


_DRAWN = ("map", "outside", "presence", "kind", "embedding")
_NUMBERS = ("dice", "size", "presence", "embedding")

NETWORKS: dict[str, NetworkKind] = {
    "map": NetworkKind(
        judge=JudgeKind.MAP,
        build=lambda recipe, _: JudgeNet(_sizes(recipe)),
        loss=lambda net, batch, recipe: judge_loss(net, batch, recipe.loss),
        verdict=_map_verdict,
        exported=(ExportedJudge, _DRAWN),
    ),
    "context": NetworkKind(
        judge=JudgeKind.CONTEXT,
        build=lambda recipe, _: _context_net(recipe),
        loss=lambda net, batch, recipe: context_loss(net, batch, recipe.loss),
        verdict=_context_verdict,
        exported=(ExportedContext, (*_DRAWN, "error")),
    ),
    "hypotheses": NetworkKind(
        judge=JudgeKind.MAP,
        build=lambda recipe, _: HypothesesNet(_sizes(recipe)),
        loss=lambda net, batch, recipe: hypotheses_loss(net, batch, recipe.loss),
        verdict=_mixed_verdict,
        exported=(ExportedJudge, _DRAWN),
    ),
    "direct": NetworkKind(
        judge=JudgeKind.DIRECT,
        build=lambda recipe, _: DirectNet(_sizes(recipe)),
        loss=lambda net, batch, recipe: number_loss(net, batch, recipe.number_loss, regression),
        verdict=_logit_verdict,
        exported=(partial(ExportedDirect, logit=True), _NUMBERS),
    ),
    "sentinel_head": NetworkKind(
        judge=JudgeKind.DIRECT,
        build=lambda recipe, _: DirectNet(_sizes(recipe)),
        loss=lambda net, batch, recipe: number_loss(net, batch, recipe.number_loss, as_published),
        verdict=_number_verdict,
        exported=(partial(ExportedDirect, logit=False), _NUMBERS),
    ),
    "segae_vlm": NetworkKind(
        judge=JudgeKind.DIRECT,
        build=_vlm,
        loss=lambda net, batch, recipe: number_loss(net, batch, recipe.number_loss, regression),
        verdict=_logit_verdict,
        exported=(ExportedSegaeVlm, _NUMBERS),
    ),
}
"""What a recipe calls `network`: the judge itself, what it is compared with, the SegAE idea."""
