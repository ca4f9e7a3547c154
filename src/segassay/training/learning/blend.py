"""A judge between what it began as and what it became.

A network that learns on forgets some of what it knew. The average of its weights before and after
often does better than both, most of all on data unlike what it learned last (WiSE-FT, Wortsman et
al. 2022, arXiv 2109.01903).
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from segassay.training.learning.start import load_start
from segassay.training.samples.batches import PairBatch


def blend(net: nn.Module, start_from: str, share: float, batches: Sequence[PairBatch]) -> nn.Module:
    """Return a network whose weights are for `share` those of the judge that `net` began as.

    Means and spreads do not average: the normalisations count them anew.

    Args:
        net: The network that learned on; it stays as it is.
        start_from: Name or folder of the judge that it began as.
        share: From 0, `net` alone, to 1.
        batches: What to count means and spreads on, of the training's pairs.

    Raises:
        ModelError: There is no such judge, or its network is another one.
    """
    blended, start = deepcopy(net), deepcopy(net)
    load_start(start, start_from)
    with torch.no_grad():
        for mixed, begun in zip(blended.parameters(), start.parameters(), strict=True):
            mixed.lerp_(begun, share)
    update_bn([[batch] for batch in batches], _OfBatches(blended))
    return blended


class _OfBatches(nn.Module):
    """A network as `update_bn` asks it: for one thing, a batch."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: PairBatch) -> Any:
        """Answer a batch, on the device of the network."""
        device = next(self.net.parameters()).device
        return self.net(*(part.to(device) for part in (batch.crop, batch.field, batch.condition)))
