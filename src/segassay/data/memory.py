"""What a machine can hold: told from headers, before any memory is taken."""

import os

from segassay.errors import ContentError

_BYTES_IN_USE = 4
"""Of a voxel in the array that is worked with, besides the bytes it is stored in."""


def require_memory(where: str, n_voxels: int, bytes_each: int) -> None:
    """Refuse voxels that this machine cannot hold: a few kilobytes may announce gigabytes.

    Raises:
        ContentError: They need more than all of its memory.
    """
    n_bytes, most = n_voxels * (bytes_each + _BYTES_IN_USE), memory_bytes()
    if n_bytes > most:
        raise ContentError(
            f"{where}: needs {n_bytes / 2**30:.0f} GiB of memory, this machine has "
            f"{most / 2**30:.0f}; crop it, or use a larger one"
        )


def memory_bytes() -> int:
    """Return the memory of this machine; where the system does not tell, more than any needs."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return 2**62
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
