"""Optional dependencies, asked for by name and explained when they are missing."""

from importlib import import_module
from types import ModuleType

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
