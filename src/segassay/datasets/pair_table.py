"""Pairs of masks and their gold: the table that `pairs` writes and `evaluate` reads.

Columns: `image`, `mask`, `gold` (files, relative to the table's folder, or absolute), `structure`,
`subject`. Optional: `set`; `modality`; `value` and `gold_value`, the voxel values that mean the
structure in `mask` and `gold` (several with blanks between; without, any value but zero);
`ignore_value` and `gold_ignore_value`, those of voxels that nobody labelled; `case`.
Other columns are carried along untouched.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from segassay.errors import DatasetError, UsageError
from segassay.files.text_table import Row, read_rows
from segassay.images.formats.registry import stem_of
from segassay.images.label_ref import LabelRef
from segassay.types import Modality, modality_of
from segassay.vocabulary.names import canonical_name

REQUIRED = ("image", "mask", "gold", "structure", "subject")
_VALUES = ("value", "gold_value", "ignore_value", "gold_ignore_value")
OPTIONAL = ("set", "modality", *_VALUES, "case")
UNTOUCHED = "untouched"
"""What the column `family` says of a mask that is the gold itself."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One mask with the gold it is compared with.

    `number` is the row, from 1. `cells` are the row as it stands in the table. `problem` says why
    the row cannot be used; empty if it can.
    """

    number: int
    case_id: str
    image: Path
    mask: LabelRef
    gold: LabelRef
    subject_id: str
    set_name: str
    modality: Modality | None
    cells: Row
    problem: str = ""

    @property
    def structure(self) -> str:
        """Canonical name of the structure."""
        return self.mask.structure


def read_pair_table(path: Path, modality: Modality | None = None) -> tuple[Pair, ...]:
    """Read a table of pairs; no file that it names is opened.

    A row that cannot be used stays in, with its problem. `modality` is the kind of the images whose
    rows do not tell it.

    Raises:
        DatasetError: The table cannot be read, lacks a column, or has no rows.
        UsageError: A row says that its image is of another kind.
    """
    if path.is_dir():
        raise DatasetError(f"{path.name}: is a folder; expected a table with {_columns()}")
    rows = list(read_rows(path))
    if not rows:
        raise DatasetError(f"{path.name}: has no rows; expected {_columns()}")
    missing = [name for name in REQUIRED if all(name not in row for row in rows)]
    if missing:
        there = ", ".join(name for name in rows[0] if name) or "none"
        raise DatasetError(
            f"{path.name}: lacks the column {', '.join(missing)}; there are {there}; "
            f"expected {_columns()}"
        )
    pairs = [_pair(path, number, row) for number, row in enumerate(rows, start=1)]
    if modality is None:
        return tuple(pairs)
    other = next((pair for pair in pairs if pair.modality not in (None, modality)), None)
    if other is not None:
        raise UsageError(
            f"--modality {modality}: row {other.number} of {path.name} says {other.modality}; "
            "leave the option out, or correct the table"
        )
    return tuple(replace(pair, modality=modality) for pair in pairs)


def _columns() -> str:
    return f"{', '.join(REQUIRED)} and, if wanted, {', '.join(OPTIONAL)}"


def _pair(table: Path, number: int, row: Row) -> Pair:
    image = table.parent / row.get("image", "")
    structure = canonical_name(row.get("structure", ""))
    return Pair(
        number=number,
        case_id=row.get("case") or stem_of(image),
        image=image,
        mask=_label(table, row, structure, "mask"),
        gold=_label(table, row, structure, "gold"),
        subject_id=row.get("subject", ""),
        set_name=row.get("set") or table.stem,
        modality=_modality(row.get("modality", "")),
        cells=row,
        problem=_problem(number, row, structure),
    )


def _label(table: Path, row: Row, structure: str, column: str) -> LabelRef:
    prefix = "gold_" if column == "gold" else ""
    values = _values(row.get(f"{prefix}value", ""))
    ignore = _values(row.get(f"{prefix}ignore_value", "")) or ()
    return LabelRef(structure, table.parent / row.get(column, ""), values, column, ignore=ignore)


def _problem(number: int, row: Row, structure: str) -> str:
    blank = [name for name in REQUIRED if not row.get(name)]
    if blank:
        return f"row {number}: nothing in {', '.join(blank)}; fill it in"
    if not structure:
        return f"row {number}: structure {row['structure']!r} has no letter; give its name"
    wrong = [name for name in _VALUES if _values(row.get(name, "")) == ()]
    if wrong:
        told = ", ".join(f"{name} is {row[name]!r}" for name in wrong)
        return f"row {number}: {told}; expected whole numbers with blanks between"
    if row.get("modality") and _modality(row["modality"]) is None:
        known = ", ".join(Modality)
        return f"row {number}: modality {row['modality']!r} is unknown; expected one of {known}"
    return ""


def _modality(text: str) -> Modality | None:
    spelt = text.lower()
    return Modality(spelt) if spelt in set(Modality) else modality_of(text)


def _values(text: str) -> tuple[int, ...] | None:
    """Read label values; `None` if there is no text, empty if it holds something else."""
    words = text.split()
    if not words:
        return None
    if not all(re.fullmatch(r"-?\d{1,10}", word) for word in words):
        return ()
    return tuple(dict.fromkeys(int(word) for word in words))
