"""The losses of Quality Sentinel (Chen, Zhou, Yuille, arXiv 2406.00327), as its code has them.

For comparisons at equal updates, weak points included: the margin of 1e-4 hardly ever binds, and
pairs far apart weigh more than close ones. Its partners are those of
`training.learning.number_loss.optimal_partners`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_WEIGHTS = ((0.3, 7.0), (0.5, 5.0), (0.7, 3.0), (0.9, 2.0))
"""Highest true Dice (included) and the weight up to there; above the last it is 1."""

_MARGIN = 1e-4


def weighted_square_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the mean of `w(true) (predicted - true)^2`: bad masks are rare and weigh more.

    w is 7 up to a true Dice of .3, 5 up to .5, 3 up to .7, 2 up to .9, and 1 above.
    """
    weight = torch.ones_like(true)
    for limit, value in reversed(_WEIGHTS):
        weight = torch.where(true <= limit, value, weight)
    return (weight * (predicted - true).square()).mean()


def ranking_loss(predicted: Tensor, true: Tensor, partner: Tensor) -> Tensor:
    """Return the mean over samples i with partner j of `max(0, 1e-4 - (p_i - p_j) (t_i - t_j))`.

    `predicted` and `true` are `(b,)`, `partner` holds indices `(b,)`. Two of equal truth, or a
    sample that is its own partner, add the margin and no gradient.
    """
    agreement = (predicted - predicted[partner]) * (true - true[partner])
    return F.relu(_MARGIN - agreement).mean()
