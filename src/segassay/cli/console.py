"""The one place where anything reaches a terminal: words go to stderr, data to stdout.

Names come from anywhere, so every line is made `printable` here. What stderr refuses is dropped,
since no result depends on it; what stdout refuses is an `OutputError`.
"""

import io
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TextIO

import typer

from segassay.errors import OutputError
from segassay.files.strict_json import strict_json
from segassay.files.visible_names import visible


def printable(text: str) -> str:
    r"""Return text as one line that no terminal obeys: what steers it is written out as `\u…`.

    Line ends, tabs, escape and other control signs, marks that turn the direction of writing,
    signs without a width, and stray surrogates.

    >>> printable("a\x1b[2Jb\nc")
    'a\\u001b[2Jb\\u000ac'
    """
    return visible(text).replace("\n", "\\u000a").replace("\t", "\\u0009")


def tell(line: str) -> None:
    """Write one line to stderr."""
    global _moving_line
    over = "\r\x1b[2K" if _moving_line else ""
    _moving_line = False
    _write_stderr(f"{over}{printable(line)}\n")


def tell_some(lines: Sequence[str], *, most: int | None = 10, rest: str = "") -> None:
    """Write lines to stderr, the first `most` of them; `rest` says where the others are."""
    for line in lines[:most]:
        tell(line)
    if most is not None and len(lines) > most:
        tell(f"… and {len(lines) - most} more{rest}")


def give(*lines: str) -> None:
    """Write lines to stdout; raises `OutputError` where it takes none."""
    _write_stdout("\n".join(map(printable, lines)))


def give_json(data: Any) -> None:
    """Write data to stdout as one JSON document; raises `OutputError` where it takes none."""
    takes_all = sys.stdout.encoding.lower().startswith("utf")
    text = strict_json(data, indent=2, ascii_only=not takes_all)
    _write_stdout(visible(text))  # in JSON, too, `\u…` stands for the sign that was there


def prepare_streams() -> None:
    """Make stdout take any text, and lead closed standard streams nowhere.

    The next opened file would else get a closed stream's number, and what is told with it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, "w" if number else "r", encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def lead_nowhere(stream: TextIO) -> None:
    """Let a stream swallow what it still holds: Python would fail on it at its end."""
    with suppress(io.UnsupportedOperation):  # a stream in memory, as notebooks have, cannot fail
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


class PhaseProgress:
    """Progress on stderr with the time left: one moving line in a terminal, few lines elsewhere.

    Every phase is timed for itself: how long one takes says nothing of the next.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._moving = sys.stderr.isatty()
        self._phase = ""
        self._start, self._first = time.monotonic(), 0

    def __call__(self, phase: str, done: int, total: int, name: str) -> None:
        """Report that `name` is finished, the `done`-th of `total`; without a name one begins."""
        if phase != self._phase or not name:
            self._phase, self._start = phase, time.monotonic()
            self._first = done if not name else done - 1
        if self._quiet or not total:
            return
        text = ", ".join(filter(None, (f"{done}/{total} {phase}", self._left(done, total), name)))
        if done == total or (name and not self._moving and done % max(1, total // 10) == 0):
            tell(text)
        elif self._moving:
            _move(text)

    def _left(self, done: int, total: int) -> str:
        """Return the time left in words; empty before anything was timed."""
        if done <= self._first:
            return ""
        passed = time.monotonic() - self._start
        seconds = int(passed / (done - self._first) * (total - done))
        return f"{seconds // 60}:{seconds % 60:02d} left"


_moving_line = False
"""Whether the cursor stands behind a line that the next one is written over."""


def _move(text: str) -> None:
    global _moving_line
    _moving_line = True
    _write_stderr(f"\r\x1b[2K{printable(text)}")


def _write_stderr(text: str) -> None:
    try:
        typer.echo(text, err=True, nl=False)
    except OSError:
        lead_nowhere(sys.stderr)


def _write_stdout(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:  # whoever read it has seen enough
        lead_nowhere(sys.stdout)
    except OSError as error:
        lead_nowhere(sys.stdout)
        raise OutputError(f"standard output cannot be written ({error.strerror})") from error
