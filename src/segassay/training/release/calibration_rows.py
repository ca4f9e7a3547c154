"""The labels that a judge was calibrated on, kept beside its training to calibrate it anew."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from io import StringIO
from pathlib import Path
from typing import Any

from segassay.corruption.faulty_cases import JudgedFault
from segassay.errors import ReadError
from segassay.files.atomic import write_whole

ROWS = "calibration_rows.csv"

_KINDS: dict[Any, type] = {str: str, int: int, float: float}
_COLUMNS = {field.name: _KINDS[field.type] for field in fields(JudgedFault)}


def write_calibration_rows(rows: Sequence[JudgedFault], path: Path) -> None:
    """Write judged labels as a table; raises `OSError` where it cannot be written."""
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=list(_COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_whole(path, text.getvalue().encode())


def read_calibration_rows(path: Path) -> list[JudgedFault]:
    """Read what `write_calibration_rows` wrote.

    Raises:
        ReadError: The file is missing or empty, lacks a column, or holds a word for a number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found = [
                JudgedFault(**{name: kind(row[name]) for name, kind in _COLUMNS.items()})
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ReadError(
            f"{path.name}: no table of judged labels ({type(error).__name__}: {error}); expected "
            f"the columns {', '.join(_COLUMNS)}, as a training writes them"
        ) from error
    if not found:
        raise ReadError(f"{path.name}: holds no judged label; make it anew by a training")
    return found
