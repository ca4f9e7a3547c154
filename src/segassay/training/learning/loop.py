"""The training loop of judges: resumes where it stopped, keeps a moving average."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.training.learning.blend import blend
from segassay.training.learning.course import Course
from segassay.training.learning.loss import LossParts
from segassay.training.learning.networks import build_net, network_of
from segassay.training.learning.number_loss import NumberLossParts
from segassay.training.learning.progress import Progress, RunningMeans
from segassay.training.learning.start import load_start
from segassay.training.learning.tuning import evaluate, fixed_batches
from segassay.training.material.material import Material
from segassay.training.samples.batches import EchoPool, PairBatch, fresh_batches
from segassay.training.samples.training_pairs import PairDraw
from segassay.training.settings import JudgeRecipe
from segassay.types import Say

_WARM_UP = 0.02
_TUNING_PAIRS = 1024
_BLENDING_PAIRS = 2048


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
        self.recipe = recipe
        self.preprocess = JudgePreprocess()
        worlds = material.worlds or None
        self.draw = PairDraw(material.train, self.preprocess, recipe.pairs, worlds)
        tuning = PairDraw(material.tuning, self.preprocess, recipe.pairs, worlds)
        self.fixed = fixed_batches(tuning, _TUNING_PAIRS, batch=recipe.batch, seed=1)
        self.course = Course(recipe, out, say)
        self.kind = network_of(recipe)
        net = build_net(recipe, material.structures)
        if recipe.start_from is not None:
            load_start(net, recipe.start_from)
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        decay = 0.5 ** (1 / recipe.ema_halflife)
        self.average = AveragedModel(net, multi_avg_fn=_average(decay), use_buffers=True)
        self.average.to(self.course.fabric.device)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.net, self.optimizer = self.course.fabric.setup(net, optimizer)
        rest = self.course.load({"net": self.net, "optimizer": self.optimizer})
        if rest:
            self.average.load_state_dict(rest["average"])

    @property
    def progress(self) -> Progress:
        """How far the training is."""
        return self.course.progress

    @property
    def averaged_net(self) -> torch.nn.Module:
        """The moving average of the weights: what is evaluated."""
        return self.average.module

    def run(self) -> torch.nn.Module:
        """Learn until the recipe's minutes or updates are spent; return the finished network.

        Raises:
            HelperDone: In all processes but the first, where there are several.
        """
        pool, rng = self._pool()
        self.course.follow(
            update=lambda share: self._update(pool(rng), share),
            look=self._look,
            state=self._state,
        )
        return self._finished()

    def _finished(self) -> torch.nn.Module:
        """Return the moving average, with the recipe's share of what it began as."""
        start, share = self.recipe.start_from, self.recipe.keep_of_start
        if start is None or not share:
            return self.averaged_net
        pairs = fixed_batches(self.draw, _BLENDING_PAIRS, batch=self.recipe.batch, seed=2)
        return blend(self.averaged_net, start, share, pairs)

    def _pool(self) -> tuple[EchoPool, np.random.Generator]:
        r, seed = self.recipe, self.course.seed
        fresh = fresh_batches(self.draw, r.batch // r.echo, seed=seed, workers=r.workers)
        return EchoPool(fresh, r.batch, size=r.pool), np.random.default_rng((*seed, 7))

    def _update(self, batch: PairBatch, share: float) -> LossParts | NumberLossParts:
        fabric = self.course.fabric
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, share)
        batch = PairBatch(*(fabric.to_device(t) for t in batch))
        batch = batch._replace(crop=batch.crop.contiguous(memory_format=torch.channels_last))
        self.net.train()
        parts = self.kind.loss(self.net, batch, self.recipe)
        self.optimizer.zero_grad()
        fabric.backward(parts.total)
        fabric.clip_gradients(self.net, self.optimizer, max_norm=2.0)
        self.optimizer.step()
        self.average.update_parameters(self.net.module)
        self.course.count(len(batch.dice))
        return parts

    def _look(self, curve: RunningMeans) -> None:
        result = evaluate(self.averaged_net, self.fixed, verdict=self.kind.verdict)
        tuning = {
            "tuning_pearson": result.pearson,
            "tuning_mae": result.mae,
            "tuning_presence": result.presence_accuracy,
        }
        self.course.tell(curve.take() | tuning)

    def _state(self) -> dict[str, Any]:
        average = self.average.state_dict()
        return {"net": self.net, "optimizer": self.optimizer, "average": average}
