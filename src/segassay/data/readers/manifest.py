"""A table that names its files: CSV, TSV or JSONL, one row per label or per case.

Columns: `image` (and `image_1`, … for further channels); `label` with `structure` and, for a file
with several values, `value`; or `label_<structure>` columns. Optional: `case_id`, `subject`,
`split`, `modality`, `source`. Paths are relative to the manifest's folder, or absolute.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from segassay.data.case import Case, Dataset, LabelRef
from segassay.data.io import stem_of
from segassay.data.readers.listing import modality_of, require_cases, subject_of
from segassay.data.splits import natural_key
from segassay.data.text_table import Row, read_rows
from segassay.errors import DatasetError
from segassay.vocabulary.names import canonical_name

NAME = "manifest"
LOOKS_FOR = "a .csv, .tsv or .jsonl file with the columns image, label and structure"
SUFFIXES = (".csv", ".tsv", ".jsonl")


def sniff(root: Path) -> bool:
    """Whether `root` is a table rather than a folder."""
    return root.is_file() and root.suffix.lower() in SUFFIXES


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read the table; rows with the same `case_id` make one case."""
    cases: dict[str, Case] = {}
    for number, row in enumerate(read_rows(root), start=1):
        case = _case(root, number, row, subject)
        before = cases.get(case.case_id)
        if before is not None:
            told = case if row.get("subject") else replace(case, subject_id=before.subject_id)
            case = _joined(root, number, before, told)
        cases[case.case_id] = case
    found = require_cases(list(cases.values()), root, LOOKS_FOR)
    return Dataset(root.parent, NAME, root.stem, found)


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


def _case(root: Path, number: int, row: Row, subject: re.Pattern[str] | None) -> Case:
    if not row.get("image"):
        raise DatasetError(f"{root.name}: row {number}: no 'image'; columns: {', '.join(row)}")
    base = root.parent
    numbered = (key for key in row if re.fullmatch(r"image_\d+", key) and row[key])
    channels = sorted(numbered, key=natural_key)
    images = tuple(base / row[key] for key in ("image", *channels))
    case_id = row.get("case_id") or stem_of(images[0])
    modality = modality_of(row.get("modality", ""))
    owner = row.get("subject") or subject_of(case_id, subject)
    refs = tuple(_refs(root, number, row, base))
    _require_distinct(root, number, refs)
    return Case(case_id, owner, images, refs, modality, row.get("split") or None)


def _refs(root: Path, number: int, row: Row, base: Path) -> Iterator[LabelRef]:
    source = row.get("source") or "label"
    if row.get("label"):
        if not row.get("structure"):
            raise DatasetError(f"{root.name}: row {number}: 'label' without 'structure'")
        try:
            values = (int(row["value"]),) if row.get("value") else None
        except ValueError as error:
            raise DatasetError(f"{root.name}: row {number}: value {row['value']!r}") from error
        yield LabelRef(canonical_name(row["structure"]), base / row["label"], values, source)
    for key, text in row.items():
        if key.startswith("label_") and text:
            yield LabelRef(canonical_name(key.removeprefix("label_")), base / text, None, source)
