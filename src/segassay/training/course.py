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

from segassay.training.progress import Clock, Progress, RunningMeans, append_row
from segassay.training.settings import JudgeRecipe
from segassay.types import Say

_SAVE_EVERY_S = 120.0
_APART = 100_000

Verdict = TypeVar("Verdict")


def launched(recipe: JudgeRecipe) -> Fabric:
    """Start a process for every device of the recipe; each of them goes on from here."""
    fabric = Fabric(accelerator="auto", devices=recipe.devices, precision=recipe.precision)
    fabric.launch()
    return fabric


def own_seed(fabric: Fabric, seed: int) -> int:
    """Return a seed for the draws of this process; the first one's is the recipe's."""
    rank: int = fabric.global_rank
    return seed + _APART * rank


def end_helpers(fabric: Fabric) -> None:
    """End the processes that were started to learn beside the first one; it goes on."""
    if not fabric.is_global_zero:
        raise SystemExit(0)


def follow(
    fabric: Fabric,
    recipe: JudgeRecipe,
    progress: Progress,
    *,
    update: Callable[[float], Any],
    look: Callable[[RunningMeans], Verdict],
    save: Callable[[], None],
    look_every_s: float = 300.0,
) -> Verdict:
    """Learn until the recipe's minutes or updates are spent.

    Args:
        fabric: All its processes go by the first one's clock, so that they end together.
        recipe: Says how long.
        progress: How far the training is; its seconds are counted here.
        update: Makes one update at a share of the training, and returns the parts of its loss.
        look: Is asked now and then and in the end, with the means of the loss.
        save: Is asked every two minutes and in the end.
        look_every_s: How often to look: a look costs time, too.

    Returns:
        What the last look saw.
    """
    saved = looked = progress.seconds
    curve = RunningMeans()
    clock = Clock(progress.seconds)
    while (done := _share(recipe, progress)) < 1:
        curve.add(update(done))
        progress.seconds = now = fabric.broadcast(clock.seconds)
        if now - looked > look_every_s:
            looked = now
            look(curve)
        if now - saved > _SAVE_EVERY_S:
            saved = now
            save()
    verdict = look(curve)
    save()
    return verdict


def tell_curves(fabric: Fabric, out: Path, row: dict[str, float], say: Say) -> None:
    """Add a row to the curves and say it."""
    if not fabric.is_global_zero:
        return
    rounded = {key: round(value, 5) for key, value in row.items()}
    append_row(out / "curves.csv", rounded)
    say(", ".join(f"{key} {value}" for key, value in rounded.items()))


def save_checkpoint(fabric: Fabric, out: Path, state: dict[str, Any], progress: Progress) -> None:
    """Write a checkpoint whole, or leave the one before as it is."""
    fresh = out / "checkpoint.new"
    fabric.save(fresh, {**state, "progress": asdict(progress)})
    if fabric.is_global_zero:
        fresh.replace(out / "checkpoint.pt")


def load_checkpoint(
    fabric: Fabric, out: Path, state: dict[str, Any], say: Say
) -> tuple[Progress, dict[str, Any]]:
    """Load what is in `state` from a checkpoint, if there is one.

    Returns:
        How far the training is, one restart counted, and what else the checkpoint holds.
    """
    path = out / "checkpoint.pt"
    if not path.exists():
        return Progress(), {}
    rest = fabric.load(path, state)
    progress = Progress(**rest["progress"])
    progress.restarts += 1
    say(f"continuing after {progress.seconds / 60:.1f} minutes")
    return progress, rest


def _share(recipe: JudgeRecipe, progress: Progress) -> float:
    """Return the share of the training that is behind, 1 or more at its end."""
    if recipe.updates is not None:
        return progress.updates / recipe.updates
    return progress.seconds / (recipe.minutes * 60)
