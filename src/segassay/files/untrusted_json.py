"""JSON from anywhere: read, or refused with a reason that fits in one line."""

import json
from typing import Any


def parse_json(text: str) -> Any:
    """Read JSON whose texts can all be written down again.

    Raises:
        ValueError: Not JSON (with line and column), nested too deeply, a number of thousands of
            digits, or a text with half of a surrogate pair, which no file can hold.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"not valid JSON, {error.msg} at {where}") from error
    except RecursionError as error:
        raise ValueError("nested without end") from error
    except ValueError as error:  # Python's limit for the digits of a number
        raise ValueError("holds a number of thousands of digits") from error
    if "\\u" in text:
        broken = _unwritable(data)
        if broken is not None:
            raise ValueError(f"{shortened(broken)} holds half a character (a lone surrogate)")
    return data


def shortened(value: object, most: int = 60) -> str:
    """Return what came as a message shows it: as Python writes it, cut where it is long."""
    text = ascii(value)
    return text if len(text) <= most else f"{text[: most - 1]}… ({len(text)} characters)"


def _unwritable(data: Any) -> str | None:
    """Return the first text, key or value, that cannot be encoded."""
    rest = [data]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            rest += [*item, *item.values()]
        elif isinstance(item, list):
            rest += item
        elif isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                return item
    return None
