"""Networks of judges in context: the pretrained encoder, and the judge that reads the context."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segassay.judge.context.context_inputs import FIELDS, LOOKS_PX, MAPS, NUMBERS, ContextInput
from segassay.judge.context.looks import SIDE_PX, Looks
from segassay.judge.engines.network import Ports, open_network
from segassay.judge.engines.onnx_engine import Floats, JudgeAnswers
from segassay.judge.inputs.preprocess import (
    CONDITION_DIM,
    CROP_CHANNELS,
    FIELD_CHANNELS,
    JudgeInput,
    JudgePreprocess,
)
from segassay.types import Engine

_BATCH = 8


class PatchEncoder:
    """Runs the pretrained encoder; safe to share between threads."""

    def __init__(
        self, path: Path, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        ports = Ports({"picture": (3, SIDE_PX, SIDE_PX)}, ("patches", "summary"))
        self._session = open_network(path, ports, threads=threads, engine=engine)

    def __call__(self, pictures: Sequence[Floats]) -> list[Looks]:
        """Return the features of slices prepared by `judge.context.looks.picture`."""
        found: list[Looks] = []
        for start in range(0, len(pictures), _BATCH):
            batch = np.stack(pictures[start : start + _BATCH])
            patches, summaries = self._session.run(None, {"picture": batch})
            found += [Looks(*one) for one in zip(patches, summaries, strict=True)]
        return found


class ContextEngine:
    """Runs the network of a judge that reads the context; safe to share between threads."""

    def __init__(
        self,
        path: Path,
        settings: JudgePreprocess,
        n_looks: int,
        *,
        threads: int | None = None,
        engine: Engine = Engine.ONNX,
    ) -> None:
        ports = Ports(
            {
                "crop": (CROP_CHANNELS + MAPS, settings.crop_px, settings.crop_px),
                "field": (FIELD_CHANNELS + FIELDS, settings.field_px, settings.field_px),
                "condition": (CONDITION_DIM + NUMBERS,),
                "looks": (n_looks, LOOKS_PX, LOOKS_PX),
            },
            ("map", "outside", "presence", "kind", "embedding", "error"),
        )
        self._session: Any = open_network(path, ports, threads=threads, engine=engine)

    def __call__(
        self, inputs: Sequence[JudgeInput], contexts: Sequence[ContextInput]
    ) -> JudgeAnswers:
        """Judge slices, in batches. `inputs` must not be empty."""
        parts = []
        for n in range(0, len(inputs), _BATCH):
            pairs = list(zip(inputs[n : n + _BATCH], contexts[n : n + _BATCH], strict=True))
            parts.append(
                self._session.run(
                    None,
                    {
                        "crop": np.stack([np.concatenate([i.crop, c.maps]) for i, c in pairs]),
                        "field": np.stack([np.concatenate([i.field, c.field]) for i, c in pairs]),
                        "condition": np.stack(
                            [np.concatenate([i.condition, c.numbers]) for i, c in pairs]
                        ),
                        "looks": np.stack([c.looks for _, c in pairs]),
                    },
                )
            )
        return JudgeAnswers(*(np.concatenate(p) for p in zip(*parts, strict=True)))
