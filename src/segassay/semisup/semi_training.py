"""The loop of `train seg` with images without labels in every update, guided by a judge or not."""

from collections import Counter
from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segassay.segment.examples import Example, Patches
from segassay.segment.segmenter_training import Batch, SegmenterTraining
from segassay.segment.train_segmenter import LabelledExamples
from segassay.semisup.methods import METHODS, Step
from segassay.semisup.quality_loss import QualityLoss
from segassay.semisup.quality_weights import quality_weights
from segassay.semisup.semi_recipe import SemiRecipe
from segassay.semisup.torch_judge import Judged, Scene, TorchJudge
from segassay.types import Modality, Say

_SECOND_SEED = 1000
"""Added to the seed for the second network of CPS (QG-SSL)."""


class SemiTraining(SegmenterTraining):
    """Network, optimizer, images without labels, and the judge that guides.

    Attributes:
        judge: The judge, where one guides.
        loss_by_judge: Its loss, where it is added.
    """

    def __init__(
        self,
        given: LabelledExamples,
        unlabelled: Sequence[Example],
        recipe: SemiRecipe,
        out: Path,
        say: Say,
        *,
        modality: Modality | None,
    ) -> None:
        super().__init__(given.found, recipe, given.train, given.tune, out, say)
        self.semi = recipe
        self.keeps_last = recipe.select == "last" or not given.tune
        pre, names = given.found.preprocessing, given.found.structures
        self.unlabelled = Patches(unlabelled, names, pre, 0.0)
        self.judge: TorchJudge | None = None
        self.loss_by_judge: QualityLoss | None = None
        if recipe.quality != "off":
            deep = any(one.shape[0] > 1 for one in (*unlabelled, *given.train))
            judge = TorchJudge(recipe.judge, names, _scene(pre.spacing_mm, modality, deep=deep))
            self.judge = judge.to(self.fabric.device)
        if self.judge is not None and recipe.regularises:
            self.loss_by_judge = QualityLoss(self.judge)
        self._told: dict[str, list[float]] = {"unlabelled_loss": [], "judged": [], "weight": []}

    def networks(self) -> list[nn.Module]:
        """Build the network, for CPS a second one that begins otherwise."""
        nets = super().networks()
        if isinstance(self.recipe, SemiRecipe) and self.recipe.method == "cps":
            state = torch.get_rng_state()
            torch.manual_seed(self.recipe.seed + _SECOND_SEED)
            nets.append(self.new_network())
            torch.set_rng_state(state)
        return nets

    def loss(self, share: float, rng: np.random.Generator) -> Tensor:
        """Return the loss on labelled patches and, once it is their turn, on unlabelled ones."""
        recipe = self.semi
        batch = self.drawn(self.patches, recipe.batch, rng)
        total = self.supervised(self.net, batch)
        for other in self.others:
            total = total + self.supervised(other, batch)
        weight, by_judge = recipe.unlabelled_share(share), recipe.qar_share(share)
        if not weight and not by_judge:
            return total
        n = recipe.unlabelled_batch or recipe.batch
        images = self.drawn(self.unlabelled, n, rng)
        step = self._step(images, share, rng)
        if weight:
            own = METHODS[recipe.method](step)
            self._told["unlabelled_loss"].append(float(own.detach()))
            total = total + weight * own
        if by_judge and self.loss_by_judge is not None:
            p = step.probabilities(step.logits)[:, int(self.exclusive) :]
            lost = self.loss_by_judge(self._grey(images), p)
            if not recipe.weighs_labels:
                self._told["judged"].append(1 - float(lost.detach()))
            total = total + by_judge * lost
        return total

    def looked(self, validation_dice: float) -> dict[str, float]:
        """Note how the unlabelled images went since the last look; let the judge's loss watch."""
        row = {name: round(float(np.mean(v)), 5) if v else nan for name, v in self._told.items()}
        for values in self._told.values():
            values.clear()
        loss = self.loss_by_judge
        if loss is not None and not loss.stopped and isfinite(validation_dice + row["judged"]):
            loss.watch(validation_dice, row["judged"])
            if loss.stopped:
                self.say("validation Dice falls while judged quality rises: the judge's loss stops")
        return row

    def further_state(self) -> dict[str, Any]:
        """Return what a checkpoint has besides."""
        loss = self.loss_by_judge
        watched = None if loss is None else loss.get_extra_state()
        return {**super().further_state(), "watched": watched}

    def load_further_state(self, state: dict[str, Any]) -> None:
        """Go on from `further_state`."""
        super().load_further_state(state)
        if self.loss_by_judge is not None and state["watched"] is not None:
            self.loss_by_judge.set_extra_state(state["watched"])

    def _step(self, images: Batch, share: float, rng: np.random.Generator) -> Step:
        recipe = self.semi
        average = self.average.module.eval()

        def logits(net: nn.Module, x: Tensor) -> Tensor:
            """Run a network in single precision from here on."""
            found: Tensor = net(x).float()
            return found

        @torch.no_grad()
        def taught(x: Tensor) -> Tensor:
            """Return probabilities of the average network."""
            with self.fabric.autocast():
                said = average(x)
            said = said.float()
            return torch.softmax(said, 1) if self.exclusive else torch.sigmoid(said)

        most = recipe.unlabelled_share(1.0)
        others = self.others
        return Step(
            image=images.image,
            known=images.known,
            student=lambda x: logits(self.net, x),
            teacher=taught,
            second=(lambda x: logits(others[0], x)) if others else None,
            trust=lambda masks: self._trust(images, masks),
            exclusive=self.exclusive,
            confidence=recipe.confidence,
            passes=recipe.passes,
            rise=recipe.unlabelled_share(share) / most if most else 1.0,
            made=torch.Generator().manual_seed(int(rng.integers(2**31))),
        )

    def _trust(self, images: Batch, masks: Tensor) -> Tensor:
        """Return what pixels of pseudo-labels count, see `Step.trust`."""
        if self.judge is None or not self.semi.weighs_labels:
            return torch.ones((), device=masks.device)
        grey = self._grey(images)
        with torch.no_grad():
            judged = self.judge(grey, masks)
        weights = self._weights(judged)
        self._told["weight"].append(float(weights.mean()))
        counts = weights.reshape(*weights.shape, *[1] * (masks.ndim - 2))
        return counts * (1 - self.judge.errors(grey, masks)) if self.semi.by_pixel else counts

    def _weights(self, judged: Judged) -> Tensor:
        told = judged.value[~judged.value.isnan()]
        if len(told):
            self._told["judged"].append(float(told.mean()))
        counts: Tensor = quality_weights(
            judged.value,
            self.semi.threshold,
            self.semi.temperature,
            absent_ok=judged.absent_ok,
            normalise=False,  # the losses divide by what counts
        )
        return counts

    def _grey(self, images: Batch) -> Tensor:
        """Return the grey images that the judge sees, neighbours with them where there are any."""
        pre = self.found.preprocessing
        shape = (len(images.image), pre.channels, -1, *images.image.shape[2:])
        x = images.image.reshape(shape)
        grey = (x * images.grey.reshape(*images.grey.shape, *[1] * (x.ndim - 2))).sum(1)
        middle = pre.neighbours
        return grey[:, middle - 1 : middle + 2] if middle else grey


def _scene(spacing: tuple[float, ...] | None, modality: Modality | None, *, deep: bool) -> Scene:
    """Say what is known of the images; of slices of volumes the thickness is not."""
    if spacing is None:
        return Scene(modality, in_volume=deep)
    rows, columns = spacing[-2:]
    thickness = spacing[0] if len(spacing) == 3 else None
    return Scene(modality, (rows, columns), thickness, in_volume=deep)


def usual_modality(kinds: Sequence[Modality | None]) -> Modality | None:
    """Return the kind of most images; `None` where there are none."""
    found = Counter(kinds).most_common(1)
    return found[0][0] if found else None
