"""What `torch.save` and `pickle.dump` write of tensors, read without torch's own loader.

That one takes weights alone, too, but makes memory of what a file announces, believes sizes that
lie beyond what is stored, and compares no checksums.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from segassay.errors import ModelError
from segassay.files.zip_in_memory import read_zip
from segassay.models.plain_pickle import Allowed, broken, forbidden, read_pickle

_ZIP = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
"""The first of the pickles that older versions of torch write one after the other."""

_MOST_PARTS = 4096
_MOST_AXES = 8
_KINDS = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
"""Storages of plain numbers; complex and quantized ones are not read."""


@dataclass(frozen=True, slots=True, eq=False)
class _Storage:
    """Numbers in a row, `(n,)`, that tensors are parts of."""

    numbers: Tensor


Find = Callable[[str, torch.dtype, int], Tensor]
"""Returns the numbers `(n,)` of a storage, by its key, kind and size."""


def read_tensors(content: bytes, name: str, *, most_bytes: int) -> Any:
    """Read a file of tensors: numbers, texts and containers of them.

    Args:
        content: The file.
        name: What messages call it.
        most_bytes: Of a zip's files, unpacked.

    Returns:
        What was saved. Its tensors lie on the CPU and may share memory.

    Raises:
        ModelError: The file is damaged or truncated, or asks for anything but plain tensors; the
            message says for what, and nothing of that was run.
    """
    nested = {"torch.storage._load_from_bytes": _Nested(name, len(content))}
    try:
        return _read(content, name, most_bytes, nested)
    except ModelError:
        raise
    except Exception as error:  # sizes that do not fit have errors of torch, of Python and others
        raise broken(name, error) from error


def _read(content: bytes, name: str, most_bytes: int, nested: Allowed) -> Any:
    if content[: len(_ZIP)] == _ZIP:
        return _from_zip(content, name, most_bytes)
    return _from_pickles(content, name, nested)


def _from_zip(content: bytes, name: str, most_bytes: int) -> Any:
    most_bytes = min(most_bytes, 2 * len(content))  # torch packs nothing
    parts = read_zip(BytesIO(content), name, most_bytes=most_bytes, most_files=_MOST_PARTS)
    places = [place for place in parts if place == "data.pkl" or place.endswith("/data.pkl")]
    if len(places) != 1:
        raise ModelError(f"{name}: holds {len(places)} data.pkl; expected what torch.save writes")
    root = places[0].removesuffix("data.pkl")
    order = parts.get(f"{root}byteorder", b"little").decode("ascii")
    if order != sys.byteorder:
        raise ModelError(f"{name}: was saved on a machine of {order[:10]!r} byte order")

    def _find(key: str, kind: torch.dtype, count: int) -> Tensor:
        return _numbers(parts[f"{root}data/{key}"], kind, count)

    stream = BytesIO(parts[places[0]])
    return read_pickle(stream, name, _allowed(name), persistent=_Storages(name, _find))


def _from_pickles(content: bytes, name: str, nested: Allowed) -> Any:
    """Read one plain pickle, or the five of older versions of torch and the numbers after them."""
    stream = BytesIO(content)
    first = read_pickle(stream, name, {**_allowed(name), **nested})
    if type(first) is not int or first != _MAGIC:
        return first
    for _ in ("version of the format", "sizes of the machine's numbers"):
        read_pickle(stream, name, {})
    room = [len(content)]

    def _make(_key: str, kind: torch.dtype, count: int) -> Tensor:
        room[0] -= count * kind.itemsize
        if room[0] < 0:
            raise EOFError("it announces more numbers than it has room for")
        return torch.zeros(count, dtype=kind)

    storages = _Storages(name, _make)
    found = read_pickle(stream, name, _allowed(name), persistent=storages)
    for key in read_pickle(stream, name, {}):
        numbers = storages.made.pop(key).numbers
        count = int.from_bytes(stream.read(8), "little")
        if count != len(numbers):
            raise EOFError(f"{count} numbers where {len(numbers)} were announced")
        numbers.copy_(_numbers(stream.read(count * numbers.itemsize), numbers.dtype, count))
    if storages.made:
        raise EOFError("numbers are missing")
    return found


class _Storages:
    """Finds what a program refers to as ('storage', kind, key, place, size), each one once."""

    def __init__(self, name: str, find: Find) -> None:
        self._name, self._find = name, find
        self.made: dict[str, _Storage] = {}

    def __call__(self, description: Any) -> _Storage:
        """Return the storage of a description; raises what a wrong one leads to."""
        what, kind, key, _place, count, *view = description
        if what != "storage" or not isinstance(kind, torch.dtype) or any(view):
            raise forbidden(self._name, f"a storage that is {str(what)[:20]}")
        if type(key) is not str or not _is_size(count):
            raise TypeError("a storage without key or size")
        if key not in self.made:
            self.made[key] = _Storage(self._find(key, kind, count))
        found = self.made[key]
        if found.numbers.dtype != kind or len(found.numbers) != count:
            raise TypeError("one storage of two kinds")
        return found


class _Nested:
    """Reads storages that lie in a pickle as files of their own.

    It stands in for torch's own function, which would unpickle freely. One file that is named again
    and again may not cost more than the whole holds, and none lies in another.
    """

    def __init__(self, name: str, most_bytes: int) -> None:
        self._name, self._room = name, most_bytes

    def __call__(self, content: bytes) -> Any:
        """Return what was saved as `content`; raises as `read_tensors`."""
        if type(content) is not bytes:
            raise TypeError("a file inside is no bytes")
        self._room -= len(content)
        if self._room < 0:
            raise ModelError(f"{self._name}: repeats what it holds; refused")
        return _read(content, self._name, 2 * len(content), {})


def _allowed(name: str) -> Allowed:
    def _rebuild(
        storage: Any, offset: Any, size: Any, stride: Any, _grad: Any, _hooks: Any, *rest: Any
    ) -> Tensor:
        if type(storage) is not _Storage or any(rest):
            raise forbidden(name, "a tensor of another kind")
        return _part(storage.numbers, offset, size, stride)

    def _parameter(data: Any, _grad: Any, _hooks: Any) -> Tensor:
        if not isinstance(data, Tensor):
            raise TypeError("a parameter without numbers")
        return data

    return {
        "collections.OrderedDict": lambda: OrderedDict(),
        "torch._utils._rebuild_tensor_v2": _rebuild,
        "torch._utils._rebuild_parameter": _parameter,
        **{f"torch.{kind}": dtype for kind, dtype in _KINDS.items()},
    }


def _part(numbers: Tensor, offset: Any, size: Any, stride: Any) -> Tensor:
    """Return a tensor of stored numbers, none of them beyond their end and none shown twice."""
    if type(size) is not tuple or type(stride) is not tuple or len(size) != len(stride):
        raise TypeError("a tensor without size")
    if not all(map(_is_size, (offset, *size, *stride))) or len(size) > _MOST_AXES:
        raise TypeError(f"a tensor of size {size!r:.60}")
    count = 1
    for length in size:
        count *= length
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if count > len(numbers) or (count and last >= len(numbers)):
        raise ValueError(f"a tensor of size {size!r:.60} from {offset} of {len(numbers)} numbers")
    return numbers.as_strided(size, stride, offset) if count else numbers.new_empty(size)


def _numbers(stored: bytes, kind: torch.dtype, count: int) -> Tensor:
    if len(stored) != count * kind.itemsize:
        raise EOFError(f"{len(stored)} bytes where {count} numbers were announced")
    return torch.frombuffer(bytearray(stored), dtype=kind) if count else torch.empty(0, dtype=kind)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48
