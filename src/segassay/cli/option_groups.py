"""Options that belong together are written once: a verb takes a group, users see its fields."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar, get_type_hints

Answer = TypeVar("Answer")


def spread(verb: Callable[..., Answer]) -> Callable[..., Answer]:
    """Make a command of a function, some of whose parameters are groups of options.

    A group is a dataclass whose fields are annotated as options and have defaults. In the command
    every field is an option of its own, in the place of the group; the function gets the group.
    """
    hints = get_type_hints(verb, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if _is_group(kind)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(verb).parameters.values():
        if parameter.name in groups:
            parameters += _options(groups[parameter.name])
        else:
            plain = parameter.replace(annotation=hints[parameter.name])
            parameters.append(plain.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(verb)
    def command(**given: Any) -> Answer:
        """Gather the options of every group, then do what the verb does."""
        for name, kind in groups.items():
            given[name] = kind(**{f.name: given.pop(f.name) for f in fields(kind)})
        return verb(**given)

    answer = hints.get("return", inspect.Signature.empty)
    command.__signature__ = inspect.Signature(parameters, return_annotation=answer)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": answer}
    return command


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _options(group: type) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
