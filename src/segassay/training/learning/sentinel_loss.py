"""The losses of Quality Sentinel (Chen, Zhou, Yuille, arXiv 2406.00327), as its code has them.

Kept for comparisons at equal updates, weak points included: the margin of 1e-4 hardly ever binds,
pairs far apart weigh more than close ones, and the partners are found anew on the CPU for every
batch, in time cubic in its size.
"""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

_WEIGHTS = ((0.3, 7.0), (0.5, 5.0), (0.7, 3.0), (0.9, 2.0))
"""Highest true Dice (included) and the weight up to there; above the last it is 1."""

_MARGIN = 1e-4


def sentinel_loss(predicted: Tensor, true: Tensor, text: Tensor) -> Tensor:
    """Return weighted squared error plus optimal-pair ranking, one each.

    Args:
        predicted: `(b,)`, the network's answers, not limited to [0, 1].
        true: `(b,)`, Dice in [0, 1].
        text: `(b, d)`, the text vectors of the samples' structures.

    Raises:
        ValueError: `b` is 0: an empty batch has no mean.
    """
    partner = optimal_partners(text)
    return weighted_square_error(predicted, true) + ranking_loss(predicted, true, partner)


def weighted_square_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the mean of `w(true) (predicted - true)^2`: bad masks are rare and weigh more.

    w is 7 up to a true Dice of .3, 5 up to .5, 3 up to .7, 2 up to .9, and 1 above.
    """
    weight = torch.ones_like(true)
    for limit, value in reversed(_WEIGHTS):
        weight = torch.where(true <= limit, value, weight)
    return (weight * (predicted - true).square()).mean()


def optimal_partners(text: Tensor) -> Tensor:
    """Give every sample another one to be compared with: `(b, d)` to indices `(b,)`.

    The permutation without fixed points that maximises the sum of the cosines between a sample's
    text vector and its partner's, so that samples of one structure meet. Partners need not be
    mutual. A sample alone in its batch is its own partner.

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


def ranking_loss(predicted: Tensor, true: Tensor, partner: Tensor) -> Tensor:
    """Return the mean over samples i with partner j of `max(0, 1e-4 - (p_i - p_j) (t_i - t_j))`.

    `predicted` and `true` are `(b,)`, `partner` holds indices `(b,)`. Two of equal truth, or a
    sample that is its own partner, add the margin and no gradient.
    """
    agreement = (predicted - predicted[partner]) * (true - true[partner])
    return F.relu(_MARGIN - agreement).mean()
