"""The loop in which a segmenter learns: it looks now and then, stops and goes on any time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import cos, nan, pi
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from segassay.judge.networks.precision import usual_precision
from segassay.metrics.overlap import dice
from segassay.segment.augment import augmentation
from segassay.segment.checkpoint import (
    append_row,
    load_checkpoint,
    moving_average,
    save_checkpoint,
)
from segassay.segment.examples import Example, Patches, Survey
from segassay.segment.loss import segmentation_loss
from segassay.segment.model_folder import CHECKPOINT
from segassay.segment.networks import LiteUNet, build_network
from segassay.segment.pretrained import load_encoder
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.windows import probabilities
from segassay.types import Say, counted

CURVES = "curves.csv"
_DECAY = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Patches on the device, see `examples.Patch`."""

    image: Tensor
    target: Tensor
    known: Tensor
    weight: Tensor
    grey: Tensor


class SegmenterTraining:
    """Network, optimizer and how far they are; other ways of learning override `loss`.

    Attributes:
        keeps_last: Whether the weights at the end are kept, not those that validated best.
    """

    keeps_last = False

    def __init__(
        self,
        found: Survey,
        recipe: SegmentationRecipe,
        train: Sequence[Example],
        tune: Sequence[Example],
        out: Path,
        say: Say,
    ) -> None:
        self.found, self.recipe, self.tune, self.out, self.say = found, recipe, tune, out, say
        pre = found.preprocessing
        self.exclusive = found.exclusive and recipe.loss != "dice+0.5bce"
        self.patches = Patches(train, found.structures, pre, recipe.foreground)
        self.augment = augmentation(found) if recipe.augment else None
        precision = recipe.precision if recipe.precision != "auto" else usual_precision()
        self.fabric = Fabric(accelerator="auto", devices=1, precision=precision)
        torch.manual_seed(recipe.seed)
        net, *others = self.networks()
        groups = [group for one in (net, *others) for group in _groups(one, recipe)]
        optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        self.net, self.optimizer = self.fabric.setup(net, optimizer)
        self.others = [self.fabric.setup_module(one) for one in others]
        self.average = AveragedModel(
            self.net.module, avg_fn=moving_average(_DECAY), use_buffers=True
        )
        self.updates, self.seconds, self.best = 0, 0.0, -1.0
        self.kept: Mapping[str, Tensor] | None = None

    def networks(self) -> list[nn.Module]:
        """Build the networks that learn, the one that is to be kept first."""
        return [self.new_network()]

    def new_network(self) -> nn.Module:
        """Build a network of the recipe."""
        maps = len(self.found.structures) + self.exclusive
        net = build_network(self.recipe, self.found.preprocessing.inputs, maps)
        if isinstance(net, LiteUNet):
            load_encoder(net.encoder)
        if self.recipe.axes == 2:
            net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return net

    def run(self) -> None:
        """Learn until the updates or minutes are over; look now and then and in the end."""
        recipe = self.recipe
        self._load()
        rng = np.random.default_rng((recipe.seed, self.updates))
        begun, before = monotonic(), self.seconds
        lost: list[float] = []
        while (share := self._share()) < 1:
            lost.append(self._update(share, rng))
            self.updates += 1
            self.seconds = before + monotonic() - begun
            if self.updates % recipe.look_every == 0:
                self._look(lost)
                lost = []
            if self.updates % recipe.save_every == 0:
                self._save()
        if lost or self.kept is None:
            self._look(lost)
        self._save()

    def best_net(self) -> nn.Module:
        """Return the averaged network with the best weights that were seen."""
        net: nn.Module = self.average.module
        if self.kept is not None:
            net.load_state_dict(self.kept)
        return net.eval()

    def _share(self) -> float:
        done = self.updates / self.recipe.updates
        if self.recipe.minutes is not None:
            done = max(done, self.seconds / (60 * self.recipe.minutes))
        return done

    def _update(self, share: float, rng: np.random.Generator) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = group["first"] * (0.01 + 0.99 * (1 + cos(pi * share)) / 2)
        for net in (self.net, *self.others):
            net.train()
        loss = self.loss(share, rng)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        for net in (self.net, *self.others):
            self.fabric.clip_gradients(net, self.optimizer, max_norm=5.0)
        self.optimizer.step()
        self.average.update_parameters(self.net.module)
        return float(loss.detach())

    def loss(self, share: float, rng: np.random.Generator) -> Tensor:
        """Return the loss of the next batch; `share` of the training is over."""
        del share
        batch = self.drawn(self.patches, self.recipe.batch, rng)
        return self.supervised(self.net, batch)

    def drawn(self, patches: Patches, n: int, rng: np.random.Generator) -> Batch:
        """Draw a batch of patches, changed at random, onto the device."""
        drawn = [patches.draw(rng) for _ in range(n)]
        if self.augment is not None:
            drawn = [self.augment(one, rng) for one in drawn]
        return Batch(
            *(
                self.fabric.to_device(
                    torch.from_numpy(np.stack([getattr(one, field.name) for one in drawn]))
                )
                for field in fields(Batch)
            )
        )

    def supervised(self, net: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of a network on labelled patches."""
        logits = net(batch.image).float()
        return segmentation_loss(
            logits, batch.target, batch.weight, batch.known, exclusive=self.exclusive
        )

    def looked(self, validation_dice: float) -> dict[str, float]:
        """Take notice of a validation, NaN without one; return further columns of the curve."""
        del validation_dice
        return {}

    def further_state(self) -> dict[str, Any]:
        """Return what a checkpoint has besides."""
        return {"others": [net.state_dict() for net in self.others]}

    def load_further_state(self, state: dict[str, Any]) -> None:
        """Go on from `further_state`."""
        for net, own in zip(self.others, state["others"], strict=True):
            net.load_state_dict(own)

    def _look(self, lost: Sequence[float]) -> None:
        """Validate the averaged weights; keep them where they are the best so far."""
        found = self._validated() if self.tune else nan
        if not self.tune or self.keeps_last or found > self.best:
            self.best = found
            state = self.average.module.state_dict()
            self.kept = {name: value.detach().clone() for name, value in state.items()}
        row = {
            "updates": self.updates,
            "seconds": round(self.seconds, 1),
            "loss": round(float(np.mean(lost)), 5) if lost else nan,
            "validation_dice": round(found, 5),
            **self.looked(found),
        }
        append_row(self.out / CURVES, row)
        self.say(", ".join(f"{key} {value}" for key, value in row.items()))

    @torch.no_grad()
    def _validated(self) -> float:
        net = self.average.module.eval()

        def answer(batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            """Return the probabilities of patches."""
            said = net(self.fabric.to_device(torch.from_numpy(batch))).float()
            p = torch.softmax(said, 1) if self.exclusive else torch.sigmoid(said)
            return np.asarray(p.cpu().numpy())

        scores = []
        pre = self.found.preprocessing
        for one in self.tune:
            array = one.image.astype(np.float32)
            p = probabilities(array, answer, pre.patch, neighbours=pre.neighbours)
            told = hard_masks(p, exclusive=self.exclusive)
            known = ~np.asarray(one.unknown)
            scores += [
                dice(np.asarray(mask) & known, told[self.found.structures.index(name)] & known)
                for name, mask in one.masks.items()
                if one.weights[name] > 0
            ]
        # Both empty is right, and says nothing of how well a structure is found: left out.
        known_scores = [score for score in scores if not np.isnan(score)]
        return float(np.mean(known_scores)) if known_scores else 0.0

    def _save(self) -> None:
        state = {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "kept": self.kept,
            "progress": {"updates": self.updates, "seconds": self.seconds, "best": self.best},
            "recipe": self.recipe.model_dump(mode="json"),
            **self.further_state(),
        }
        save_checkpoint(self.out / CHECKPOINT, state)

    def _load(self) -> None:
        state = load_checkpoint(self.out / CHECKPOINT, self.recipe.model_dump(mode="json"))
        if state is None:
            return
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.load_further_state(state)
        self.kept = state["kept"]
        progress = state["progress"]
        self.updates, self.seconds, self.best = (
            progress[key] for key in ("updates", "seconds", "best")
        )
        self.say(f"going on after {counted(self.updates, 'update')}")


def hard_masks(p: np.ndarray[Any, Any], *, exclusive: bool) -> np.ndarray[Any, Any]:
    """Return masks `(structures, ...)` of probabilities, with `exclusive` background first."""
    if not exclusive:
        return np.asarray(p > 0.5)
    best = p.argmax(axis=0)
    return np.stack([best == n for n in range(1, len(p))])


def _groups(net: nn.Module, recipe: SegmentationRecipe) -> list[dict[str, Any]]:
    rate = recipe.learning_rate
    if not isinstance(net, LiteUNet):
        return [{"params": list(net.parameters()), "lr": rate, "first": rate}]
    own = {id(p) for p in net.encoder.parameters()}
    slow = rate * recipe.encoder_rate
    rest = [p for p in net.parameters() if id(p) not in own]
    return [
        {"params": rest, "lr": rate, "first": rate},
        {"params": list(net.encoder.parameters()), "lr": slow, "first": slow},
    ]
