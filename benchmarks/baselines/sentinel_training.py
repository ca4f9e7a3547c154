"""Quality Sentinel's training (Chen, Zhou, Yuille, arXiv 2406.00327): a rival on our own data.

As published: network, crops, loss, Adam, and a cosine without warm-up. Not as published: it starts
from random weights instead of ImageNet's, keeps the last weights instead of the best of thirty
epochs, and its batch is the recipe's.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.baselines.sentinel_loss import ranking_loss, weighted_square_error
from benchmarks.baselines.sentinel_pairs import SentinelBatch, SentinelDraw, collate
from segassay.judge.networks.quality_sentinel import QualitySentinelNet
from segassay.metrics.agreement import mean_absolute_error, pearson
from segassay.training.learning.course import Course
from segassay.training.learning.number_loss import optimal_partners
from segassay.training.learning.progress import Progress, RunningMeans
from segassay.training.learning.seeded import seeded
from segassay.training.material.material import Material
from segassay.training.samples.batches import joined_batches
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
        self.recipe = recipe
        self.draw = SentinelDraw(material.train, recipe.pairs, loose=True)
        tuning = SentinelDraw(material.tuning, recipe.pairs, loose=False)
        rng = np.random.default_rng(1)
        self.fixed = [tuning.batch(recipe.batch, rng) for _ in range(_TUNING_CROPS // recipe.batch)]
        self.course = Course(recipe, out, say)
        with seeded(recipe.seed):
            net = QualitySentinelNet()
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.Adam(
            net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.net, self.optimizer = self.course.fabric.setup(net, optimizer)
        self.course.load(self._state())

    @property
    def progress(self) -> Progress:
        """How far the training is."""
        return self.course.progress

    def run(self) -> tuple[QualitySentinelNet, float, float, int]:
        """Learn until the recipe's minutes or updates are spent.

        Returns:
            The network, and on crops of the tuning subjects: Pearson, MAE and their number.

        Raises:
            HelperDone: In all processes but the first, where there are several.
        """
        fresh = self._fresh()
        agreement = self.course.follow(
            update=lambda share: self._update(next(fresh), share),
            look=self._look,
            state=self._state,
            look_every_s=_LOOK_EVERY_S,
        )
        return self.net.module.cpu(), *agreement, sum(len(batch.dice) for batch in self.fixed)

    def _fresh(self) -> Iterator[SentinelBatch]:
        r = self.recipe
        return joined_batches(self.draw, collate, r.batch, seed=self.course.seed, workers=r.workers)

    def _update(self, batch: SentinelBatch, share: float) -> SentinelLossParts:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        self.net.train()
        answer, batch = self._answer(batch)
        error = weighted_square_error(answer, batch.dice)
        rank = ranking_loss(answer, batch.dice, optimal_partners(batch.text))
        self.optimizer.zero_grad()
        self.course.fabric.backward(error + rank)
        self.optimizer.step()
        self.course.count(len(batch.dice))
        return SentinelLossParts(error + rank, error, rank)

    def _answer(self, batch: SentinelBatch) -> tuple[Tensor, SentinelBatch]:
        batch = SentinelBatch(*(self.course.fabric.to_device(t) for t in batch))
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
        self.course.tell(curve.take() | tuning)
        return figures

    def _state(self) -> dict[str, Any]:
        return {"net": self.net, "optimizer": self.optimizer}
