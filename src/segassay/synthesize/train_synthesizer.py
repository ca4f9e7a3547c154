"""Training a diffusion model: images and recipe in, a model folder out. Stops and goes on any time.

Every update draws from a generator of its own, seeded by its number, so that a training that was
stopped and went on ends with the very weights of one that was not.
"""

from pathlib import Path
from time import monotonic

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.optim.swa_utils import AveragedModel

from segassay.files.checksums import CHECKSUMS
from segassay.judge.networks.precision import usual_precision
from segassay.segment.checkpoint import (
    append_row,
    load_checkpoint,
    moving_average,
    save_checkpoint,
)
from segassay.synthesize.denoiser import LEVELS, Denoiser, denoising_loss
from segassay.synthesize.model_folder import (
    CHECKPOINT,
    CURVES,
    SynthesizerMeta,
    write_synthesizer,
)
from segassay.synthesize.recipe import SynthesisRecipe
from segassay.synthesize.training_images import TrainingImages
from segassay.types import Say, counted

_MOST_GRADIENT = 1.0
_MOST_UNSAVED = 120
"""Seconds of learning that a slow machine may lose."""


def train_synthesizer(
    dataset: str, training: TrainingImages, recipe: SynthesisRecipe, folder: Path, *, say: Say
) -> None:
    """Train a diffusion model, unless the folder holds a finished one.

    Args:
        dataset: Name of the data set, for the model's description.
        training: Images to learn from.
        recipe: Network and course.
        folder: Of the model; a training that was interrupted there goes on.
        say: Gets a line of progress at every checkpoint.

    Raises:
        UsageError: The folder holds a training by another recipe, or from other images.
    """
    if (folder / CHECKSUMS).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    course = _Training(training, recipe, folder, say)
    course.run()
    meta = SynthesizerMeta.of(dataset, training, recipe, course.updates)
    write_synthesizer(folder, meta, course.average.module)


class _Training:
    """Network, optimizer and how far they are."""

    def __init__(
        self, training: TrainingImages, recipe: SynthesisRecipe, folder: Path, say: Say
    ) -> None:
        self.training, self.recipe, self.folder, self.say = training, recipe, folder, say
        self.settings = {**recipe.model_dump(mode="json"), "training": training.sha256}
        precision = recipe.precision if recipe.precision != "auto" else usual_precision()
        self.fabric = Fabric(accelerator="auto", devices=1, precision=precision)
        torch.manual_seed(recipe.seed)
        net = Denoiser(recipe, training.channels, len(training.structures))
        optimizer = torch.optim.Adam(net.parameters(), lr=recipe.learning_rate)
        self.net, self.optimizer = self.fabric.setup(net, optimizer)
        self.average = AveragedModel(self.net.module, avg_fn=moving_average(recipe.decay))
        mirrors = training.channels == 3 if recipe.mirror is None else recipe.mirror
        self.mirrored = (2, 3) if mirrors else ()
        self.updates, self.seconds = 0, 0.0
        self._load()

    def run(self) -> None:
        """Learn until the updates or minutes are over."""
        recipe = self.recipe
        limit = float("inf") if recipe.minutes is None else 60 * recipe.minutes
        begun, before = monotonic(), self.seconds
        saved = self.seconds
        lost: list[float] = []
        while self.updates < recipe.updates and self.seconds < limit:
            lost.append(self._update())
            self.updates += 1
            self.seconds = before + monotonic() - begun
            if self.updates % recipe.save_every == 0 or self.seconds - saved > _MOST_UNSAVED:
                self._save(lost)
                lost, saved = [], self.seconds
        if lost:
            self._save(lost)

    def _update(self) -> float:
        rng = np.random.default_rng((self.recipe.seed, self.updates))
        drawn = rng.integers(len(self.training.images), size=self.recipe.batch)
        images, masks = self.training.images[drawn], self.training.masks[drawn]
        for axis in self.mirrored:
            turned = rng.random(len(drawn)) < 0.5
            images[turned] = np.flip(images[turned], axis)
            masks[turned] = np.flip(masks[turned], axis)
        image, noise, level, mask = (
            self.fabric.to_device(torch.from_numpy(one))
            for one in (
                images.astype(np.float32) / 127.5 - 1,
                rng.standard_normal(images.shape, dtype=np.float32),
                rng.integers(LEVELS, size=len(drawn)),
                masks.astype(np.float32),
            )
        )
        loss = denoising_loss(self.net, self.recipe, image, noise, level, mask)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self.net, self.optimizer, max_norm=_MOST_GRADIENT)
        self.optimizer.step()
        self.average.update_parameters(self.net.module)
        return float(loss.detach())

    def _save(self, lost: list[float]) -> None:
        row = {
            "updates": self.updates,
            "seconds": round(self.seconds, 1),
            "loss": round(float(np.mean(lost)), 5),
        }
        append_row(self.folder / CURVES, row)
        state = {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "updates": self.updates,
            "seconds": self.seconds,
            "recipe": self.settings,
        }
        save_checkpoint(self.folder / CHECKPOINT, state)
        self.say(", ".join(f"{key} {value}" for key, value in row.items()))

    def _load(self) -> None:
        state = load_checkpoint(self.folder / CHECKPOINT, self.settings)
        if state is None:
            return
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.updates, self.seconds = state["updates"], state["seconds"]
        self.say(f"going on after {counted(self.updates, 'update')}")
