"""What trainings share: checkpoints, the table of a course, and the average of the weights."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segassay.errors import UsageError


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write what a training needs to go on, in one step."""
    fresh = path.with_name(f"{path.name}.new")
    torch.save(dict(state), fresh)
    fresh.replace(path)


def load_checkpoint(path: Path, recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `save_checkpoint` wrote; `None` where a training begins.

    Raises:
        UsageError: It is of another recipe, which stands in it as `recipe`.
    """
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["recipe"] != recipe:
        raise UsageError(
            f"{path.parent.name}: holds a training by another recipe; give it again as it was, or "
            "choose another folder"
        )
    return state


def append_row(path: Path, row: Mapping[str, object]) -> None:
    """Add a row to a table (CSV) whose columns are the keys of its rows."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, row)
        if new:
            table.writeheader()
        table.writerow(row)


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return `avg_fn` of torch's `AveragedModel`: an exponential moving average of weights.

    At the start, where it would stay at the first weights, it is over the last tenth of the
    updates.
    """

    def moved(average: Tensor, new: Tensor, n: Tensor | int) -> Tensor:
        """Move the average of `n` updates towards the weights of a further one."""
        if not average.is_floating_point():
            return new
        return average + (new - average) * max(1 - decay, 9 / (10 + int(n)))

    return moved
