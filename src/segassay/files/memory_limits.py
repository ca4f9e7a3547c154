"""What a process may hold: told from headers, before any memory is taken."""

import os
from pathlib import Path

from segassay.errors import ContentError

_BYTES_IN_USE = 4
"""Of a voxel in the array that is worked with, besides the bytes it is stored in."""

_UNLIMITED = 2**62
_CGROUPS, _OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

_n_sharing = 1


def require_memory(where: str, n_voxels: int, bytes_each: int) -> None:
    """Refuse voxels that this process cannot hold: a few kilobytes may announce gigabytes.

    Raises:
        ContentError: They need more than all of its memory.
    """
    n_bytes, most = n_voxels * (bytes_each + _BYTES_IN_USE), memory_bytes()
    if n_bytes > most:
        advice = "use fewer --jobs, crop it" if _n_sharing > 1 else "crop it"
        raise ContentError(
            f"{where}: needs {n_bytes / 2**30:.3g} GiB of memory, {most / 2**30:.3g} GiB may be "
            f"used; {advice}, or use a machine with more"
        )


def share_memory(n_processes: int) -> None:
    """Tell this process that it is one of several that share the memory in equal parts."""
    global _n_sharing
    _n_sharing = n_processes


def memory_bytes() -> int:
    """Return the memory this process may use: its share of the machine's, or of its container's.

    Where the system does not tell, more than any volume needs.
    """
    return min(_physical_bytes(), cgroup_limit()) // _n_sharing


def cgroup_limit(groups: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int:
    """Return the lowest memory limit of the control groups (version 1 or 2) of this process.

    `own` lists them as `number:controllers:/path`, one a line. Within a container the path is
    often the host's and not to be seen: then the groups above it count, up to `groups` itself.
    Without any limit: more than any volume needs.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    limits = [_UNLIMITED]
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers == "":
            limits += _limits_up(groups, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits_up(groups / "memory", path, "memory.limit_in_bytes")
    return min(limits)


def _limits_up(mount: Path, path: str, name: str) -> list[int]:
    """Return the limits of a group and of all above it; `max` means none."""
    group = mount / path.strip("/")
    if not group.is_relative_to(mount) or ".." in group.parts:
        group = mount
    limits = []
    for folder in (group, *group.parents):
        if folder.is_relative_to(mount):
            try:
                text = (folder / name).read_text(encoding="ascii", errors="replace").strip()
            except OSError:
                continue
            limits += [int(text)] if text.isdecimal() else []
    return limits


def _physical_bytes() -> int:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return _UNLIMITED
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
