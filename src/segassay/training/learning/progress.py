"""How far a training is, and the table that says how it went."""

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Progress:
    """How far a training is: updates made, pairs seen, seconds spent learning, restarts.

    `device` is the kind of device that learned last, as torch names it; empty before that.
    """

    updates: int = 0
    pairs: int = 0
    seconds: float = 0.0
    restarts: int = 0
    device: str = ""


class Clock:
    """Seconds spent learning, over all restarts."""

    def __init__(self, before: float) -> None:
        self._before, self._start = before, time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds up to now."""
        return self._before + time.monotonic() - self._start


class RunningMeans:
    """Means of the parts of the loss since they were last taken."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, parts: Any) -> None:
        """Take in the parts of one update: a slotted dataclass of tensors without axes."""
        for name in type(parts).__slots__:
            value = float(getattr(parts, name).detach())
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1

    def take(self) -> dict[str, float]:
        """Return the means and begin anew."""
        means = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


def append_row(path: Path, row: dict[str, float]) -> None:
    """Add a row under the table's own columns; a look without an update has no loss to tell."""
    names = list(row)
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            names = next(csv.reader(file), names)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=names, extrasaction="ignore")
        if new:
            writer.writeheader()
        writer.writerow(row)
