"""How well the judge does on subjects kept from its weights: fixed pairs, drawn once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segassay.training.samples.batches import PairBatch, collate
from segassay.training.samples.training_pairs import PairDraw


@dataclass(frozen=True, slots=True, eq=False)
class TuningResult:
    """Predicted and true Dice of the pairs with a mask, and presence of all pairs."""

    predicted: NDArray[np.float64]
    true: NDArray[np.float64]
    presence: NDArray[np.float64]
    present: NDArray[np.bool_]

    @property
    def pearson(self) -> float:
        """Correlation of predicted and true Dice."""
        return float(np.corrcoef(self.predicted, self.true)[0, 1])

    @property
    def mae(self) -> float:
        """Mean absolute error of the predicted Dice."""
        return float(np.abs(self.predicted - self.true).mean())

    @property
    def presence_accuracy(self) -> float:
        """Share of pairs whose presence is told right at one half."""
        return float(((self.presence > 0.5) == self.present).mean())


def fixed_batches(draw: PairDraw, n_pairs: int, *, batch: int, seed: int) -> list[PairBatch]:
    """Draw the pairs that every evaluation of a training uses."""
    rng = np.random.default_rng(seed)
    return [collate([draw(rng) for _ in range(batch)]) for _ in range(n_pairs // batch)]


@torch.no_grad()
def evaluate(
    net: nn.Module,
    batches: Sequence[PairBatch],
    *,
    verdict: Callable[[Any, PairBatch], tuple[Tensor, Tensor]],
) -> TuningResult:
    """Judge fixed pairs with `net` in evaluation mode; `verdict` as in `networks.NetworkKind`.

    The pairs may lie on another device than the network.
    """
    net.eval()
    device = next(net.parameters()).device
    answers = [(verdict(net, PairBatch(*(t.to(device) for t in b))), b) for b in batches]
    predicted = torch.cat([a[0].cpu() for a, _ in answers])
    presence = torch.cat([a[1].cpu() for a, _ in answers])
    true = torch.cat([b.dice for _, b in answers])
    present = torch.cat([b.presence for _, b in answers])
    filled = ~true.isnan()
    return TuningResult(
        predicted[filled].double().numpy(),
        true[filled].double().numpy(),
        presence.double().numpy(),
        (present > 0.5).numpy(),
    )
