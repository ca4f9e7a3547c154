"""The judge's loss: a proper score on the map, and the closed-form Dice on top of it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from segassay.judge.networks.context_net import ContextNet
from segassay.judge.networks.judge_net import JudgeNet, expected_dice
from segassay.training.samples.batches import PairBatch
from segassay.training.settings import LossRecipe

_DOUBT = 0.03
"""What the likelihood of the doubt weighs beside the error that it is about."""


@dataclass(frozen=True, slots=True)
class LossParts:
    """The total to descend, and its parts for the curves (means over the batch)."""

    total: Tensor
    map: Tensor
    dice: Tensor
    outside: Tensor
    presence: Tensor
    kind: Tensor


def judge_loss(net: JudgeNet, batch: PairBatch, weights: LossRecipe) -> LossParts:
    """Run the network on a batch and score its answers.

    The map gets cross-entropy, a proper score, and no soft Dice: its values must stay
    probabilities. Pairs without a mask have no Dice and no error type and skip those parts.
    """
    logits, outside, presence, kind, _ = net(batch.crop, batch.field, batch.condition)
    logits, outside = logits[:, 0].float(), outside.float()
    seen = batch.crop[:, 4]
    map_loss = _pixelwise(logits, batch.gold, seen).mean()
    predicted = expected_dice(logits.sigmoid() * seen, outside, batch.crop[:, 3])
    return _with_map((map_loss, predicted), (outside, presence, kind), batch, weights)


def context_loss(net: ContextNet, batch: PairBatch, weights: LossRecipe) -> LossParts:
    """Score a judge in context as any judge of maps, and what error it expects of its Dice.

    That is the scale of a Laplace distribution of the error.
    """
    logits, outside, presence, kind, _, dice, expected = net.judge(
        batch.crop, batch.field, batch.condition, batch.looks
    )
    map_loss = _pixelwise(logits, batch.gold, batch.crop[:, 4]).mean()
    parts = _with_map((map_loss, dice), (outside, presence, kind), batch, weights)
    filled = batch.kind >= 0
    n_filled = filled.sum().clamp_min(1)
    error = (dice.detach() - batch.dice.nan_to_num()).abs()
    unlikely = (error / expected + expected.log())[filled].sum() / n_filled
    return replace(parts, total=parts.total + _DOUBT * unlikely)


def _pixelwise(logits: Tensor, gold: Tensor, seen: Tensor) -> Tensor:
    """Return the cross-entropy per map, relative to the mean number of pixels seen."""
    each = F.binary_cross_entropy_with_logits(logits, gold, reduction="none") * seen
    return each.mean(dim=(-2, -1)) / seen.mean().clamp_min(1e-6)


def _with_map(
    drawn: tuple[Tensor, Tensor],
    answers: tuple[Tensor, Tensor, Tensor],
    batch: PairBatch,
    weights: LossRecipe,
) -> LossParts:
    """Add to the map's loss those of its Dice and of the answers beside the map."""
    map_loss, predicted = drawn
    outside, presence, kind = answers
    filled = batch.kind >= 0
    n_filled = filled.sum().clamp_min(1)
    dice_loss = (predicted - batch.dice.nan_to_num()).abs()[filled].sum() / n_filled
    outside_loss = (torch.log1p(10 * outside) - torch.log1p(10 * batch.outside)).abs().mean()
    presence_loss = F.binary_cross_entropy_with_logits(presence.float(), batch.presence)
    kind_sum = F.cross_entropy(kind.float(), batch.kind, ignore_index=-1, reduction="sum")
    kind_loss = kind_sum / n_filled
    total = (
        map_loss
        + weights.dice * dice_loss
        + weights.outside * outside_loss
        + weights.presence * presence_loss
        + weights.kind * kind_loss
    )
    return LossParts(total, map_loss, dice_loss, outside_loss, presence_loss, kind_loss)
