"""The kinds of network that a judge can be: how each is built, taught, asked and exported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from segassay.errors import UsageError
from segassay.judge.context.context_inputs import FIELDS, MAPS, NUMBERS
from segassay.judge.documents.description import JudgeKind
from segassay.judge.inputs.preprocess import CONDITION_DIM, CROP_CHANNELS, FIELD_CHANNELS
from segassay.judge.networks.context_net import ContextNet, ExportedContext
from segassay.judge.networks.judge_net import ExportedJudge, JudgeNet, JudgeNetConfig, expected_dice
from segassay.judge.networks.segae_vlm import ExportedSegaeVlm, SegaeVlm, SegaeVlmConfig
from segassay.judge.networks.text_tower import GivenText, NameTable, NgramTower
from segassay.training.learning.loss import LossParts, context_loss, judge_loss
from segassay.training.learning.number_loss import NumberLossParts, number_loss, regression
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


def network_of(recipe: JudgeRecipe) -> NetworkKind:
    """Return the kind of network that a recipe asks for.

    Raises:
        UsageError: There is none of that name.
    """
    if recipe.network not in NETWORKS:
        raise UsageError(
            f"recipe {recipe.name}: no network {recipe.network!r}; there are {', '.join(NETWORKS)}"
        )
    return NETWORKS[recipe.network]


def build_net(recipe: JudgeRecipe, names: tuple[str, ...] = ()) -> nn.Module:
    """Build the untrained network of a recipe; `names` are those of the structures it learns."""
    with seeded(recipe.seed):
        return network_of(recipe).build(recipe, names)


def judge_sizes(recipe: JudgeRecipe) -> JudgeNetConfig:
    """Return the sizes of a network that sees what a judge without context sees."""
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


def logit_verdict(net: nn.Module, batch: PairBatch) -> tuple[Tensor, Tensor]:
    """Return Dice and probability of presence of a network that answers with logits."""
    score, _, presence, _ = net(batch.crop, batch.field, batch.condition)
    return score.float().sigmoid(), presence.float().sigmoid()


_DRAWN = ("map", "outside", "presence", "kind", "embedding")
NUMBERS_OUT = ("dice", "size", "presence", "embedding")
"""Outputs of a network that answers with numbers."""

NETWORKS: dict[str, NetworkKind] = {
    "map": NetworkKind(
        judge=JudgeKind.MAP,
        build=lambda recipe, _: JudgeNet(judge_sizes(recipe)),
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
    "segae_vlm": NetworkKind(
        judge=JudgeKind.DIRECT,
        build=_vlm,
        loss=lambda net, batch, recipe: number_loss(net, batch, recipe.number_loss, regression),
        verdict=logit_verdict,
        exported=(ExportedSegaeVlm, NUMBERS_OUT),
    ),
}
"""What a recipe calls `network`: the judge alone and in context, and the SegAE idea.

A benchmark that compares them with another kind adds it here before it trains.
"""
