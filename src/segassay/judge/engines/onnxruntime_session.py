"""ONNX Runtime, opened in one way: on the CPU, silent, with the cores this process may use."""

import os
from pathlib import Path
from typing import Any

from segassay.errors import ModelError

# Read when the library is loaded: onnxruntime collects usage data even on Linux otherwise, names
# the machine in a file of the user's home, and sends it when it can.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

_UNLIMITED = 2**16


def open_session(path: Path, *, threads: int | None = None) -> Any:
    """Open an ONNX file; a session may be shared between threads.

    Args:
        path: The file, weights inside.
        threads: Cores to use; all that this process may use by default.

    Raises:
        ModelError: The file is not one that ONNX Runtime can load.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise ModelError(
            f"{path.name}: onnxruntime cannot load it: {error}; install it again"
        ) from error


def usable_cores() -> int:
    """Return the number of cores this process may use; the machine may have more.

    The system may bind it to some of them, and a container may have a share of their time.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(bound or 1, cores_of_group()))


def cores_of_group(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores' time the control group (version 2 or 1) grants, rounded up.

    A container sees its own group as the topmost. Without a limit: more than any machine has.
    """
    try:
        quota, period = (groups / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (groups / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="ascii").strip()
                for name in ("quota", "period")
            )
        except (OSError, ValueError):
            return _UNLIMITED
    if not (quota.isdecimal() and period.isdecimal() and int(period)):  # "max", or -1
        return _UNLIMITED
    return max(1, -(-int(quota) // int(period)))
