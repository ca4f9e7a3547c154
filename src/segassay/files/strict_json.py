"""JSON as every reader takes it: without NaN and infinity, which the standard does not know."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any


def strict_json(
    data: Any, *, indent: int | None = None, ascii_only: bool = False, sort_keys: bool = False
) -> str:
    """Return plain data as JSON; a number that is not finite becomes `null`.

    >>> strict_json({"score": float("nan"), "limits": [0.5, float("inf")]})
    '{"score": null, "limits": [0.5, null]}'
    """
    plain = _finite(data)
    return json.dumps(
        plain, indent=indent, ensure_ascii=ascii_only, sort_keys=sort_keys, allow_nan=False
    )


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data
