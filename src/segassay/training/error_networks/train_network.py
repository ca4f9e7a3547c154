"""Training of one segmenter on all data sets of one fold; early to late copies are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.losses import DiceLoss
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segassay.training.error_networks.architectures import Segmenter
from segassay.training.error_networks.square_slices import SquareCase, with_neighbours
from segassay.training.learning.seeded import seeded
from segassay.training.samples.augment import tone_curve
from segassay.training.settings import SegmenterRecipe

_EMPTY_SHARE = 0.15
_SETTLING = 4
"""Batches from which a set's averages for normalisation are taken."""


@dataclass(frozen=True, slots=True, eq=False)
class FoldSet:
    """The cases of one data set that a segmenter learns from; `weight` as in the judge's recipe."""

    name: str
    structures: tuple[str, ...]
    weight: float
    cases: tuple[SquareCase, ...]


Weights = Mapping[str, Tensor]


def fit_segmenter(
    kind: str, sets: Sequence[FoldSet], recipe: SegmenterRecipe, *, seed: int
) -> list[Weights]:
    """Train one network and return its weights at the recipe's shares of the updates, in order."""
    with seeded(seed):
        return _fit(kind, sets, recipe, np.random.default_rng(seed))


def _fit(
    kind: str, sets: Sequence[FoldSet], recipe: SegmenterRecipe, rng: np.random.Generator
) -> list[Weights]:
    heads = {s.name: len(s.structures) for s in sets}
    net = Segmenter(kind, heads).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.learning_rate, weight_decay=1e-2)
    dice = DiceLoss(sigmoid=True, batch=True)
    shares = np.array([s.weight for s in sets]) / sum(s.weight for s in sets)
    moments = [max(1, round(share * recipe.updates)) for share in recipe.snapshots]
    kept: list[Weights] = []
    for update in range(1, moments[-1] + 1):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - 0.95 * update / recipe.updates)
        chosen = sets[int(rng.choice(len(sets), p=shares))]
        planes, gold = _batch(chosen, recipe.batch, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(planes, chosen.name)
        logits = logits.float()
        loss = F.binary_cross_entropy_with_logits(logits, gold) + dice(logits, gold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update in moments:
            kept.append(settled(net, sets, recipe.batch, rng))
    return kept


def settled(
    net: Segmenter, sets: Sequence[FoldSet], batch: int, rng: np.random.Generator
) -> Weights:
    """Return the weights as they are, with the averages of every set taken anew."""
    for chosen in sets:
        net.settle(chosen.name, (_batch(chosen, batch, rng)[0] for _ in range(_SETTLING)))
    net.train()
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def _batch(chosen: FoldSet, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    drawn = [_draw(chosen, rng) for _ in range(size)]
    planes = torch.from_numpy(np.stack([planes for planes, _ in drawn]))
    gold = torch.from_numpy(np.stack([gold for _, gold in drawn]).astype(np.float32))
    return planes.contiguous(memory_format=torch.channels_last), gold


def _draw(
    chosen: FoldSet, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    case = chosen.cases[int(rng.integers(len(chosen.cases)))]
    filled = case.filled
    anywhere = rng.random() < _EMPTY_SHARE or not filled.size
    places = case.labelled
    index = int(places[rng.integers(len(places))] if anywhere else rng.choice(filled))
    seen = with_neighbours(case.planes, index)
    return standardise(tone_curve(rng)[seen]), case.gold[:, index]


def standardise(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring each slice `(..., n, n)` to zero mean and unit spread, as for the judge."""
    mean = planes.mean(axis=(-2, -1), keepdims=True)
    spread = planes.std(axis=(-2, -1), keepdims=True)
    return np.asarray((planes - mean) / np.maximum(spread, 1e-6), dtype=np.float32)
