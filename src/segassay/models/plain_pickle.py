"""Reading a pickle of tensors without letting it do anything else.

A pickle is a program: loading one runs what its author wanted. Here it is not loaded but read, step
by step, by a machine that can build plain containers and call the few functions it is given. What
a program asks for beyond that is refused by its name; what it costs is bound by its length: keys
are texts and whole numbers, so that nothing nested is ever hashed, and every step adds one thing.
"""

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, BinaryIO

from segassay.errors import ModelError

MOST_STEPS = 250_000
"""The released files take 12,000 steps at most."""

Allowed = Mapping[str, Any]
"""What a program may name: functions to call, and objects to pass on, by `module.name`."""

# fmt: off
_CONSTANTS = frozenset((
    "INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT",
    "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
))
# fmt: on
_FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
_NOTHING = ("PROTO", "FRAME")


def read_pickle(
    stream: BinaryIO,
    name: str,
    allowed: Allowed,
    *,
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Read one pickle of numbers, texts and containers from a stream, and leave it at its end.

    Args:
        stream: Where the pickle begins.
        name: What messages call the file.
        allowed: What it may name.
        persistent: Finds what the program refers to as lying elsewhere, by its description.

    Raises:
        ModelError: It is truncated, is no pickle, is too long, or asks for anything else: the
            message names what it asked for, and nothing of that was run.
    """
    machine = _Machine(name, allowed, persistent)
    try:
        for step, argument, _ in islice(pickletools.genops(stream), MOST_STEPS):
            if step.name == "STOP":
                return machine.pop()
            machine.take(step.name, argument)
    except ModelError:
        raise
    except Exception as error:  # what a broken program runs into has no common class
        raise broken(name, error) from error
    raise ModelError(f"{name}: over {MOST_STEPS} steps of pickle; weights need few")


def forbidden(name: str, asked: str) -> ModelError:
    """Return the error for a file that asks for what weights do not need."""
    return ModelError(
        f"{name}: asks for {asked[:80]!r}, which weights do not need; refused, nothing was run"
    )


def broken(name: str, error: Exception) -> ModelError:
    """Return the error for a file that is damaged, or not what it should be."""
    text = str(error).strip() or type(error).__name__
    return ModelError(
        f"{name}: damaged, or no file of weights ({text.splitlines()[0][:160]!r}); download it "
        "again"
    )


class _Machine:
    """The stack, the marks on it and the notebook of a pickle."""

    def __init__(
        self, name: str, allowed: Allowed, persistent: Callable[[Any], Any] | None
    ) -> None:
        self._name, self._allowed, self._persistent = name, allowed, persistent
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._kept: dict[int, Any] = {}
        self._special: dict[str, Callable[[Any], None]] = {
            "MARK": lambda _: self._marks.append(len(self._stack)),
            "POP": lambda _: self._drop(),
            "POP_MARK": lambda _: self._drop_since_mark(),
            "MEMOIZE": lambda _: self._keep(len(self._kept)),
            "TUPLE": lambda _: self._push(tuple(self._since_mark())),
            "LIST": lambda _: self._push(self._since_mark()),
            "DICT": lambda _: self._fill({}, self._since_mark()),
            "APPEND": lambda _: self._extend([self.pop()]),
            "APPENDS": lambda _: self._extend(self._since_mark()),
            "SETITEM": lambda _: self._set([self.pop(), self.pop()][::-1]),
            "SETITEMS": lambda _: self._set(self._since_mark()),
            "GLOBAL": lambda of: self._named(of.replace(" ", ".")),
            "STACK_GLOBAL": lambda _: self._named(".".join([self.pop(), self.pop()][::-1])),
            "REDUCE": lambda _: self._call(self.pop(), self.pop()),
            "BUILD": lambda _: self._ignore_state(self.pop()),
            "BINPERSID": lambda _: self._refer(self.pop()),
        }

    def take(self, step: str, argument: Any) -> None:
        """Take one step, named as in `pickletools`."""
        if step in _CONSTANTS:
            self._push(argument)
        elif step in _FIXED:
            self._push(_FIXED[step]())
        elif step in _TUPLES:
            self._push(tuple(self.pop() for _ in range(_TUPLES[step]))[::-1])
        elif step in _PUTS:
            self._keep(argument)
        elif step in _GETS:
            self._push(self._kept[argument])
        elif step in self._special:
            self._special[step](argument)
        elif step not in _NOTHING:
            raise forbidden(self._name, step)

    def pop(self) -> Any:
        """Take what was pushed last, not below a mark."""
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise ValueError("the stack is empty")
        return self._stack.pop()

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _drop(self) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self.pop()

    def _keep(self, number: int) -> None:
        self._kept[number] = self._stack[-1]

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        found = self._stack[start:]
        del self._stack[start:]
        return found

    def _drop_since_mark(self) -> None:
        self._since_mark()

    def _extend(self, values: list[Any]) -> None:
        found = self._stack[-1]
        if type(found) is not list:
            raise TypeError(f"a {type(found).__name__} is extended")
        found.extend(values)

    def _set(self, values: list[Any]) -> None:
        found = self.pop()
        if type(found) not in (dict, OrderedDict):
            raise TypeError(f"an entry of a {type(found).__name__} is set")
        self._fill(found, values)

    def _fill(self, found: dict[Any, Any], values: list[Any]) -> None:
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (str, int):
                raise ModelError(
                    f"{self._name}: a key is a {type(key).__name__}; expected a text or a whole "
                    "number"
                )
            found[key] = value
        self._push(found)

    def _named(self, name: str) -> None:
        if name not in self._allowed:
            raise forbidden(self._name, name)
        self._push(self._allowed[name])

    def _call(self, arguments: Any, function: Any) -> None:
        if not callable(function) or type(arguments) is not tuple:
            raise TypeError(f"a {type(function).__name__} is called")
        self._push(function(*arguments))

    def _ignore_state(self, _state: Any) -> None:
        """Leave an ordered dictionary as it is: `torch` adds versions of its layers to one."""
        if type(self._stack[-1]) is not OrderedDict:
            raise forbidden(self._name, f"BUILD of a {type(self._stack[-1]).__name__}")

    def _refer(self, description: Any) -> None:
        if self._persistent is None:
            raise forbidden(self._name, "BINPERSID")
        self._push(self._persistent(description))
