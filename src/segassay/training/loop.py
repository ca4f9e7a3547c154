"""The training loop: resumes where it stopped, keeps a moving average, writes its curves.

The length of a training is given in minutes of learning, so that the same recipe ends on a laptop
and on a GPU and the better machine gives the better judge; or in updates, so that recipes can be
compared with one another.
"""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from segassay.data.preprocess import JudgePreprocess
from segassay.training.batches import EchoPool, PairBatch, fresh_batches
from segassay.training.loss import LossParts
from segassay.training.material import Material
from segassay.training.networks import NETWORKS, build_net
from segassay.training.number_loss import NumberLossParts
from segassay.training.pairs import PairDraw
from segassay.training.progress import Clock, Progress, RunningMeans, append_row
from segassay.training.settings import JudgeRecipe
from segassay.training.start import load_start
from segassay.training.tuning import evaluate, fixed_batches
from segassay.types import Say

_SAVE_EVERY_S = 120.0
_LOOK_EVERY_S = 300.0
_WARM_UP = 0.02
_TUNING_PAIRS = 1024


def learning_rate(recipe: JudgeRecipe, share: float) -> float:
    """Return the learning rate at a share of the training time: short warm-up, then cosine."""
    if share < _WARM_UP:
        return recipe.learning_rate * max(share / _WARM_UP, 0.01)
    left = (share - _WARM_UP) / (1 - _WARM_UP)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(left, 1.0))))


def _average(decay: float) -> Callable[..., None]:
    average: Callable[..., None] = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return average


class JudgeTraining:
    """One training in one folder. Making it again in the same folder continues it."""

    def __init__(self, recipe: JudgeRecipe, material: Material, out: Path, *, say: Say) -> None:
        self.recipe, self.out, self.say = recipe, out, say
        self.preprocess = JudgePreprocess()
        self.draw = PairDraw(material.train, self.preprocess, recipe.pairs)
        tuning = PairDraw(material.tuning, self.preprocess, recipe.pairs)
        self.fixed = fixed_batches(tuning, _TUNING_PAIRS, batch=recipe.batch, seed=1)
        self.fabric = Fabric(accelerator="auto", devices=1, precision=recipe.precision)
        self.kind = NETWORKS[recipe.network]
        net = build_net(recipe, material.structures)
        if recipe.start_from is not None:
            load_start(net, recipe.start_from)
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        decay = 0.5 ** (1 / recipe.ema_halflife)
        self.average = AveragedModel(net, multi_avg_fn=_average(decay), use_buffers=True)
        self.average.to(self.fabric.device)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.net, self.optimizer = self.fabric.setup(net, optimizer)
        self.progress = Progress()
        self._resume()

    @property
    def averaged_net(self) -> torch.nn.Module:
        """The moving average of the weights: what is evaluated and exported."""
        return self.average.module

    def run(self) -> torch.nn.Module:
        """Learn until the recipe's minutes or updates are spent; return the averaged network."""
        saved = looked = self.progress.seconds
        curve = RunningMeans()
        pool, rng = self._pool()
        clock = Clock(self.progress.seconds)
        while (done := self._done(clock.seconds)) < 1:
            curve.add(self._update(pool(rng), done))
            self.progress.seconds = clock.seconds
            if clock.seconds - looked > _LOOK_EVERY_S:
                looked = clock.seconds
                self._look(curve)
            if clock.seconds - saved > _SAVE_EVERY_S:
                saved = clock.seconds
                self._save()
        self._look(curve)
        self._save()
        return self.averaged_net

    def _done(self, seconds: float) -> float:
        """Return the share of the training that is behind, 1 or more at its end."""
        if self.recipe.updates is not None:
            return self.progress.updates / self.recipe.updates
        return seconds / (self.recipe.minutes * 60)

    def _pool(self) -> tuple[EchoPool, np.random.Generator]:
        r = self.recipe
        seed = (r.seed, self.progress.restarts)
        fresh = fresh_batches(self.draw, r.batch // r.echo, seed=seed, workers=r.workers)
        return EchoPool(fresh, r.batch, size=r.pool), np.random.default_rng((*seed, 7))

    def _update(self, batch: PairBatch, share: float) -> LossParts | NumberLossParts:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, share)
        batch = PairBatch(*(self.fabric.to_device(t) for t in batch))
        batch = batch._replace(crop=batch.crop.contiguous(memory_format=torch.channels_last))
        self.net.train()
        parts = self.kind.loss(self.net, batch, self.recipe)
        self.optimizer.zero_grad()
        self.fabric.backward(parts.total)
        self.fabric.clip_gradients(self.net, self.optimizer, max_norm=2.0)
        self.optimizer.step()
        self.average.update_parameters(self.net.module)
        self.progress.updates += 1
        self.progress.pairs += len(batch.dice)
        return parts

    def _look(self, curve: RunningMeans) -> None:
        result = evaluate(self.averaged_net, self.fixed, verdict=self.kind.verdict)
        row = {
            **asdict(self.progress),
            **curve.take(),
            "tuning_pearson": result.pearson,
            "tuning_mae": result.mae,
            "tuning_presence": result.presence_accuracy,
        }
        row = {key: round(value, 5) for key, value in row.items()}
        append_row(self.out / "curves.csv", row)
        self.say(", ".join(f"{key} {value}" for key, value in row.items()))

    def _save(self) -> None:
        state: dict[str, Any] = {
            "net": self.net,
            "average": self.average.state_dict(),
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
        state: dict[str, Any] = {"net": self.net, "optimizer": self.optimizer}
        rest = self.fabric.load(path, state)
        self.average.load_state_dict(rest["average"])
        self.progress = Progress(**rest["progress"])
        self.progress.restarts += 1
        self.say(f"continuing after {self.progress.seconds / 60:.1f} minutes")
