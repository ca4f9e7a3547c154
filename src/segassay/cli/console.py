"""Talking to the person on stderr; stdout is for data."""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import typer


def tell(line: str) -> None:
    """Write one line to stderr."""
    typer.echo(line, err=True)


def tell_some(lines: Sequence[str], *, most: int | None = 10, rest: str = "") -> None:
    """Write lines to stderr, the first `most` of them; `rest` says where the others are."""
    for line in lines[:most]:
        tell(line)
    if most is not None and len(lines) > most:
        tell(f"… and {len(lines) - most} more{rest}")


def give_json(data: Any) -> None:
    """Write data to stdout as one JSON document."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


class CaseProgress:
    """Progress on stderr with the time left: one moving line in a terminal, few lines elsewhere."""

    def __init__(self, *, quiet: bool, what: str = "cases") -> None:
        self._quiet = quiet
        self._what = what
        self._moving = sys.stderr.isatty()
        self._start = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int, case_id: str) -> None:
        """Report that `case_id` is finished, the `done`-th of `total`."""
        if self._first is None:
            self._first = done - 1
        if self._quiet:
            return
        passed = time.monotonic() - self._start
        left = passed / (done - self._first) * (total - done)
        text = f"{done}/{total} {self._what}, {_minutes(left)} left, {case_id}"
        if self._moving:
            sys.stderr.write(f"\r\x1b[2K{text}" + ("\n" if done == total else ""))
            sys.stderr.flush()
        elif done == total or done % max(1, total // 10) == 0:
            tell(text)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
