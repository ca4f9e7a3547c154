"""A table that names its files: CSV, TSV, JSONL or Parquet, one row per label or per case.

Columns: `image` (and `image_1`, … for further channels); `label` with `structure` and, for a file
with several values, `value` (several values with blanks between); or `label_<structure>` columns.
`ignore_value` are values of voxels that nobody labelled.
Optional: `case_id`, `subject`, `split`, `modality`, `source` (or `annotator`). All other columns
are metadata of the case, unless its rows disagree. Paths are relative to the manifest's folder, or
absolute.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from segassay.datasets.case import Case, Dataset
from segassay.datasets.discovery.listing import (
    listed_path,
    missing_files,
    require_cases,
    subject_of,
)
from segassay.datasets.splits import natural_key
from segassay.errors import DatasetError
from segassay.files.text_table import Row, read_rows
from segassay.files.untrusted_json import shortened
from segassay.images.formats.registry import stem_of
from segassay.images.label_ref import LabelRef
from segassay.types import modality_of
from segassay.vocabulary.names import canonical_names

NAME = "manifest"
LOOKS_FOR = "a .csv, .tsv, .jsonl or .parquet file with the columns image, label and structure"
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")

_OWN = re.compile(
    r"image(_\d+)?|label(_.*)?|structure|value|ignore_value|case_id|subject|split|modality|source|annotator"
)
"""Columns that mean something to us; the others are metadata."""


def sniff(root: Path) -> bool:
    """Whether `root` is a table rather than a folder."""
    return root.is_file() and root.suffix.lower() in SUFFIXES


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the table; rows with the same `case_id` make one case."""
    rows = list(read_rows(root))
    names = canonical_names(_structures(rows), of=root.stem)
    cases: dict[str, Case] = {}
    told: dict[str, dict[str, set[str]]] = {}
    for number, row in enumerate(rows, start=1):
        case = _case(_Row(root, number, row, names), subject)
        for key, text in row.items():
            if text and not _OWN.fullmatch(key):
                told.setdefault(case.case_id, {}).setdefault(key, set()).add(text)
        before = cases.get(case.case_id)
        if before is not None and before.split and case.split and before.split != case.split:
            # one case in two parts of the data: kept apart, so that the leak is found
            case = replace(
                case, case_id=f"{case.case_id} ({case.split})", subject_id=before.subject_id
            )
            before = cases.get(case.case_id)
        if before is not None:
            own = case if row.get("subject") else replace(case, subject_id=before.subject_id)
            case = _joined(root, number, before, own)
        cases[case.case_id] = case
    every = [replace(c, metadata=_agreed(told.get(c.case_id, {}))) for c in cases.values()]
    found = require_cases(every, root, LOOKS_FOR)
    missing = missing_files(found, root.name)
    return Dataset(root.parent, NAME, root.stem, found, missing=missing)


def _joined(root: Path, number: int, before: Case, case: Case) -> Case:
    """Add a row's labels to its case; what a row leaves blank, an earlier one has told."""
    where = f"{root.name}: row {number}: case {case.case_id!r}"
    if before.images != case.images:
        raise DatasetError(f"{where} has a second image; give it another case_id")
    if before.subject_id != case.subject_id:
        raise DatasetError(f"{where} has a second subject, {case.subject_id!r}; keep one")
    modality = before.modality if case.modality is None else case.modality
    split = case.split or before.split
    refs = (*before.labels, *case.labels)
    _require_distinct(root, number, refs)
    return Case(case.case_id, case.subject_id, case.images, refs, modality, split)


def _require_distinct(root: Path, number: int, refs: tuple[LabelRef, ...]) -> None:
    seen: set[tuple[str, str]] = set()
    for ref in refs:
        if (ref.structure, ref.source) in seen:
            twice = f"{ref.structure!r} from {ref.source!r} twice in one case"
            raise DatasetError(f"{root.name}: row {number}: {twice}; tell them apart by 'source'")
        seen.add((ref.structure, ref.source))


@dataclass(frozen=True, slots=True)
class _Row:
    """A row with what is needed to read it; `names` spells the structures of the whole table."""

    table: Path
    number: int
    cells: Row
    names: dict[str, str]

    def error(self, text: str) -> DatasetError:
        """Return what is raised when the row cannot be used; `text` says why."""
        return DatasetError(f"{self.table.name}: row {self.number}: {text}")

    def place(self, cell: str) -> Path:
        """Return where a file lies that a cell names."""
        where = f"{self.table.name}: row {self.number}"
        return listed_path(self.table.parent, cell, of=where)


def _structures(rows: list[Row]) -> Iterator[str]:
    """Yield what the table calls its structures, in cells and in names of columns."""
    for row in rows:
        yield row.get("structure", "")
        yield from (key.removeprefix("label_") for key in row if key.startswith("label_"))


def _agreed(told: dict[str, set[str]]) -> dict[str, str]:
    """Keep what all rows of a case say alike; the rest is about labels, not about the case."""
    return {key: next(iter(texts)) for key, texts in told.items() if len(texts) == 1}


def _case(row: _Row, subject: re.Pattern[str] | None) -> Case:
    cells = row.cells
    if not cells.get("image"):
        raise row.error(f"no 'image'; columns: {', '.join(cells)}")
    numbered = (key for key in cells if re.fullmatch(r"image_\d+", key) and cells[key])
    channels = sorted(numbered, key=natural_key)
    images = tuple(row.place(cells[key]) for key in ("image", *channels))
    case_id = cells.get("case_id") or stem_of(images[0])
    modality = modality_of(cells.get("modality", ""))
    owner = cells.get("subject") or subject_of(case_id, subject)
    refs = tuple(_refs(row))
    _require_distinct(row.table, row.number, refs)
    return Case(case_id, owner, images, refs, modality, cells.get("split") or None)


def _refs(row: _Row) -> Iterator[LabelRef]:
    cells = row.cells
    source = cells.get("source") or cells.get("annotator") or "label"
    ignore = _values(row, "ignore_value") or ()
    if cells.get("label"):
        structure = row.names.get(cells.get("structure", ""))
        if not structure:
            raise row.error(f"'label' without 'structure', which is {cells.get('structure')!r}")
        place, values = row.place(cells["label"]), _values(row, "value")
        yield LabelRef(structure, place, values, source, ignore=ignore)
    for key, text in cells.items():
        if key.startswith("label_") and text:
            structure = row.names[key.removeprefix("label_")]
            if not structure:
                raise row.error(f"column {key!r} names no structure")
            yield LabelRef(structure, row.place(text), None, source, ignore=ignore)


def _values(row: _Row, column: str) -> tuple[int, ...] | None:
    text = row.cells.get(column, "")
    words = text.split()
    if not all(re.fullmatch(r"[+-]?\d{1,10}", word) for word in words):
        raise row.error(f"{column} {shortened(text)}; expected whole numbers with blanks between")
    return tuple(map(int, words)) or None
