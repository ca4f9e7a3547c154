"""OpenVINO, opened in one way: on the CPU, silent, in bfloat16 where the processor has it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.extras import require
from segassay.judge.engines.onnxruntime_session import usable_cores

Floats = NDArray[np.float32]

_TYPES = {"f32": "float", "f16": "float16", "f64": "double"} | {
    f"{short}{bits}": f"{long}{bits}"
    for short, long in (("i", "int"), ("u", "uint"))
    for bits in (8, 16, 32, 64)
}
"""What ONNX Runtime calls the types of OpenVINO."""

_while_importing = Lock()


class Port(NamedTuple):
    """An input or output of a network, as onnxruntime tells of it; outputs by name alone."""

    name: str
    shape: tuple[int, ...]
    type: str = "tensor(float)"


class OpenVinoSession:
    """An ONNX file on OpenVINO, run as a session of onnxruntime is; safe to share."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        core = _core()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if _has_bfloat16(core) else "f32",
            "INFERENCE_NUM_THREADS": threads or usable_cores(),
            "NUM_STREAMS": 1,
            # Several processes (--jobs) would otherwise all take the first cores.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = core.compile_model(path, "CPU", settings)
        except Exception as error:  # openvino's errors share no base class of their own
            raise ModelError(
                f"{path.name}: openvino cannot load it: {error}; ask for --engine onnx"
            ) from error
        self._outputs = [output.any_name for output in compiled.outputs]
        self._inputs = [
            Port(
                part.any_name,
                tuple(_length(side) for side in part.get_partial_shape()),
                f"tensor({_TYPES.get(kind := part.get_element_type().get_type_name(), kind)})",
            )
            for part in compiled.inputs
        ]
        self._request = compiled.create_infer_request()
        self._one_at_a_time = Lock()

    def get_inputs(self) -> list[Port]:
        """Return name, shape and type of every input."""
        return list(self._inputs)

    def get_outputs(self) -> list[Port]:
        """Return the names of the outputs in their order."""
        return [Port(name, ()) for name in self._outputs]

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Floats]) -> list[Floats]:
        """Return the outputs called `names`, by default all in their order."""
        with self._one_at_a_time:
            answers = self._request.infer(dict(feeds)).to_tuple()
        found = dict(zip(self._outputs, answers, strict=True))
        return [found[name] for name in names or self._outputs]


def _length(side: Any) -> int:
    """Return how long an axis is, -1 for any length."""
    return int(side.get_length()) if side.is_static else -1


def openvino_precision() -> str:
    """Return the numbers that networks are computed with here: `bfloat16` or `float32`.

    Raises:
        MissingExtraError: OpenVINO is not installed.
    """
    return "bfloat16" if _has_bfloat16(_core()) else "float32"


def _has_bfloat16(core: Any) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _core() -> Any:
    """Load OpenVINO without its telemetry, which sends an event as soon as it is imported.

    Nothing of it is loaded where its module is marked as absent; OpenVINO then uses a stub. The
    mark is taken away again: other code of the process may have a use for the module.
    """
    with _while_importing:
        absent = "openvino_telemetry" not in sys.modules
        if absent:
            sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        try:
            return require("openvino", extra="fast").Core()
        finally:
            if absent:
                del sys.modules["openvino_telemetry"]
