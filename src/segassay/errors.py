"""The errors a caller can act on, and the exit code each one ends a command with.

    SegassayError                 1
    ├── UsageError                2   the call or its configuration is wrong
    │   ├── MissingExtraError     2   an optional dependency is not installed
    │   ├── OutputError           2   results cannot be written where asked
    │   └── DatasetError          2   the data set as a whole cannot be read
    ├── CaseError                 3   one case cannot be used; the others go on
    │   ├── ReadError             3   a file is missing, truncated or not what its name says
    │   ├── GeometryError         3   image and mask do not lie on one grid
    │   ├── ContentError          3   the voxels are not usable (4D, NaN, fractional labels, …)
    │   └── InternalError         3   a bug of segassay's own, met while working on the case
    └── ModelError                5   a judge's weights are missing or do not match their checksum

Every message is one line: which file or case, what came, what was expected, what to do.
"""

import re
from pathlib import Path
from typing import ClassVar

_FOLDERS = re.compile(
    r"""(?P<before>^|[\s(=:,"'`])(?:[A-Za-z]:)?[\\/](?=[^\s\\/])(?:[^\\/"'`\n]*[\\/])+"""
)
"""The folders of an absolute path, up to the last name."""


class SegassayError(Exception):
    """Base of all errors raised on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(SegassayError):
    """The call itself, an option or a configuration value is wrong."""

    exit_code: ClassVar[int] = 2


class MissingExtraError(UsageError):
    """A feature needs an optional dependency that is not installed."""


class OutputError(UsageError):
    """Results cannot be written to the place that was asked for."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> "OutputError":
        """Return the error for a file or folder that the system refused to write."""
        reason = error.strerror or str(error)
        return cls(f"{path}: cannot be written ({reason}); make room, or choose another -o")


class DatasetError(UsageError):
    """The data set as a whole cannot be read: no known layout, or a broken description file."""


class CaseError(SegassayError):
    """One case cannot be used. A run records it and goes on with the next case.

    Results keep the message and may be passed on, so it names no folder of the machine: of an
    absolute path, as libraries put it into their errors, the last name is left.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str) -> None:
        super().__init__(_FOLDERS.sub(r"\g<before>", message))


class ReadError(CaseError):
    """A file is missing, truncated, or not the format its name promises."""


class GeometryError(CaseError):
    """Image and mask do not share one voxel grid."""


class ContentError(CaseError):
    """A file was read, but its voxels cannot be used."""


class InternalError(CaseError):
    """A bug of segassay's own, met while working on one case; the data may be fine."""

    @classmethod
    def of(cls, error: Exception) -> "InternalError":
        """Return the error that a run records for an exception that nobody foresaw."""
        return cls(f"internal error ({type(error).__name__}: {error}); please report it")


class ModelError(SegassayError):
    """A judge's weights are missing, damaged or of an unknown version."""

    exit_code: ClassVar[int] = 5

    @classmethod
    def of_version(cls, folder: Path, error: Exception) -> "ModelError":
        """Return the error for a judge whose files lack what this version looks for in them."""
        return cls(
            f"{folder.name}: made by another version ({error}); update segassay, or install the "
            "judge again"
        )
