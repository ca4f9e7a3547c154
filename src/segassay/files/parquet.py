"""Parquet files that are whole or absent."""

import os
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from segassay.files.atomic import whole_file

_ERRNO = re.compile(r"\(os error (\d+)\)")


def readable(*paths: Path) -> Any:
    """Return what polars can read files by: it takes no path that is no text, so then their bytes.

    One thing for one path, else a list.
    """
    try:
        "".join(map(str, paths)).encode()
    except UnicodeEncodeError:
        found: list[Any] = [BytesIO(path.read_bytes()) for path in paths]
    else:
        found = list(paths)
    return found[0] if len(found) == 1 else found


def write_parquet(table: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """Write a table in one step, as `files.atomic.write_whole`; of a lazy one a part at a time.

    Raises:
        OSError: The folder cannot be written. Polars has an error of its own for that.
    """
    try:
        with whole_file(path) as file:
            if isinstance(table, pl.LazyFrame):
                table.sink_parquet(file)
            else:
                table.write_parquet(file)
    except pl.exceptions.PolarsError as error:
        number = _ERRNO.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
