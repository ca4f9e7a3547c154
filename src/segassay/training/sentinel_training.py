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
from lightning_fabric import Fabric
from torch import Tensor

from segassay.metrics.agreement import mean_absolute_error, pearson
from segassay.models.quality_sentinel import QualitySentinelNet
from segassay.training.batches import joined_batches
from segassay.training.material import Material
from segassay.training.progress import Clock, Progress, RunningMeans, append_row
from segassay.training.sentinel_loss import optimal_partners, ranking_loss, weighted_square_error
from segassay.training.sentinel_pairs import SentinelBatch, SentinelDraw, collate
from segassay.training.settings import JudgeRecipe
from segassay.types import Say

_SAVE_EVERY_S = 120.0
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
        self.fabric = Fabric(accelerator="auto", devices=1, precision=recipe.precision)
        torch.manual_seed(recipe.seed)
        net = QualitySentinelNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.Adam(
            net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.net, self.optimizer = self.fabric.setup(net, optimizer)
        self.progress = Progress()
        self._resume()

    def run(self) -> tuple[QualitySentinelNet, float, float, int]:
        """Learn until the recipe's minutes or updates are spent.

        Returns:
            The network, and on crops of the tuning subjects: Pearson, MAE and their number.
        """
        saved = looked = self.progress.seconds
        curve = RunningMeans()
        fresh = self._fresh()
        clock = Clock(self.progress.seconds)
        while (done := self._done(clock.seconds)) < 1:
            curve.add(self._update(next(fresh), done))
            self.progress.seconds = clock.seconds
            if clock.seconds - looked > _LOOK_EVERY_S:
                looked = clock.seconds
                self._look(curve)
            if clock.seconds - saved > _SAVE_EVERY_S:
                saved = clock.seconds
                self._save()
        agreement = self._look(curve)
        self._save()
        return self.net.module.cpu(), *agreement, sum(len(batch.dice) for batch in self.fixed)

    def _fresh(self) -> Iterator[SentinelBatch]:
        r = self.recipe
        seed = (r.seed, self.progress.restarts)
        return joined_batches(self.draw, collate, r.batch, seed=seed, workers=r.workers)

    def _done(self, seconds: float) -> float:
        """Return the share of the training that is behind, 1 or more at its end."""
        if self.recipe.updates is not None:
            return self.progress.updates / self.recipe.updates
        return seconds / (self.recipe.minutes * 60)

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
        self.progress.pairs += len(batch.dice)
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
        row = {key: round(value, 5) for key, value in row.items()}
        append_row(self.out / "curves.csv", row)
        self.say(", ".join(f"{key} {value}" for key, value in row.items()))
        return figures

    def _save(self) -> None:
        state: dict[str, Any] = {
            "net": self.net,
            "optimizer": self.optimizer,
            "progress": asdict(self.progress),
        }
        fresh = self.out / "checkpoint.new"
        self.fabric.save(fresh, state)
        fresh.replace(self.out / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        rest = self.fabric.load(path, {"net": self.net, "optimizer": self.optimizer})
        self.progress = Progress(**rest["progress"])
        self.progress.restarts += 1
        self.say(f"continuing after {self.progress.seconds / 60:.1f} minutes")
