"""Quality Sentinel's training (Chen, Zhou, Yuille, arXiv 2406.00327): a rival on our own data.

As published: network, crops, loss, Adam, and a cosine without warm-up. Not as published: it starts
from random weights instead of ImageNet's, keeps the last weights instead of the best of thirty
epochs, and its batch is the recipe's.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segassay.metrics.agreement import mean_absolute_error, pearson
from segassay.models.quality_sentinel import QualitySentinelNet
from segassay.training.batches import joined_batches
from segassay.training.course import (
    end_helpers,
    follow,
    launched,
    load_checkpoint,
    own_seed,
    save_checkpoint,
    tell_curves,
)
from segassay.training.material import Material
from segassay.training.progress import RunningMeans
from segassay.training.sentinel_loss import optimal_partners, ranking_loss, weighted_square_error
from segassay.training.sentinel_pairs import SentinelBatch, SentinelDraw, collate
from segassay.training.settings import JudgeRecipe
from segassay.types import Say

_LOOK_EVERY_S = 600.0
_TUNING_CROPS = 96


@dataclass(frozen=True, slots=True)
class SentinelLossParts:
    """The loss and its two halves, tensors without axes."""

    total: Tensor
    error: Tensor
    rank: Tensor


class SentinelTraining:
    """One training in one folder. Making it again in the same folder continues it.

    `material` holds sets with names in their usual plane (`sentinel_pairs.sentinel_material`).
    """

    def __init__(self, recipe: JudgeRecipe, material: Material, out: Path, *, say: Say) -> None:
        self.recipe, self.out, self.say = recipe, out, say
        self.draw = SentinelDraw(material.train, recipe.pairs, loose=True)
        tuning = SentinelDraw(material.tuning, recipe.pairs, loose=False)
        rng = np.random.default_rng(1)
        self.fixed = [tuning.batch(recipe.batch, rng) for _ in range(_TUNING_CROPS // recipe.batch)]
        self.fabric = launched(recipe)
        torch.manual_seed(recipe.seed)
        net = QualitySentinelNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.Adam(
            net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.net, self.optimizer = self.fabric.setup(net, optimizer)
        self.progress, _ = load_checkpoint(self.fabric, out, self._state(), say)

    def run(self) -> tuple[QualitySentinelNet, float, float, int]:
        """Learn until the recipe's minutes or updates are spent.

        Returns:
            The network, and on crops of the tuning subjects: Pearson, MAE and their number.
        """
        fresh = self._fresh()
        agreement = follow(
            self.fabric,
            self.recipe,
            self.progress,
            update=lambda share: self._update(next(fresh), share),
            look=self._look,
            save=lambda: save_checkpoint(self.fabric, self.out, self._state(), self.progress),
            look_every_s=_LOOK_EVERY_S,
        )
        end_helpers(self.fabric)
        return self.net.module.cpu(), *agreement, sum(len(batch.dice) for batch in self.fixed)

    def _fresh(self) -> Iterator[SentinelBatch]:
        r = self.recipe
        seed = (own_seed(self.fabric, r.seed), self.progress.restarts)
        return joined_batches(self.draw, collate, r.batch, seed=seed, workers=r.workers)

    def _update(self, batch: SentinelBatch, share: float) -> SentinelLossParts:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        self.net.train()
        answer, batch = self._answer(batch)
        error = weighted_square_error(answer, batch.dice)
        rank = ranking_loss(answer, batch.dice, optimal_partners(batch.text))
        self.optimizer.zero_grad()
        self.fabric.backward(error + rank)
        self.optimizer.step()
        self.progress.updates += 1
        self.progress.pairs += len(batch.dice) * self.fabric.world_size
        return SentinelLossParts(error + rank, error, rank)

    def _answer(self, batch: SentinelBatch) -> tuple[Tensor, SentinelBatch]:
        batch = SentinelBatch(*(self.fabric.to_device(t) for t in batch))
        slices = batch.slices.contiguous(memory_format=torch.channels_last)
        answer: Tensor = self.net(slices, batch.text)
        return answer.float(), batch

    @torch.no_grad()
    def _look(self, curve: RunningMeans) -> tuple[float, float]:
        """Write a row of the curves; return Pearson (NaN without spread) and MAE on tuning."""
        self.net.eval()
        answers = [self._answer(batch) for batch in self.fixed]
        predicted = torch.cat([answer for answer, _ in answers]).clamp(0, 1).double().cpu().numpy()
        true = torch.cat([batch.dice for _, batch in answers]).double().cpu().numpy()
        figures = pearson(predicted, true), mean_absolute_error(predicted, true)
        tuning = dict(zip(("tuning_pearson", "tuning_mae"), figures, strict=True))
        row = {**asdict(self.progress), **curve.take(), **tuning}
        tell_curves(self.fabric, self.out, row, self.say)
        return figures

    def _state(self) -> dict[str, Any]:
        return {"net": self.net, "optimizer": self.optimizer}
