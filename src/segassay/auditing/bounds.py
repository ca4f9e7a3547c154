"""The user's own table of plausible values: `label,lower,upper`, and which quantity is meant."""

from math import isfinite
from pathlib import Path

from segassay.checks.base import Bound
from segassay.datasets.case import Dataset
from segassay.errors import DatasetError, UsageError
from segassay.files.text_table import Row, read_rows
from segassay.vocabulary.names import canonical_name

QUANTITIES = ("volume_ml", "voxels", "mean_value")
"""What can be bounded; `mean_value` is of the image inside the mask, HU in a CT."""

_COLUMNS = ("label", "lower", "upper")


def read_bounds(path: Path | None, dataset: Dataset) -> tuple[Bound, ...]:
    """Read the table; empty without one.

    A blank `lower` or `upper` is no limit; a blank or missing `quantity` is `volume_ml`.

    Raises:
        UsageError: A column is missing, a limit is no number, a quantity unknown, or no row is
            about a structure of the data set.
    """
    if path is None:
        return ()
    try:
        rows = list(read_rows(path))
    except DatasetError as error:
        raise UsageError(f"--bounds {error}") from error
    found = tuple(_bound(path, number, row) for number, row in enumerate(rows, start=1))
    if not any(bound.structure in dataset.structures for bound in found):
        raise UsageError(
            f"--bounds {path.name}: none of its {len(found)} rows is about a structure of "
            f"{dataset.name}; there are {', '.join(dataset.structures) or 'no labels'}"
        )
    return found


def _bound(path: Path, number: int, row: Row) -> Bound:
    where = f"--bounds {path.name}: row {number}"
    missing = [name for name in _COLUMNS if name not in row]
    if missing:
        raise UsageError(f"{where}: no column {', '.join(missing)}; expected label,lower,upper")
    quantity = row.get("quantity") or QUANTITIES[0]
    if quantity not in QUANTITIES:
        raise UsageError(
            f"{where}: quantity {quantity!r} is unknown; one of {', '.join(QUANTITIES)}"
        )
    lower, upper = _limit(where, "lower", row["lower"]), _limit(where, "upper", row["upper"])
    if lower is not None and upper is not None and lower > upper:
        raise UsageError(f"{where}: lower {lower:g} is above upper {upper:g}; exchange them")
    return Bound(canonical_name(row["label"]), quantity, lower, upper)


def _limit(where: str, name: str, text: str) -> float | None:
    """Read a limit; `None` for a blank cell, which is none."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise UsageError(f"{where}: {name} is {text!r}; expected a number, or nothing for no limit")
    return value
