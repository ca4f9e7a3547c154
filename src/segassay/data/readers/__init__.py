"""Readers of data set layouts; `open_dataset` finds the right one."""

from segassay.data.readers.opening import open_dataset

__all__ = ["open_dataset"]
