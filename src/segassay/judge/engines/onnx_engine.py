"""The judge's network: from its inputs to its map and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.judge.engines.network import open_network, slice_ports
from segassay.judge.inputs.preprocess import JudgeInput, JudgePreprocess
from segassay.types import Engine

_BATCH = 8
"""Slices per call: more gain nothing, and OpenVINO prepares itself for each number anew."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class JudgeAnswers:
    """The network's answers for `b` slices.

    `map` `(b, n, n)` probability of the true mask in the crop; `outside` `(b,)` its area beyond the
    crop in units of the crop's area; `presence` `(b,)`; `kind` `(b, types)`; `embedding` `(b, e)`.
    Judges in context say what error they expect of the Dice of their map, `error` `(b,)`.
    """

    map: Floats
    outside: Floats
    presence: Floats
    kind: Floats
    embedding: Floats
    error: Floats | None = None


class OnnxEngine:
    """Runs one ONNX file on the CPU; safe to share between threads."""

    def __init__(
        self,
        path: Path,
        settings: JudgePreprocess,
        *,
        threads: int | None = None,
        engine: Engine = Engine.ONNX,
    ) -> None:
        ports = slice_ports(settings, "map", "outside", "presence", "kind", "embedding")
        self._session = open_network(path, ports, threads=threads, engine=engine)

    def __call__(self, inputs: Sequence[JudgeInput]) -> JudgeAnswers:
        """Judge slices, in batches. `inputs` must not be empty."""
        return JudgeAnswers(*in_batches(self._session, inputs))


def in_batches(session: Any, inputs: Sequence[JudgeInput]) -> list[Floats]:
    """Run a session over slices; returns its outputs in order, each `(slices, ...)`."""
    parts = [_run(session, inputs[n : n + _BATCH]) for n in range(0, len(inputs), _BATCH)]
    return [np.concatenate(p) for p in zip(*parts, strict=True)]


def _run(session: Any, inputs: Sequence[JudgeInput]) -> list[Floats]:
    answers: list[Floats] = session.run(
        None,
        {
            "crop": np.stack([i.crop for i in inputs]),
            "field": np.stack([i.field for i in inputs]),
            "condition": np.stack([i.condition for i in inputs]),
        },
    )
    return answers
