"""Optional dependencies, asked for by name and explained when they are missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from segassay.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: Dotted name to import, for example `"torch"`.
        extra: The extra of this package that installs it, for example `"train"`.

    Raises:
        MissingExtraError: When the module is not installed; the message holds the install line.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{module!r} is not installed; run: pip install 'segassay[{extra}]'"
        ) from error


@contextmanager
def offline_transformers(*, extra: str) -> Iterator[Any]:
    """Give the module `transformers`, which meanwhile asks no network and tells stderr nothing.

    The switch is the hub's own, which also turns off its telemetry. Its environment variable is
    read but once, when the hub is imported, and would hold for the whole process from then on.
    The process is left as it was.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    transformers: Any = require("transformers", extra=extra)
    hub, logs = require("huggingface_hub", extra=extra).constants, transformers.logging
    before = hub.HF_HUB_OFFLINE, logs.get_verbosity(), logs.is_progress_bar_enabled()
    hub.HF_HUB_OFFLINE = True
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield transformers
    finally:
        hub.HF_HUB_OFFLINE = before[0]
        logs.set_verbosity(before[1])
        if before[2]:
            logs.enable_progress_bar()
