"""A network that answers with numbers instead of a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segassay.judge.engines.network import open_network, slice_ports
from segassay.judge.engines.onnx_engine import Floats, in_batches
from segassay.judge.inputs.preprocess import JudgeInput, JudgePreprocess
from segassay.types import Engine


@dataclass(frozen=True, slots=True, eq=False)
class DirectAnswers:
    """The network's answers for `b` slices.

    `dice` `(b,)` of the mask in the whole slice, in [0, 1]; `size` `(b,)` area of the true mask in
    units of the crop's area; `presence` `(b,)`; `embedding` `(b, e)`.
    """

    dice: Floats
    size: Floats
    presence: Floats
    embedding: Floats


class DirectEngine:
    """Runs one ONNX file on the CPU; safe to share between threads."""

    def __init__(
        self,
        path: Path,
        settings: JudgePreprocess,
        *,
        threads: int | None = None,
        engine: Engine = Engine.ONNX,
    ) -> None:
        ports = slice_ports(settings, "dice", "size", "presence", "embedding")
        self._session = open_network(path, ports, threads=threads, engine=engine)

    def __call__(self, inputs: Sequence[JudgeInput]) -> DirectAnswers:
        """Judge slices, in batches. `inputs` must not be empty."""
        return DirectAnswers(*in_batches(self._session, inputs))
