"""Libraries that log what they find odd are quiet while files are read: no line names a file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Quiet:
    """Holds back what one library logs, for whoever reads with it and for nobody else."""

    def __init__(self, logger: logging.Logger) -> None:
        self._now: ContextVar[bool] = ContextVar(logger.name, default=False)
        logger.addFilter(lambda _: not self._now.get())

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Keep the library quiet in this context; threads and tasks beside it are not touched."""
        token = self._now.set(True)
        try:
            yield
        finally:
            self._now.reset(token)
