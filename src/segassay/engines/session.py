"""ONNX Runtime, opened in one way: on the CPU, silent, with the cores this process may use."""

import os
from pathlib import Path
from typing import Any

from segassay.errors import ModelError

# Read when the library is loaded: onnxruntime collects usage data even on Linux otherwise, names
# the machine in a file of the user's home, and sends it when it can.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime


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
            f"{path.name}: onnxruntime cannot load it: {error}; install the judge again"
        ) from error


def usable_cores() -> int:
    """Return the number of cores this process may use; the machine may have more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
