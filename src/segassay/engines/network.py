"""A judge's network, opened on the engine that was asked for."""

from pathlib import Path
from typing import Any

from segassay.engines.openvino_session import OpenVinoSession, openvino_precision
from segassay.engines.session import open_session
from segassay.types import Engine


def open_network(path: Path, *, threads: int | None = None, engine: Engine = Engine.ONNX) -> Any:
    """Open an ONNX file; what comes back has the `run` of an onnxruntime session.

    Args:
        path: The file, weights inside.
        threads: Cores to use; all that this process may use by default.
        engine: What runs it.

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
