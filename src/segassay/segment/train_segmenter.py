"""Training a segmenter: data set and recipe in, a model folder out. Stops and goes on any time."""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, nan, pi
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from segassay.datasets.case import Case, Dataset
from segassay.datasets.splits import natural_key
from segassay.errors import CaseError, DatasetError, UsageError
from segassay.judge.networks.precision import usual_precision
from segassay.metrics.overlap import dice
from segassay.segment.augment import augmentation
from segassay.segment.examples import Example, LabelWeights, Patches, Survey, prepare, survey
from segassay.segment.loss import segmentation_loss
from segassay.segment.model_folder import CHECKPOINT, ModelMeta, write_model
from segassay.segment.networks import LiteUNet, build_network
from segassay.segment.pretrained import load_encoder
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.windows import probabilities
from segassay.types import Say, counted

CURVES = "curves.csv"
_FEWEST_SUBJECTS = 3
_DECAY = 0.99


@dataclass(frozen=True, slots=True)
class TrainedSegmenter:
    """Where the model lies, and the mean Dice of its best weights on the validation subjects.

    NaN where there are none: with fewer than three subjects all of them train.
    """

    folder: Path
    dice: float
    updates: int
    n_training: int
    n_validation: int


def train_segmenter(
    dataset: Dataset,
    recipe: SegmentationRecipe,
    out: Path,
    *,
    weights: LabelWeights | None = None,
    structures: Iterable[str] = (),
    validating: Collection[str] | None = None,
    say: Say,
) -> TrainedSegmenter:
    """Train a segmenter on the labels of a data set.

    Args:
        dataset: Cases without a label are left out.
        recipe: Network and course.
        out: Folder of the model; a training that was interrupted there goes on.
        weights: What labels are trusted; by default all alike.
        structures: Which to learn; all by default.
        validating: Subjects that may choose the best weights, as of reference labels among weak
            ones; all by default.
        say: Gets a line of progress now and then.

    Raises:
        DatasetError: Nothing can be learned from the data set.
        UsageError: `out` holds a training by another recipe, or structures overlap and the loss
            gives every voxel one of them.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = survey(dataset, recipe, structures, say=say)
    if recipe.loss == "dice+ce" and not found.exclusive:
        raise UsageError(f"{dataset.name}: structures overlap; loss: dice+0.5bce lets them")
    held = _held_out(found.cases, recipe, validating)
    examples = list(_prepared(found, weights or {}, say))
    train = [one for one in examples if one.subject not in held and any(one.weights.values())]
    tune = [one for one in examples if one.subject in held]
    if not train:
        raise DatasetError(f"{dataset.name}: no label with a weight above 0 is left to learn from")
    told = ", ".join(found.structures[:8]) + (" …" if len(found.structures) > 8 else "")
    n_train, n_tune = counted(len(train), "case"), counted(len(tune), "case")
    say(f"{n_train} to learn from, {n_tune} to validate on; {told}")
    training = _Training(found, recipe, train, tune, out, say)
    training.run()
    best = training.best if tune else nan
    meta = ModelMeta.of(
        found,
        recipe,
        exclusive=training.exclusive,
        best=best,
        updates=training.updates,
        n=len(train),
    )
    write_model(out, meta, training.best_net())
    return TrainedSegmenter(out, best, training.updates, len(train), len(tune))


def _held_out(
    cases: Sequence[Case], recipe: SegmentationRecipe, validating: Collection[str] | None
) -> set[str]:
    every = {case.subject_id for case in cases}
    subjects = sorted(every if validating is None else every & set(validating), key=natural_key)
    if len(subjects) < _FEWEST_SUBJECTS or not recipe.validation:
        return set()
    drawn = np.random.default_rng(recipe.seed).permutation(len(subjects))
    n = min(max(1, round(recipe.validation * len(subjects))), len(subjects) - 1)
    return {subjects[k] for k in drawn[:n]}


def _prepared(found: Survey, weights: LabelWeights, say: Say) -> Iterable[Example]:
    for case in found.cases:
        try:
            yield prepare(case, found, weights)
        except CaseError as error:
            say(f"{case.case_id}: {error}")


class _Training:
    """Network, optimizer and how far they are."""

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
        maps = len(found.structures) + self.exclusive
        net = build_network(recipe, pre.inputs, maps)
        if isinstance(net, LiteUNet):
            load_encoder(net.encoder)
        optimizer = torch.optim.AdamW(_groups(net, recipe), weight_decay=recipe.weight_decay)
        if recipe.axes == 2:
            net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net, self.optimizer = self.fabric.setup(net, optimizer)
        self.average = AveragedModel(self.net.module, avg_fn=_moving, use_buffers=True)
        self.updates, self.seconds, self.best = 0, 0.0, -1.0
        self.kept: Mapping[str, Tensor] | None = None
        self._load()

    def run(self) -> None:
        """Learn until the updates or minutes are over; look now and then and in the end."""
        recipe = self.recipe
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
        drawn = [self.patches.draw(rng) for _ in range(self.recipe.batch)]
        if self.augment is not None:
            drawn = [self.augment(one, rng) for one in drawn]
        image, target, known, weight = (
            self.fabric.to_device(torch.from_numpy(np.stack([getattr(one, name) for one in drawn])))
            for name in ("image", "target", "known", "weight")
        )
        self.net.train()
        logits = self.net(image).float()
        loss = segmentation_loss(logits, target, weight, known, exclusive=self.exclusive)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self.net, self.optimizer, max_norm=5.0)
        self.optimizer.step()
        self.average.update_parameters(self.net.module)
        return float(loss.detach())

    def _look(self, lost: Sequence[float]) -> None:
        """Validate the averaged weights; keep them where they are the best so far."""
        found = self._validated() if self.tune else nan
        if not self.tune or found > self.best:
            self.best = found
            state = self.average.module.state_dict()
            self.kept = {name: value.detach().clone() for name, value in state.items()}
        row = {
            "updates": self.updates,
            "seconds": round(self.seconds, 1),
            "loss": round(float(np.mean(lost)), 5) if lost else nan,
            "validation_dice": round(found, 5),
        }
        new = not (self.out / CURVES).exists()
        with (self.out / CURVES).open("a", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, row)
            if new:
                table.writeheader()
            table.writerow(row)
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
        }
        fresh = self.out / f"{CHECKPOINT}.new"
        torch.save(state, fresh)
        fresh.replace(self.out / CHECKPOINT)

    def _load(self) -> None:
        path = self.out / CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["recipe"] != self.recipe.model_dump(mode="json"):
            raise UsageError(
                f"{self.out.name}: holds a training by another recipe; give it again as it was, or "
                "choose another folder"
            )
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
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


def _moving(average: Tensor, new: Tensor, n: Tensor | int) -> Tensor:
    """Average over about the last hundred updates, at the start over the last tenth of them."""
    if not average.is_floating_point():
        return new
    return average + (new - average) * max(1 - _DECAY, 9 / (10 + int(n)))
