"""Reading a pickle of tensors without letting it do anything else.

A pickle is a program: loading one runs what its author wanted. The published text vectors are a
pickled dictionary of tensors, and the way torch pickles a tensor, `torch.storage._load_from_bytes`,
itself unpickles freely what is nested in it. Here a program may only build plain containers and
call three functions, and that one is replaced by a reading of weights alone.
"""

import io
import pickle
import pickletools
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from segassay.errors import ModelError

# fmt: off
_STEPS = frozenset((
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK",
    "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET",
    "NONE", "NEWTRUE", "NEWFALSE", "INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2",
    "FLOAT", "BINFLOAT", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
    "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "LIST", "APPEND", "APPENDS",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "GLOBAL", "STACK_GLOBAL", "REDUCE",
))
# fmt: on
"""What a pickle may do: numbers, texts, bytes, containers, and calls of what `_allowed` hands out.

Without BUILD, NEWOBJ, INST and OBJ nothing can be changed and no class be made an object of.
"""

_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")


def load_plain_pickle(path: Path) -> Any:
    """Load a pickle of numbers, texts, containers and tensors.

    Raises:
        ModelError: The file is truncated, is no pickle, or asks for anything else; the message
            names what it asked for, and nothing of it was run.
    """
    data = path.read_bytes()
    _require_plain_steps(data, path.name)
    try:
        return _PlainUnpickler(data, path.name).load()
    except ModelError:
        raise
    except Exception as error:  # what a broken program runs into has no common class
        raise ModelError(f"{path.name}: not a pickle of tensors ({first_line(error)})") from error


def load_weights(source: Path | BinaryIO, name: str) -> Any:
    """Load what `torch.save` wrote, weights alone, onto the CPU.

    Args:
        source: The file, or its content.
        name: What messages call it.

    Raises:
        ModelError: As `load_plain_pickle`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols; what matters is an error
            return torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = _FORBIDDEN.search(str(error))
        raise (_forbidden(name, found[1]) if found else _broken(name, error)) from error
    except Exception as error:  # the reader of the archive, the allocator and others have their own
        raise _broken(name, error) from error


def first_line(error: Exception) -> str:
    """Return the beginning of an error's message, of which torch writes paragraphs."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].split(". ")[0][:160]


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(io.BytesIO(data))
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few things that may be made; raise `ModelError` for all others."""
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
            ("torch.storage", "_load_from_bytes"): self._storage,
        }
        if (module, name) not in allowed:
            raise _forbidden(self._name, f"{module}.{name}")
        return allowed[module, name]

    def _storage(self, data: bytes) -> Any:
        """Stand in for torch's own function, which would unpickle freely."""
        return load_weights(io.BytesIO(data), self._name)


def _require_plain_steps(data: bytes, name: str) -> None:
    """Look through the program before anything of it runs."""
    try:
        steps = [(step.name, argument) for step, argument, _ in pickletools.genops(data)]
    except Exception as error:  # a stream that is no pickle fails in many ways
        raise _broken(name, error) from error
    strange = next((n for n, (step, _) in enumerate(steps) if step not in _STEPS), None)
    if strange is not None:
        raise _forbidden(name, _last_named(steps[:strange]) or steps[strange][0])
    if any("PUT" in step and int(argument or 0) > len(data) for step, argument in steps):
        raise ModelError(f"{name}: its pickle asks for more memory than its size explains; refused")


def _last_named(steps: list[tuple[str, Any]]) -> str:
    """Return the function or class that a program named last; empty if it named none."""
    for n in range(len(steps) - 1, -1, -1):
        if steps[n][0] == "GLOBAL":
            return str(steps[n][1]).replace(" ", ".")
        if steps[n][0] == "STACK_GLOBAL":
            texts = [str(a) for step, a in steps[:n] if "UNICODE" in step]
            return ".".join(texts[-2:])
    return ""


def _forbidden(name: str, asked: str) -> ModelError:
    return ModelError(
        f"{name}: asks for {asked}, which weights do not need; refused, nothing was run"
    )


def _broken(name: str, error: Exception) -> ModelError:
    return ModelError(
        f"{name}: truncated, or no file of weights ({first_line(error)}); download it again"
    )
