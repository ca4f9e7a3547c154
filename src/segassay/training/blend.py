"""A judge between what it began as and what it became.

A network that learns on forgets some of what it knew. The average of its weights before and after
often does better than both, most of all on data unlike what it learned last (WiSE-FT, Wortsman et
al. 2022, arXiv 2109.01903).
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import nn

from segassay.training.batches import PairBatch
from segassay.training.start import load_start


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
    _count_anew(blended, batches)
    return blended


@torch.no_grad()
def _count_anew(net: nn.Module, batches: Sequence[PairBatch]) -> None:
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None  # the plain mean over all batches
    net.train()
    device = next(net.parameters()).device
    for batch in batches:
        net(batch.crop.to(device), batch.field.to(device), batch.condition.to(device))
    net.eval()
