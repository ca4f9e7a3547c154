"""Which value of a mask is meant, where it holds several."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.discovery.listing import multilabel_refs
from segassay.datasets.discovery.value_names import names_beside
from segassay.datasets.read_case import FRACTION
from segassay.errors import ContentError, DatasetError, UsageError
from segassay.images.io import read_label
from segassay.images.label_ref import LabelRef
from segassay.images.volume import Volume
from segassay.vocabulary.names import canonical_name

Label: TypeAlias = int | str | Sequence[int]
"""A voxel value, several of them, or a name that the file, or one beside it, gives a value."""

_SHOWN = 6


def read_chosen(path: Path, label: Label | None, image: Volume | None) -> Volume:
    """Read a mask file; the volume's array is boolean.

    Args:
        path: Label file.
        label: What to take out of it; `None` for all that is not zero, which must be one value.
        image: Its image, for formats that leave out what is empty.

    Raises:
        UsageError: The file holds several values and none is chosen, or it has no such name.
        ReadError, ContentError: As `images.io.read_label` does.
    """
    ref = LabelRef("mask", path) if label is None else _ref_of(path, label)
    labels = read_label(ref, image)
    _require_label(path.name, labels.max_fraction, min(labels.counts, default=0))
    if label is None:
        values = [value for value in labels.counts if value != 0]
        if len(values) > 1:
            raise UsageError(_ask(path.name, values, _names(path)))
    return replace(labels.volume, array=np.asarray(labels.mask(ref)))


def chosen_of(mask: NDArray[Any], label: Label | None) -> NDArray[np.bool_]:
    """Take a mask out of an array of numbers, shape as it is; arguments as of `read_chosen`.

    Raises:
        UsageError: The array holds several values and none is chosen, or a name is given.
        ContentError: It holds fractions or a value below 0.
    """
    if label is not None:
        numbers = _numbers(label)
        if not numbers:
            raise UsageError(f"label {label!r}: an array has no names; give the value")
        return np.isin(mask, numbers)
    fraction = np.abs(mask - np.rint(mask)).max(initial=0) if mask.dtype.kind == "f" else 0
    _require_label("mask", float(fraction), float(mask.min(initial=0)))
    filled = mask != 0
    inside = mask[filled]
    if inside.size and (inside != inside[0]).any():
        raise UsageError(_ask("mask", np.unique(inside).tolist(), {}))
    return np.asarray(filled)


def _require_label(what: str, max_fraction: float, least: float) -> None:
    """Raise `ContentError` for what an audit calls no label: fractions, values below 0."""
    if max_fraction > FRACTION:
        raise ContentError(
            f"{what}: values lie up to {max_fraction:.3g} from a whole number; expected a label of "
            "whole numbers: resample it with nearest neighbour, or cut a probability at half"
        )
    if least < 0:
        raise ContentError(f"{what}: holds {least:g}; expected 0 and values above it")


def name_of(label: Label | None) -> str | None:
    """Return the structure that a choice names; `None` for values."""
    return label if isinstance(label, str) and not _numbers(label) else None


def _numbers(label: Label) -> tuple[int, ...]:
    """Return the values that a choice says outright; none for a name."""
    if isinstance(label, str):
        return (int(label),) if label.strip().lstrip("-").isdecimal() and len(label) < 11 else ()
    return (label,) if isinstance(label, int) else tuple(label)


def _ref_of(path: Path, label: Label) -> LabelRef:
    numbers = _numbers(label)
    if numbers:
        return LabelRef("mask", path, numbers)
    wanted = canonical_name(str(label))
    refs = multilabel_refs(path, names_beside(path.parent).labels)
    for ref in refs:
        if ref.structure == wanted:
            return ref
    known = ", ".join(ref.structure for ref in refs[:_SHOWN])
    raise UsageError(
        f"{path.name}: nothing names a value {label!r}; named are {known}; give the value, or "
        "name it in labels.json beside the mask"
    )


def _names(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        return names_beside(path.parent).labels
    except DatasetError:
        return {}  # it only was to make the question easier


def _ask(what: str, values: Sequence[float], names: dict[str, tuple[int, ...]]) -> str:
    called = {numbers[0]: name for name, numbers in names.items() if len(numbers) == 1}
    shown = [f"{v:g} {called[int(v)]}" if v in called else f"{v:g}" for v in values[:_SHOWN]]
    more = ", …" if len(values) > _SHOWN else ""
    return (
        f"{what}: holds {len(values)} values ({', '.join(shown)}{more}); say which one is meant by "
        "--label, in Python by label=; a soft mask must be made binary first"
    )
