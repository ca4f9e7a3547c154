"""Libraries that warn or log what they find odd are quiet while files are read.

Their lines name places of the machine, and the reader's own error says it better. Nothing of this
changes what other code in the process sees: warnings and logs are held back for the reading
context alone, other threads and tasks keep theirs.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_reading: ContextVar[bool] = ContextVar("reading", default=False)


class _WhileReading:
    """Stands where a warning filter has its pattern, and matches any text in a reading context.

    `warnings.catch_warnings` replaces the filters of the whole process until it ends, in an order
    that two threads can mix up for good. A filter that asks for the context needs no end.
    """

    def match(self, _text: str) -> bool:
        """Whether a warning is raised by something that reads a file for us."""
        return _reading.get()


_HELD_BACK: Any = ("ignore", _WhileReading(), Warning, None, 0)


class Quiet:
    """Holds back warnings, and what some loggers say, for whoever reads and for nobody else."""

    def __init__(self, *loggers: logging.Logger) -> None:
        for logger in loggers:
            logger.addFilter(lambda _: not _reading.get())

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Keep libraries quiet in this context; threads and tasks beside it are not touched."""
        filters: Any = warnings.filters
        if not filters or filters[0] is not _HELD_BACK:  # ours goes before "always" and "error"
            filters[:] = [_HELD_BACK, *(each for each in filters if each is not _HELD_BACK)]
        token = _reading.set(True)
        try:
            yield
        finally:
            _reading.reset(token)
