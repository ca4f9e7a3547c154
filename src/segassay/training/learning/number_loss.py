"""The loss of judges that answer with one number: regression, and ranking beside it.

The SegAE paper adds optimal-pair ranking to a squared error. Its partners are kept
(`optimal_partners`); what differs, and why, is in `docs/concepts/segae-vlm.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.training.samples.batches import PairBatch
from segassay.training.settings import NumberLossRecipe
from segassay.vocabulary.vector import NAME_DIM


@dataclass(frozen=True, slots=True)
class NumberLossParts:
    """The total to descend, and its parts for the curves (means over the batch)."""

    total: Tensor
    dice: Tensor
    rank: Tensor
    size: Tensor
    presence: Tensor


DiceLoss = Callable[[Tensor, Tensor, Tensor, NumberLossRecipe], tuple[Tensor, Tensor]]
"""From raw answers `(b,)`, true Dice `(b,)` and name vectors `(b, d)` to two parts of the loss."""


def number_loss(
    net: nn.Module, batch: PairBatch, weights: NumberLossRecipe, of_dice: DiceLoss
) -> NumberLossParts:
    """Run the network on a batch and score its answers.

    Pairs without a mask have no Dice and teach size and presence only.
    """
    score, size, presence, _ = net(batch.crop, batch.field, batch.condition)
    score, size = score.float(), size.float()
    filled = batch.kind >= 0
    if filled.any():
        names = batch.condition[filled, :NAME_DIM]
        dice_loss, rank_loss = of_dice(score[filled], batch.dice[filled], names, weights)
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
    return NumberLossParts(total, dice_loss, rank_loss, size_loss, presence_loss)


def regression(
    score: Tensor, true: Tensor, names: Tensor, weights: NumberLossRecipe
) -> tuple[Tensor, Tensor]:
    """Score logits of Dice by cross-entropy with the true Dice as target, and their ranking.

    Its best answer is the mean, as that of a squared error, and it does not fall silent where the
    sigmoid is flat.
    """
    dice_loss = F.binary_cross_entropy_with_logits(score, true)
    if not weights.rank:
        return dice_loss, dice_loss.detach() * 0.0
    partner = optimal_partners(names)
    return dice_loss, margin_ranking(score.sigmoid(), true, partner, share=weights.margin)


def optimal_partners(text: Tensor) -> Tensor:
    """Give every sample another one to be compared with: `(b, d)` to indices `(b,)`.

    The permutation without fixed points that maximises the sum of the cosines between a sample's
    text vector and its partner's, so that samples of one structure meet. Partners need not be
    mutual. Found on the CPU, in time cubic in `b`. A sample alone in its batch is its own partner.

    Raises:
        ValueError: The batch is empty.
    """
    if len(text) == 0:
        raise ValueError(f"no samples to pair: text vectors of shape {tuple(text.shape)}")
    if len(text) == 1:
        return torch.zeros(1, dtype=torch.long, device=text.device)
    unit = F.normalize(text.detach().double(), dim=1)
    cost = -(unit @ unit.T).cpu().numpy()
    cost[range(len(cost)), range(len(cost))] = float("inf")
    _, partner = linear_sum_assignment(cost)
    return torch.as_tensor(partner, device=text.device)


def margin_ranking(predicted: Tensor, true: Tensor, partner: Tensor, *, share: float) -> Tensor:
    """Return the mean over samples i with partner j of `max(0, share |t_i - t_j| - d)`.

    d is how far the prediction of the truly better one lies above the other's. All arguments are
    `(b,)`, `partner` holds indices. Equal truth asks for nothing.
    """
    gap = true - true[partner]
    ahead = gap.sign() * (predicted - predicted[partner])
    return F.relu(share * gap.abs() - ahead).mean()
