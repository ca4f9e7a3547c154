"""The judge's loss: a proper score on the map, and the closed-form Dice on top of it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from segassay.models.judge_net import JudgeNet, expected_dice
from segassay.training.batches import PairBatch
from segassay.training.settings import LossRecipe


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
    pixelwise = F.binary_cross_entropy_with_logits(logits, batch.gold, reduction="none")
    map_loss = (pixelwise * seen).sum() / seen.sum().clamp_min(1.0)
    mask = batch.crop[:, 3]
    filled = batch.kind >= 0
    predicted = expected_dice(logits.sigmoid() * seen, outside, mask)
    dice_loss = (predicted - batch.dice.nan_to_num()).abs()[filled].sum() / filled.sum().clamp_min(
        1
    )
    outside_loss = (torch.log1p(10 * outside) - torch.log1p(10 * batch.outside)).abs().mean()
    presence_loss = F.binary_cross_entropy_with_logits(presence.float(), batch.presence)
    kind_sum = F.cross_entropy(kind.float(), batch.kind, ignore_index=-1, reduction="sum")
    kind_loss = kind_sum / filled.sum().clamp_min(1)
    total = (
        map_loss
        + weights.dice * dice_loss
        + weights.outside * outside_loss
        + weights.presence * presence_loss
        + weights.kind * kind_loss
    )
    return LossParts(total, map_loss, dice_loss, outside_loss, presence_loss, kind_loss)
