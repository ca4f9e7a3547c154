"""Tables as users have them: CSV or TSV of any delimiter and BOM or none, JSON lines, Parquet."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from segassay.errors import DatasetError, ReadError
from segassay.files.filesystem import read_bytes, read_text
from segassay.files.untrusted_json import parse_json, shortened

_MOST_BYTES = 2**28
_MOST_ROWS = 10_000_000
"""Of a Parquet file, where equal rows take no place."""

Row = dict[str, str]
"""One row: column names in lower case, cells without blanks at their ends."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a table; the delimiter is the one most often found in its first line.

    A missing cell is an empty text. An empty file has no rows.

    Raises:
        DatasetError: The file cannot be read, is not UTF-8, or a row has too many cells.
    """
    try:
        if path.suffix.lower() == ".parquet":
            yield from _parquet_rows(path, read_bytes(path))
            return
        text = read_text(path, most=_MOST_BYTES)
    except ReadError as error:
        raise DatasetError(str(error)) from error
    if path.suffix.lower() == ".jsonl":
        yield from _json_rows(path, text)
        return
    head = text.split("\n", 1)[0]
    delimiter = max("\t;,", key=head.count)
    lines = io.StringIO(text, newline="")  # csv alone knows which line ends lie in quotes
    try:
        for number, row in enumerate(csv.DictReader(lines, delimiter=delimiter), 1):
            if None in row:
                raise DatasetError(f"{path.name}: row {number}: more cells than columns; quote it")
            yield {key.strip().lower(): (value or "").strip() for key, value in row.items()}
    except csv.Error as error:
        raise DatasetError(f"{path.name}: not a table of text ({error})") from error


def _parquet_rows(path: Path, content: bytes) -> Iterator[Row]:
    import polars  # heavy, and only this format needs it

    try:
        n_rows = polars.scan_parquet(io.BytesIO(content)).select(polars.len()).collect().item()
        if n_rows > _MOST_ROWS:
            raise DatasetError(f"{path.name}: {n_rows} rows; at most {_MOST_ROWS} are read")
        table = polars.read_parquet(io.BytesIO(content))
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError) as error:
        why = str(error).split("\n", 1)[0]
        raise DatasetError(f"{path.name}: is no Parquet file that can be read ({why})") from error
    for row in table.iter_rows(named=True):
        yield {
            key.strip().lower(): "" if value is None else str(value).strip()
            for key, value in row.items()
        }


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):  # U+2028 may stand within a text
        if not line.strip():
            continue
        try:
            data = parse_json(line)
        except ValueError as error:
            raise DatasetError(f"{path.name}: row {number}: not a row ({error})") from error
        if not isinstance(data, dict):
            raise DatasetError(f"{path.name}: row {number}: {shortened(data)}; expected an object")
        yield {str(key).lower(): str(value) for key, value in data.items() if value is not None}
