"""Quality Sentinel's network: from slices to their Dice."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.judge.engines.network import Ports, open_network
from segassay.judge.inputs.sentinel_input import SIZE
from segassay.types import Engine

_BATCH = 10
"""Slices per call: all that are looked at of one mask."""

_PORTS = Ports({"slices": (2, SIZE, SIZE), "text": (512,)}, ("dice",))

Floats = NDArray[np.float32]


class SentinelEngine:
    """Runs the exported network on the CPU; safe to share between threads."""

    def __init__(
        self, path: Path, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        self._session = open_network(path, _PORTS, threads=threads, engine=engine)

    def __call__(self, slices: Floats, text: Floats) -> Floats:
        """Predict the Dice of slices.

        Args:
            slices: `(b, 2, 256, 256)` as `judge.inputs.sentinel_input` prepares them, `b` at least
                1.
            text: `(b, 512)`, the vector of each slice's structure, as released.

        Returns:
            `(b,)`; linear, so it can leave [0, 1].
        """
        parts = [
            self._session.run(
                ["dice"], {"slices": slices[n : n + _BATCH], "text": text[n : n + _BATCH]}
            )[0]
            for n in range(0, len(slices), _BATCH)
        ]
        return np.concatenate(parts)
