"""Parquet files that are whole or absent."""

import os
import re
from pathlib import Path

import polars as pl

from segassay.files.atomic import whole_file

_ERRNO = re.compile(r"\(os error (\d+)\)")


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
