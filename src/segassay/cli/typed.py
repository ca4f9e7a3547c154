"""The words that were typed: commands hand them to the record of their run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_typed: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())


@contextmanager
def typing(words: Sequence[str]) -> Iterator[None]:
    """Run a command that was typed as `words`, program name left out."""
    token = _typed.set(tuple(words))
    try:
        yield
    finally:
        _typed.reset(token)


def typed_words() -> tuple[str, ...]:
    """Return the words of the command that runs; empty outside of one."""
    return _typed.get()
