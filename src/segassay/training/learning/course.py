"""The course of a training, whatever learns: when it ends, when it is looked at, when it is saved.

The length of a training is given in minutes of learning, so that the same recipe ends on a laptop
and on a GPU and the better machine gives the better judge; or in updates, so that recipes can be
compared with one another. Several devices learn side by side, each in a process of its own with
pairs of its own; the first one writes what is written.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from lightning_fabric import Fabric

from segassay.judge.networks.precision import usual_precision
from segassay.training.learning.progress import Clock, Progress, RunningMeans, append_row
from segassay.training.settings import JudgeRecipe
from segassay.types import Say

_SAVE_EVERY_S = 120.0
_APART = 100_000

Verdict = TypeVar("Verdict")


class HelperDone(Exception):  # noqa: N818  # nothing went wrong
    """Raised in each process that helps another one to learn, where the training ends.

    The first process goes on from there; whoever started the training lets the others end.
    """


class Course:
    """The processes, the folder and the progress of one training.

    Making it starts a process for every device of the recipe; each of them goes on from there.
    """

    def __init__(self, recipe: JudgeRecipe, out: Path, say: Say) -> None:
        self.recipe, self.out, self.say = recipe, out, say
        self.progress = Progress()
        precision = usual_precision() if recipe.precision == "auto" else recipe.precision
        self.fabric = Fabric(accelerator="auto", devices=recipe.devices, precision=precision)
        self.fabric.launch()

    @property
    def seed(self) -> tuple[int, int]:
        """A seed for the draws of this process since its last start; another for each."""
        return self.recipe.seed + _APART * self.fabric.global_rank, self.progress.restarts

    def load(self, state: dict[str, Any]) -> dict[str, Any]:
        """Load what is in `state` from a checkpoint, if there is one; return what else it holds."""
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return {}
        rest: dict[str, Any] = self.fabric.load(path, state)
        self.progress = Progress(**rest["progress"])
        self.progress.restarts += 1
        self.say(f"continuing after {self.progress.seconds / 60:.1f} minutes")
        return rest

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint whole, or leave the one before as it is."""
        fresh = self.out / "checkpoint.new"
        self.fabric.save(fresh, {**state, "progress": asdict(self.progress)})
        if self.fabric.is_global_zero:
            fresh.replace(self.out / "checkpoint.pt")

    def follow(
        self,
        *,
        update: Callable[[float], Any],
        look: Callable[[RunningMeans], Verdict],
        state: Callable[[], dict[str, Any]],
        look_every_s: float = 300.0,
    ) -> Verdict:
        """Learn until the recipe's minutes or updates are spent.

        All processes go by the first one's clock, so that they end together.

        Args:
            update: Makes one update at a share of the training, and returns the parts of its loss.
            look: Is asked now and then and in the end, with the means of the loss.
            state: Says what to save, every two minutes and in the end.
            look_every_s: How often to look: a look costs time, too.

        Returns:
            What the last look saw.

        Raises:
            HelperDone: In all processes but the first.
        """
        progress = self.progress
        saved = looked = progress.seconds
        curve = RunningMeans()
        clock = Clock(progress.seconds)
        while (done := self._share()) < 1:
            curve.add(update(done))
            progress.seconds = now = self.fabric.broadcast(clock.seconds)
            if now - looked > look_every_s:
                looked = now
                look(curve)
            if now - saved > _SAVE_EVERY_S:
                saved = now
                self.save(state())
        verdict = look(curve)
        self.save(state())
        if not self.fabric.is_global_zero:
            raise HelperDone
        return verdict

    def count(self, n_pairs: int) -> None:
        """Count an update, with the pairs that each process learned from."""
        self.progress.device = self.fabric.device.type
        self.progress.updates += 1
        self.progress.pairs += n_pairs * self.fabric.world_size

    def tell(self, figures: dict[str, float]) -> None:
        """Add a row to the curves and say it."""
        if not self.fabric.is_global_zero:
            return
        row = {**asdict(self.progress), **figures}
        del row["device"]
        rounded = {key: round(value, 5) for key, value in row.items()}
        append_row(self.out / "curves.csv", rounded)
        self.say(", ".join(f"{key} {value}" for key, value in rounded.items()))

    def _share(self) -> float:
        """Return the share of the training that is behind, 1 or more at its end."""
        if self.recipe.updates is not None:
            return self.progress.updates / self.recipe.updates
        return self.progress.seconds / (self.recipe.minutes * 60)
