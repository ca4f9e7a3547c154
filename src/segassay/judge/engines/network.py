"""A judge's network, opened on the engine that was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassay.errors import ModelError
from segassay.judge.engines.onnxruntime_session import open_session
from segassay.judge.engines.openvino_session import OpenVinoSession, openvino_precision
from segassay.judge.inputs.preprocess import (
    CONDITION_DIM,
    CROP_CHANNELS,
    FIELD_CHANNELS,
    JudgePreprocess,
)
from segassay.types import Engine


@dataclass(frozen=True, slots=True)
class Ports:
    """What a network must take and give.

    Attributes:
        inputs: The shape of each input, its batch left out.
        outputs: Names of the outputs in their order.
    """

    inputs: Mapping[str, tuple[int, ...]]
    outputs: tuple[str, ...]


def slice_ports(settings: JudgePreprocess, *outputs: str) -> Ports:
    """Return the ports of a network that looks at slices through these settings."""
    return Ports(
        {
            "crop": (CROP_CHANNELS, settings.crop_px, settings.crop_px),
            "field": (FIELD_CHANNELS, settings.field_px, settings.field_px),
            "condition": (CONDITION_DIM,),
        },
        outputs,
    )


def open_network(
    path: Path, ports: Ports, *, threads: int | None = None, engine: Engine = Engine.ONNX
) -> Any:
    """Open an ONNX file; what comes back has the `run` of an onnxruntime session.

    Args:
        path: The file, weights inside.
        ports: What it must take and give.
        threads: Cores to use; all that this process may use by default.
        engine: What runs it.

    Raises:
        MissingExtraError: The engine is not installed.
        ModelError: The engine cannot load the file, or it is another kind of network.
    """
    session = open_on(engine, path, threads=threads)
    inputs = {part.name: tuple(part.shape[1:]) for part in session.get_inputs()}
    found = Ports(inputs, tuple(part.name for part in session.get_outputs()))
    if found != ports:
        raise ModelError(
            f"{path.parent.name}: {path.name} takes {found.inputs} and gives "
            f"{', '.join(found.outputs)}; its description asks for {ports.inputs} and "
            f"{', '.join(ports.outputs)}: install the judge again"
        )
    return session


def open_on(engine: Engine, path: Path, *, threads: int | None = None) -> Any:
    """Open any ONNX file; what comes back has `run`, `get_inputs` and `get_outputs` of onnxruntime.

    Raises:
        MissingExtraError: The engine is not installed.
        ModelError: The engine cannot load the file.
    """
    if engine is Engine.OPENVINO:
        return OpenVinoSession(path, threads=threads)
    return open_session(path, threads=threads)


def runs_on(engine: Engine) -> str:
    """Return what scores depend on besides the judge: the engine, and the numbers it uses here."""
    if engine is Engine.OPENVINO:
        return f"openvino {openvino_precision()}"
    return "onnxruntime float32"
