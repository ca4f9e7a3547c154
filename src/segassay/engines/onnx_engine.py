"""The judge's network on ONNX Runtime."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.data.preprocess import JudgeInput
from segassay.errors import ModelError

# Read when the library is loaded: onnxruntime collects usage data even on Linux otherwise, names
# the machine in a file of the user's home, and sends it when it can.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

_BATCH = 32
"""Slices per call: enough to keep the cores busy, few enough for the caches."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class JudgeAnswers:
    """The network's answers for `b` slices.

    `map` `(b, n, n)` probability of the true mask in the crop; `outside` `(b,)` its area beyond the
    crop in units of the crop's area; `presence` `(b,)`; `kind` `(b, types)`; `embedding` `(b, e)`.
    """

    map: Floats
    outside: Floats
    presence: Floats
    kind: Floats
    embedding: Floats


class OnnxEngine:
    """Runs one ONNX file on the CPU; safe to share between threads."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or usable_cores()
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise ModelError(f"{path.name}: onnxruntime cannot load it: {error}") from error

    def __call__(self, inputs: Sequence[JudgeInput]) -> JudgeAnswers:
        """Judge slices, in batches. `inputs` must not be empty."""
        parts = [self._run(inputs[n : n + _BATCH]) for n in range(0, len(inputs), _BATCH)]
        return JudgeAnswers(*(np.concatenate(p) for p in zip(*parts, strict=True)))

    def _run(self, inputs: Sequence[JudgeInput]) -> list[Floats]:
        answers: list[Floats] = self._session.run(
            None,
            {
                "crop": np.stack([i.crop for i in inputs]),
                "field": np.stack([i.field for i in inputs]),
                "condition": np.stack([i.condition for i in inputs]),
            },
        )
        return answers


def usable_cores() -> int:
    """Return the number of cores this process may use; the machine may have more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
