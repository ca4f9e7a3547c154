"""The loss of a vision-language judge: regression and ranking as in the SegAE paper, mended.

The paper adds optimal-pair ranking to a squared error. Its partners are kept
(`sentinel_loss.optimal_partners`); what differs, and why, is in `docs/concepts/segae-vlm.md`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from segassay.models.segae_vlm import SegaeVlm
from segassay.training.batches import PairBatch
from segassay.training.sentinel_loss import optimal_partners
from segassay.vocabulary.vector import NAME_DIM

if TYPE_CHECKING:
    from segassay.training.vlm_settings import VlmRecipe


@dataclass(frozen=True, slots=True)
class VlmLossParts:
    """The total to descend, and its parts for the curves (means over the batch)."""

    total: Tensor
    dice: Tensor
    rank: Tensor
    size: Tensor
    presence: Tensor


def vlm_loss(net: SegaeVlm, batch: PairBatch, weights: "VlmRecipe") -> VlmLossParts:
    """Run the network on a batch and score its answers.

    Dice gets cross-entropy with the true Dice as target: its best answer is the mean, as that of a
    squared error, and it does not fall silent where the sigmoid is flat. Pairs without a mask have
    no Dice and teach size and presence only.
    """
    score, size, presence, _ = net(batch.crop, batch.field, batch.condition)
    score, size = score.float(), size.float()
    filled = batch.kind >= 0
    true = batch.dice[filled]
    if filled.any():
        dice_loss = F.binary_cross_entropy_with_logits(score[filled], true)
        partner = optimal_partners(batch.condition[filled, :NAME_DIM])
        rank_loss = margin_ranking(score[filled].sigmoid(), true, partner, share=weights.margin)
    else:
        dice_loss = rank_loss = score.sum() * 0.0
    area = batch.gold.mean(dim=(1, 2)) + batch.outside
    size_loss = (torch.log1p(10 * size) - torch.log1p(10 * area)).abs().mean()
    presence_loss = F.binary_cross_entropy_with_logits(presence.float(), batch.presence)
    total = (
        dice_loss
        + weights.rank * rank_loss
        + weights.size * size_loss
        + weights.presence * presence_loss
    )
    return VlmLossParts(total, dice_loss, rank_loss, size_loss, presence_loss)


def margin_ranking(predicted: Tensor, true: Tensor, partner: Tensor, *, share: float) -> Tensor:
    """Return the mean over samples i with partner j of `max(0, share |t_i - t_j| - d)`.

    d is how far the prediction of the truly better one lies above the other's. All arguments are
    `(b,)`, `partner` holds indices. Equal truth asks for nothing.
    """
    gap = true - true[partner]
    ahead = gap.sign() * (predicted - predicted[partner])
    return F.relu(share * gap.abs() - ahead).mean()
